-- Each lead that lost a merge, with each lead that it has become since, through chains of merges.
with recursive told as (
  select lead_id as winner, activity_date as merged_at, {{ tap_marketo.numbers_in('merge_ids') }} as loser
  from {{ ref('fivetran_activity_merge_leads') }}
), heirs(lead_id, heir_id, merged_at) as (
  select loser, winner, merged_at from told
  union
  select heirs.lead_id, told.winner, told.merged_at
  from heirs join told on told.loser = heirs.heir_id
)
-- Marketo may tell of a merge more than once.
select lead_id, heir_id, min(merged_at) as merged_at
from heirs
where lead_id <> heir_id
group by lead_id, heir_id
