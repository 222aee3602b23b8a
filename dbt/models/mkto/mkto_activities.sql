{{ config(materialized='incremental', unique_key='activity_id', on_schema_change='append_new_columns') }}
{% set own = [
  'send_email', 'email_delivered', 'email_bounced', 'open_email', 'click_email', 'unsubscribe_email',
  'change_data_value', 'merge_leads', 'delete_lead',
] %}
-- All activities of all types, one row each: what, when, about what, by which campaign, and whose it is now.
with gone as (
  select * from {{ ref('mkto_gone_leads') }}
), types as (
  {{ tap_marketo.rows_of('activity_types', [['id', 'bigint', 'id'], ['name', 'varchar', 'name']]) }}
), told as (
  {%- for type in own %}
  select {{ tap_marketo.timeline_columns(type) }} from {{ ref('fivetran_activity_' ~ type) }}
  {{ 'union all' if not loop.last }}
  {%- endfor %}
  {%- set beside = ref('fivetran_other_activities') %}
  {%- for type in tap_marketo.other_activity_types() %}
  union all
  select {{ tap_marketo.timeline_columns(type) }} from {{ tap_marketo.activity_view(type, beside) }}
  {%- endfor %}
), activities as (
  select
    told.activity_id,
    told.activity_date,
    told.activity_type,
    types.name as activity_type_name,
    told.lead_id,
    coalesce(gone.current_lead_id, told.lead_id) as current_lead_id,
    coalesce(gone.is_deleted, false) as is_deleted,
    told.asset_id,
    told.asset_name,
    told.campaign_id,
    told.loaded_at
  from told
  left join types on types.id = told.activity_type_id
  left join gone on gone.lead_id = told.lead_id
)
select * from activities
{% if is_incremental() -%}
-- What differs from the row that is here already, whatever its date is: Marketo writes rows late, the tap brings others
-- again, and a merge gives old rows to another lead.
where not exists (
  select 1 from {{ this }} as known
  where known.activity_id = activities.activity_id
    and known.loaded_at is not distinct from activities.loaded_at
    and known.lead_id is not distinct from activities.lead_id
    and known.current_lead_id is not distinct from activities.current_lead_id
    and known.is_deleted = activities.is_deleted
)
{%- endif %}
