-- The leads that Marketo has, with how many others each has taken over in merges.
with gone as (
  select * from {{ ref('mkto_gone_leads') }}
), losers as (
  select current_lead_id, count(*) as merged_leads from gone where how = 'merged' group by current_lead_id
)
select lead.*, coalesce(losers.merged_leads, 0) as merged_leads
from {{ ref('fivetran_lead') }} as lead
left join losers on losers.current_lead_id = lead.id
where lead.id not in (select lead_id from gone)
