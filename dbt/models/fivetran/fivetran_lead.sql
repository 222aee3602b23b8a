{{ config(alias='lead') }}
-- depends_on: {{ ref('mkto_gone_leads') }}
{% set columns = [['_sdc_extracted_at', 'timestamp', '_fivetran_synced']] + tap_marketo.lead_columns() %}
{% set known = [] %}
{% for column in columns %}{% do known.append([column[2], column[1]]) %}{% endfor %}
with ours as (
  {{ tap_marketo.rows_of('leads', columns) }}
), leads as (
  select * from ours
  {{- tap_marketo.and_old_rows('lead', known) }}
)
select * from leads
{% if not var('tap_marketo_gone_leads') -%}
where id not in (select lead_id from {{ ref('mkto_gone_leads') }})
{%- endif %}
