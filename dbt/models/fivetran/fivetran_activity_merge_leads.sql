{{ config(alias='activity_merge_leads') }}
{% set columns = tap_marketo.activity_columns() + [
  ['master_updated', 'boolean', 'master_updated'],
  ['merge_source', 'varchar', 'merge_source'],
  ['merged_in_sales', 'boolean', 'merged_in_sales'],
  ['merge_ids', 'varchar', 'merge_ids'],
] %}
{% set names = columns | map(attribute=2) | list %}
with told as (
  {{ tap_marketo.fivetran_table('activity_merge_leads', 'activities_merge_leads', columns) }}
)
-- dbt_marketo takes brackets off both ends and splits at commas: [1286861,1286862]. Targets write arrays as [1, 2],
-- as ["1", "2"] or as {1,2}.
select {{ names[:-1] | join(', ') }}, '[' || regexp_replace(merge_ids, '[^0-9,]', '', 'g') || ']' as merge_ids
from told
