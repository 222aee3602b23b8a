-- The last status that activities tell of a member is the one that Marketo shows. It warns, as Marketo may change one untold.
{{ config(severity='warn') }}
select members.program_id, members.lead_id, members.status, history.status as told
from {{ ref('mkto_program_members') }} as members
join {{ ref('mkto_program_status_history') }} as history
  on history.program_id = members.program_id and history.lead_id = members.lead_id and history.until is null
where history.status <> members.status
  -- What two leads did in one program before they merged stands together.
  and members.lead_id not in (select current_lead_id from {{ ref('mkto_gone_leads') }})
