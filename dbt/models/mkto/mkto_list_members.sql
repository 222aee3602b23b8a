-- Who is on which static list now: members of merged leads are their winner's, deleted leads are none.
with memberships as (
  {{ tap_marketo.rows_of('list_memberships', [
    ['listId', 'bigint', 'list_id'],
    ['leadId', 'bigint', 'lead_id'],
    ['isMember', 'boolean', 'is_member'],
    ['updatedAt', 'timestamp', 'updated_at'],
    ['readAt', 'timestamp', 'read_at'],
  ]) }}
), merges as (
  select * from {{ ref('mkto_lead_merges') }}
), gone as (
  select * from {{ ref('mkto_gone_leads') }}
)
select
  memberships.list_id,
  coalesce(gone.current_lead_id, memberships.lead_id) as lead_id,
  max(memberships.updated_at) as updated_at
from memberships left join gone on gone.lead_id = memberships.lead_id
where memberships.is_member
  and coalesce(gone.is_deleted, false) = false
  -- A row from before the last reading of all lists is no membership any more.
  and memberships.read_at is not distinct from (select max(read_at) from memberships)
  -- What the winner did after the merge counts alone.
  and not exists (
    select 1
    from merges join memberships as heir on heir.lead_id = merges.heir_id
    where merges.lead_id = memberships.lead_id and heir.list_id = memberships.list_id
      and heir.updated_at > merges.merged_at
  )
group by memberships.list_id, coalesce(gone.current_lead_id, memberships.lead_id)
