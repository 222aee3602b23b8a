{{ config(alias='program') }}
{% set programs = [
  ['_sdc_extracted_at', 'timestamp', '_fivetran_synced'],
  ['id', 'bigint', 'id'],
  ['name', 'varchar', 'name'],
  ['type', 'varchar', 'type'],
  ['channel', 'varchar', 'channel'],
  ['status', 'varchar', 'status'],
  ['description', 'varchar', 'description'],
  ['url', 'varchar', 'url'],
  ['workspace', 'varchar', 'workspace'],
  ['sfdcId', 'varchar', 'sfdc_id'],
  ['sfdcName', 'varchar', 'sfdc_name'],
  ['startDate', 'timestamp', 'start_date'],
  ['endDate', 'timestamp', 'end_date'],
  ['createdAt', 'timestamp', 'created_at'],
  ['updatedAt', 'timestamp', 'updated_at'],
] %}
{% set known = [] %}
{% for column in programs %}{% do known.append([column[2], column[1]]) %}{% endfor %}
{% do known.append(['_fivetran_deleted', 'boolean']) %}
with programs as (
  {{ tap_marketo.rows_of('programs', programs) }}
), seen as (
  {{ tap_marketo.seen_assets('programs') }}
), ours as (
  select programs.*, seen.is_gone as _fivetran_deleted
  from programs left join seen on seen.id = programs.id
)
select * from ours
{{- tap_marketo.and_old_rows('program', known) }}
