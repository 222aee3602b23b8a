{# A model has one row for each set of values of some columns. #}
{% test unique_together(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}

{# A model has as many rows as another query counts: nothing is lost, nothing is there twice. #}
{% test as_many_rows_as(model, sql) %}
select * from (
  select (select count(*) from {{ model }}) as here, ({{ sql }}) as there
) as counts
where here <> there
{% endtest %}

{# A column sums up to what another model says. #}
{% test same_sum(model, column_name, to, sum) %}
select * from (
  select (select coalesce(sum({{ column_name }}), 0) from {{ model }}) as here, (select {{ sum }} from {{ to }}) as there
) as sums
where here <> there
{% endtest %}

{# How many activities all tables of activities have together, less those of Fivetran that ours have too. #}
{% macro all_activities() -%}
  0
  {%- for type in tap_marketo.loaded_activity_types() %} + (select count(*) from {{ tap_marketo.loaded_table('activities_' ~ type) }}){% endfor %}
{%- endmacro %}
