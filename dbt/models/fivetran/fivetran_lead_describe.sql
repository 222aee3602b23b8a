{{ config(alias='lead_describe') }}
{% set fields = [
  ['_sdc_extracted_at', 'timestamp', '_fivetran_synced'],
  ['id', 'bigint', 'id'],
  ['displayName', 'varchar', 'display_name'],
  ['dataType', 'varchar', 'data_type'],
  ['length', 'bigint', 'length'],
  ['readOnly', 'boolean', 'restread_only'],
  ['soapName', 'varchar', 'soapname'],
  ['soapReadOnly', 'boolean', 'soapread_only'],
] %}
with fields as (
  {{ tap_marketo.rows_of('lead_fields', fields + [['name', 'varchar', 'rest_name']]) }}
)
select {{ fields | map(attribute=2) | join(', ') }},
  -- The column of `lead`. From the REST name dbt_marketo makes another name than that column has, wherever the name has a
  -- capital, and so finds no change of that field.
  case rest_name
    {%- for rest, name in tap_marketo.lead_names().items() %}
    when '{{ rest | replace("'", "''") }}' then '{{ name }}'
    {%- endfor %}
  end as restname
from fields
