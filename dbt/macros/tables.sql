{# The table that a target made of a stream; none where the stream has not been loaded. #}
{% macro loaded_table(stream) %}
  {{ return(adapter.get_relation(target.database, var('tap_marketo_schema'), stream) if execute else none) }}
{% endmacro %}

{# The table that Fivetran left under a name; none where there is none. #}
{% macro old_table(name) %}
  {% set schema = var('tap_marketo_old_schema') %}
  {{ return(adapter.get_relation(target.database, schema, name) if execute and schema else none) }}
{% endmacro %}

{# Columns of a table by their names. #}
{% macro columns_of(table) %}
  {% set columns = {} %}
  {% if table is not none %}
    {% for column in adapter.get_columns_in_relation(table) %}{% do columns.update({column.name: column}) %}{% endfor %}
  {% endif %}
  {{ return(columns) }}
{% endmacro %}

{# One of them, or none: by its exact name, else in any letter case, as some targets write names in lower case. #}
{% macro find_column(columns, name) %}
  {% if name in columns %}{{ return(columns[name]) }}{% endif %}
  {% for known, column in columns.items() if known | lower == name | lower %}{{ return(column) }}{% endfor %}
  {{ return(none) }}
{% endmacro %}

{# Streams that have been loaded of a name; one with `*` at its end means all that begin so. #}
{% macro loaded_streams(pattern) %}
  {% set names = [] %}
  {% if pattern.endswith('*') and execute %}
    {% set found = run_query(
      "select table_name from information_schema.tables where table_schema = '" ~ var('tap_marketo_schema')
      ~ "' and table_name like '" ~ pattern[:-1].replace('_', '!_') ~ "%' escape '!' order by 1"
    ) %}
    {% for row in found.rows %}{% do names.append(row[0]) %}{% endfor %}
  {% elif tap_marketo.loaded_table(pattern) is not none %}
    {% do names.append(pattern) %}
  {% endif %}
  {{ return(names) }}
{% endmacro %}

{# Types of activities that have been loaded, as their tables name them: `send_email` of activities_send_email. #}
{% macro loaded_activity_types() %}
  {% set types = [] %}
  {% for name in tap_marketo.loaded_streams('activities_*') %}{% do types.append(name[11:]) %}{% endfor %}
  {{ return(types) }}
{% endmacro %}
