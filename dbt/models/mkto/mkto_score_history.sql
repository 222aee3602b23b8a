-- Each value of each score of a lead, from when to when.
with changes as (
  {{ tap_marketo.fivetran_activity('change_score', [
    ['old_value', 'bigint'], ['new_value', 'bigint'], ['change_value', 'bigint'], ['reason', 'varchar'],
  ]) }}
), gone as (
  select * from {{ ref('mkto_gone_leads') }}
), told as (
  select
    changes.id as activity_id,
    coalesce(gone.current_lead_id, changes.lead_id) as lead_id,
    changes.primary_attribute_value as score_name,
    changes.old_value,
    changes.new_value,
    changes.change_value,
    changes.reason,
    changes.campaign_id,
    changes.activity_date as since
  from changes left join gone on gone.lead_id = changes.lead_id
)
select told.*, lead(since) over (
  partition by lead_id, score_name order by since, length(activity_id), activity_id
) as until
from told
