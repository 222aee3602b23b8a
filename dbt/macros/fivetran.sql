{#
  Behind a view's own rows, in `ours`: those of Fivetran's table from before that ours lack. Marketo deletes most
  activities after 90 days or 25 months. `columns` are [name, type].
#}
{% macro and_old_rows(name, columns, key=['id']) %}
  {%- set table = tap_marketo.old_table(name) -%}
  {%- if table is not none %}
  {%- set known = tap_marketo.columns_of(table) %}
  union all
  select
  {%- for column in columns %}
    {{ tap_marketo.one_column(known, column[0], column[1], column[0]) }}{{ ',' if not loop.last }}
  {%- endfor %}
  from {{ table }} as old
  where not exists (
    select 1 from ours
    where {% for part in key -%}
      cast(ours.{{ part }} as varchar) = cast(old.{{ part }} as varchar){{ ' and ' if not loop.last }}
    {%- endfor %}
  )
  {%- endif %}
{% endmacro %}

{# A table of Fivetran's whose columns are ours, one by one. #}
{% macro fivetran_table(name, stream, columns, key=['id']) %}
  {%- set known = [] -%}
  {%- for column in columns %}{% do known.append([column[2], column[1]]) %}{% endfor -%}
with ours as (
  {{ tap_marketo.rows_of(stream, columns) }}
)
select * from ours
{{- tap_marketo.and_old_rows(name, known, key) }}
{% endmacro %}

{# Columns that all activities have, as [ours, type, Fivetran's]. #}
{% macro activity_columns() %}
  {{ return([
    ['_sdc_extracted_at', 'timestamp', '_fivetran_synced'],
    ['marketoGUID', 'varchar', 'id'],
    ['leadId', 'bigint', 'lead_id'],
    ['activityDate', 'timestamp', 'activity_date'],
    ['activityTypeId', 'bigint', 'activity_type_id'],
    ['campaignId', 'bigint', 'campaign_id'],
    ['primary_attribute_value', 'varchar', 'primary_attribute_value'],
    ['primary_attribute_value_id', 'bigint', 'primary_attribute_value_id'],
  ]) }}
{% endmacro %}

{# A type of activities, with attributes given as [name, type]: they have one name on both sides. #}
{% macro fivetran_activity(type, attributes=[], more=[]) %}
  {%- set columns = tap_marketo.activity_columns() + more -%}
  {%- for attribute in attributes %}{% do columns.append([attribute[0], attribute[1], attribute[0]]) %}{% endfor -%}
  {{ tap_marketo.fivetran_table('activity_' ~ type, 'activities_' ~ type, columns) }}
{% endmacro %}

{# The columns of a mail that activities of mails are about, which Fivetran has twice. #}
{% macro mail_columns() %}
  {{ return([['primary_attribute_value_id', 'bigint', 'email_template_id']]) }}
{% endmacro %}

{# Types of activities that have been loaded and have no model of their own. #}
{% macro other_activity_types() %}
  {% set own = [
    'send_email', 'email_delivered', 'email_bounced', 'open_email', 'click_email', 'unsubscribe_email',
    'change_data_value', 'merge_leads', 'delete_lead',
  ] %}
  {{ return(tap_marketo.loaded_activity_types() | reject('in', own) | list) }}
{% endmacro %}

{# The view of such a type, in the schema of a relation. #}
{% macro activity_view(type, beside) %}
  {{ return(api.Relation.create(beside.database, beside.schema, 'activity_' ~ type, type='view')) }}
{% endmacro %}

{# All columns of a type of activities: those of all activities, then the attributes as they are, nested ones as texts. #}
{% macro whole_activity(type) %}
  {%- set columns = tap_marketo.activity_columns() + [['actionResult', 'varchar', 'action_result']] -%}
  {%- set taken = columns | map(attribute=0) | map('lower') | list + columns | map(attribute=2) | list -%}
  {%- for name, column in tap_marketo.columns_of(tap_marketo.loaded_table('activities_' ~ type)).items()
    if name | lower not in taken and name != 'primary_attribute_name' and not name.startswith('_sdc_') -%}
    {%- set kind = 'varchar' if tap_marketo.is_nested(column.data_type) else column.data_type -%}
    {%- do columns.append([name, kind, adapter.quote(name)]) -%}
  {%- endfor -%}
  {{ tap_marketo.fivetran_table('activity_' ~ type, 'activities_' ~ type, columns) }}
{% endmacro %}

{# Make a view activity_<type> of each of those types. dbt cannot: a model is a file, and types come and go. #}
{% macro make_activity_views(beside) %}
  {% if execute %}
    {% for type in tap_marketo.other_activity_types() %}
      {% set view = tap_marketo.activity_view(type, beside) %}
      {% do run_query('drop view if exists ' ~ view ~ ' cascade') %}
      {% do run_query('create view ' ~ view ~ ' as ' ~ tap_marketo.whole_activity(type)) %}
    {% endfor %}
  {% endif %}
{% endmacro %}

{# The columns of a type's view that the timeline of all activities has. #}
{% macro timeline_columns(type) -%}
  id as activity_id, activity_date, cast('{{ type | replace("'", "''") }}' as varchar) as activity_type, activity_type_id, lead_id,
    primary_attribute_value_id as asset_id, primary_attribute_value as asset_name, campaign_id,
    _fivetran_synced as loaded_at
{%- endmacro %}

{#
  Assets of a type, with whether the newest complete listing lacks them: `assets_seen` has the time at which each was
  last listed. Marketo tells of no deletion of an asset.
#}
{% macro seen_assets(type) -%}
  select id, seen_at < max(seen_at) over () as is_gone
  from (
    {{ tap_marketo.rows_of('assets_seen', [
      ['assetType', 'varchar', 'asset_type'], ['id', 'bigint', 'id'], ['seenAt', 'timestamp', 'seen_at'],
    ]) }}
  ) as listed
  where asset_type = '{{ type }}'
{%- endmacro %}
