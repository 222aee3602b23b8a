-- Stays of a lead on a list follow one another.
select one.list_id, one.lead_id
from {{ ref('mkto_list_membership_history') }} as one
join {{ ref('mkto_list_membership_history') }} as other
  on other.list_id = one.list_id and other.lead_id = one.lead_id and other.since > one.since
where one.until is null or one.until > other.since
