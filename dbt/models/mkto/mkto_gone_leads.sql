-- Each lead that is gone, with the lead that it is now: itself, if it was deleted without a merge.
with merges as (
  select * from {{ ref('mkto_lead_merges') }}
), deletions as (
  select lead_id, min(activity_date) as deleted_at
  from {{ ref('fivetran_activity_delete_lead') }}
  where lead_id is not null
  group by lead_id
), last_heirs as (
  select lead_id, max(heir_id) as current_lead_id
  from merges
  where heir_id not in (select lead_id from merges)
  group by lead_id
), first_merges as (
  select lead_id, min(merged_at) as merged_at from merges group by lead_id
), gone as (
  select last_heirs.lead_id, last_heirs.current_lead_id, first_merges.merged_at as gone_at
  from last_heirs join first_merges on first_merges.lead_id = last_heirs.lead_id
  union all
  select lead_id, lead_id, deleted_at from deletions where lead_id not in (select lead_id from merges)
)
select
  gone.lead_id,
  gone.current_lead_id,
  case when gone.lead_id = gone.current_lead_id then 'deleted' else 'merged' end as how,
  deletions.lead_id is not null as is_deleted,
  gone.gone_at,
  deletions.deleted_at
from gone left join deletions on deletions.lead_id = gone.current_lead_id
