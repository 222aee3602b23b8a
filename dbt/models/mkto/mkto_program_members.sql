-- Who is in which program now: members of merged leads are their winner's, those of deleted leads are none.
with members as (
  {{ tap_marketo.rows_of('program_members', [
    ['programId', 'bigint', 'program_id'],
    ['leadId', 'bigint', 'lead_id'],
    ['statusName', 'varchar', 'status'],
    ['reachedSuccess', 'boolean', 'reached_success'],
    ['reachedSuccessDate', 'timestamp', 'reached_success_at'],
    ['acquiredBy', 'boolean', 'is_acquired_by'],
    ['membershipDate', 'timestamp', 'member_since'],
    ['updatedAt', 'timestamp', 'updated_at'],
  ]) }}
), merges as (
  select * from {{ ref('mkto_lead_merges') }}
), gone as (
  select * from {{ ref('mkto_gone_leads') }}
), now as (
  select members.*, coalesce(gone.current_lead_id, members.lead_id) as current_lead_id
  from members
  left join gone on gone.lead_id = members.lead_id
  left join {{ ref('fivetran_program') }} as program on program.id = members.program_id
  where coalesce(program._fivetran_deleted, false) = false
    -- What the winner did after the merge counts alone.
    and coalesce(gone.is_deleted, false) = false and not exists (
    select 1
    from merges join members as heir on heir.lead_id = merges.heir_id
    where merges.lead_id = members.lead_id and heir.program_id = members.program_id
      and (heir.updated_at > merges.merged_at or heir.status is distinct from 'Not in Program')
  )
), ranked as (
  select now.*, row_number() over (
    partition by program_id, current_lead_id
    order by case when status = 'Not in Program' then 1 else 0 end, updated_at desc, lead_id
  ) as place
  from now
)
select
  program_id,
  current_lead_id as lead_id,
  status,
  coalesce(reached_success, false) as reached_success,
  reached_success_at,
  is_acquired_by,
  member_since,
  updated_at
from ranked
where place = 1 and status is distinct from 'Not in Program'
