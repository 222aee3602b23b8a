-- Who is on a list by what activities tell, is on it as it was read, and the other way round. It warns, as Marketo takes the
-- members of a deleted list from it untold.
{{ config(severity='warn') }}
with stays as (
  select distinct list_id, lead_id from {{ ref('mkto_list_membership_history') }} where is_current
)
select coalesce(members.list_id, stays.list_id) as list_id, coalesce(members.lead_id, stays.lead_id) as lead_id
from {{ ref('mkto_list_members') }} as members
full outer join stays on stays.list_id = members.list_id and stays.lead_id = members.lead_id
where (members.lead_id is null or stays.lead_id is null)
  and exists (select 1 from {{ ref('mkto_list_members') }})
