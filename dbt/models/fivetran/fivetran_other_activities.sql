{{ config(alias='other_activities', materialized='table', post_hook='{{ tap_marketo.make_activity_views(this) }}') }}
{% for type in tap_marketo.other_activity_types() %}
select
  cast('{{ type | replace("'", "''") }}' as varchar) as activity_type,
  cast('activity_{{ type | replace("'", "''") }}' as varchar) as view_name
{{ 'union all' if not loop.last }}
{% else %}
select cast(null as varchar) as activity_type, cast(null as varchar) as view_name where false
{% endfor %}
