-- Each status of a lead in a program, from when to when.
with changes as (
  {{ tap_marketo.fivetran_activity('change_status_in_progression', [
    ['old_status', 'varchar'], ['new_status', 'varchar'], ['success', 'boolean'], ['reason', 'varchar'],
  ]) }}
), gone as (
  select * from {{ ref('mkto_gone_leads') }}
), told as (
  select
    changes.id as activity_id,
    changes.primary_attribute_value_id as program_id,
    coalesce(gone.current_lead_id, changes.lead_id) as lead_id,
    changes.old_status,
    changes.new_status as status,
    changes.success as reached_success,
    changes.reason,
    changes.activity_date as since,
    gone.deleted_at,
    coalesce(program._fivetran_deleted, false) as is_gone
  from changes
  left join gone on gone.lead_id = changes.lead_id
  left join {{ ref('fivetran_program') }} as program on program.id = changes.primary_attribute_value_id
), dated as (
  select told.*, lead(since) over (
    partition by program_id, lead_id order by since, length(activity_id), activity_id
  ) as changed_at
  from told
), untold as (
  -- Members of whose status no activity tells any more, or none ever did.
  select members.*
  from {{ ref('mkto_program_members') }} as members
  left join (select distinct program_id, lead_id from told) as known
    on known.program_id = members.program_id and known.lead_id = members.lead_id
  where known.lead_id is null
)
select
  activity_id as status_id, program_id, lead_id, old_status, status, reached_success, reason, since,
  coalesce(changed_at, deleted_at) as until,
  coalesce(changed_at, deleted_at) is null and status <> 'Not in Program' and not is_gone as is_current,
  true as is_from_activity
from dated
union all
select
  'member ' || cast(program_id as varchar) || ' ' || cast(lead_id as varchar), program_id, lead_id, null, status,
  reached_success, null, member_since, null, true, false
from untold
