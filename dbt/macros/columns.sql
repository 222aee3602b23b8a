{#
  What the tested targets make of values is known here and nowhere else:

  | record  | target-duckdb                 | target-postgres               |
  | array   | JSON                          | jsonb, or an array of texts   |
  | object  | JSON                          | jsonb                         |
  | time    | timestamp, in UTC             | timestamp, in UTC             |
  | integer | hugeint                       | bigint, or numeric            |
#}

{# A value as `type`: bigint, varchar, boolean or timestamp (without zone, in UTC). #}
{% macro as_type(expression, data_type, type) %}
  {%- set data_type = data_type | lower -%}
  {%- if type == 'timestamp' and ('with time zone' in data_type or data_type == 'timestamptz') -%}
    ({{ expression }} at time zone 'UTC')
  {%- elif type == 'bigint' and ('char' in data_type or 'text' in data_type) -%}
    {{ tap_marketo.as_number(expression) }}
  {%- elif type == 'varchar' and tap_marketo.is_nested(data_type) -%}
    cast(to_json({{ expression }}) as varchar)
  {%- else -%}
    cast({{ expression }} as {{ type }})
  {%- endif -%}
{% endmacro %}

{% macro is_nested(data_type) %}
  {{ return(data_type | upper == 'ARRAY' or data_type.endswith('[]') or 'json' in data_type | lower) }}
{% endmacro %}

{# A text as a number; null if it is none, as one odd value must not stop a view. #}
{% macro as_number(text) %}{{ adapter.dispatch('as_number', 'tap_marketo')(text) }}{% endmacro %}
{% macro default__as_number(text) %}try_cast({{ text }} as bigint){% endmacro %}
{% macro postgres__as_number(text) -%}
  cast(case when {{ text }} ~ '^-?[0-9]{1,18}$' then {{ text }} end as bigint)
{%- endmacro %}

{# A member of an object, as a text. #}
{% macro member_of(object, member) %}{{ adapter.dispatch('member_of', 'tap_marketo')(object, member) }}{% endmacro %}
{% macro default__member_of(object, member) %}json_extract_string({{ object }}, '$.{{ member }}'){% endmacro %}
{% macro postgres__member_of(object, member) %}(cast({{ object }} as jsonb) ->> '{{ member }}'){% endmacro %}

{# The objects in an array, as rows: a subquery with the column `item`. #}
{% macro items_of(array) %}{{ adapter.dispatch('items_of', 'tap_marketo')(array) }}{% endmacro %}
{% macro default__items_of(array) %}(select unnest(cast({{ array }} as json[])) as item){% endmacro %}
{% macro postgres__items_of(array) -%}
  (select jsonb_array_elements(case when jsonb_typeof(to_jsonb({{ array }})) = 'array' then to_jsonb({{ array }}) end) as item)
{%- endmacro %}

{#
  One column: `name`, from our column (or from a member of the object in it), as `type`. Null where the account, the
  selection or the target has no such column.
#}
{% macro one_column(columns, ours, type, name, member=none) %}
  {%- set column = tap_marketo.find_column(columns, ours) -%}
  {%- if column is none -%}
    cast(null as {{ type }}) as {{ name }}
  {%- elif member -%}
    {{ tap_marketo.as_type(tap_marketo.member_of(adapter.quote(column.name), member), 'text', type) }} as {{ name }}
  {%- else -%}
    {{ tap_marketo.as_type(adapter.quote(column.name), column.data_type, type) }} as {{ name }}
  {%- endif -%}
{% endmacro %}

{# The rows of a stream, with columns given as [ours, type, name] or [ours, type, name, member]; none if it is not loaded. #}
{% macro rows_of(stream, columns) %}
  {%- set table = tap_marketo.loaded_table(stream) -%}
  {%- set known = tap_marketo.columns_of(table) -%}
  select
  {%- for column in columns %}
    {{ tap_marketo.one_column(known, column[0], column[1], column[2], column[3]) }}{{ ',' if not loop.last }}
  {%- endfor %}
  {% if table is not none %}from {{ table }}{% else %}where false{% endif %}
{% endmacro %}

{# Each whole number in a text, as a row. #}
{% macro numbers_in(text) -%}
  cast(unnest(string_to_array(trim(regexp_replace({{ text }}, '[^0-9]+', ' ', 'g')), ' ')) as bigint)
{%- endmacro %}
