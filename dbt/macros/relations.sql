{#
  Rows of a stream name rows of another one, as docs/relations.md says: the test finds what is named and is not there.
  It passes where one of the two is not loaded, or a column is not selected.

  A path is a column, a member of an object (`folder.id`, or the first that there is: `folder.value|id`), or the same of
  each item of an array (`tags[].tagType`, `merge_ids[]`). `only` is a path with the value of the rows that are meant.
#}
{% test names_rows(model, stream, paths, to, keys, only=none) %}
  {%- set there = tap_marketo.loaded_table(to) -%}
  {%- set known = tap_marketo.columns_of(there) -%}
  {%- set lacking = [] -%}
  {%- for key in keys if tap_marketo.find_column(known, key) is none %}{% do lacking.append(key) %}{% endfor -%}
  {%- set parts = [] -%}
  {%- for name in tap_marketo.loaded_streams(stream) if there is not none and not lacking -%}
    {%- set part = tap_marketo.named_by(name, paths, to, only) -%}
    {%- if part -%}{%- do parts.append(part) -%}{%- endif -%}
  {%- endfor -%}
  {%- if parts %}
select * from (
  {{ parts | join('\n  union all\n') }}
) as named
where {% for key in keys %}named_{{ loop.index }} is not null and {% endfor %}not exists (
  select 1 from {{ there }} as there
  where {% for key in keys -%}
    cast(there.{{ adapter.quote(tap_marketo.find_column(known, key).name) }} as varchar) = named.named_{{ loop.index }}
    {{- ' and ' if not loop.last }}
  {%- endfor %}
)
  {%- else %}
select 'not loaded' as stream where 1 = 0
  {%- endif %}
{% endtest %}

{# What the rows of a stream name, as texts: a query, or nothing where a column is missing. #}
{% macro named_by(stream, paths, to, only) %}
  {%- set table = tap_marketo.loaded_table(stream) -%}
  {%- set known = tap_marketo.columns_of(table) -%}
  {%- set all_paths = paths + ([only[0]] if only else []) -%}
  {%- set found = [] -%}
  {%- for path in all_paths if tap_marketo.find_column(known, tap_marketo.column_of_path(path)) is not none -%}
    {%- do found.append(path) -%}
  {%- endfor -%}
  {%- if found | length == all_paths | length -%}
  {%- set arrays = [] -%}
  {%- for path in all_paths if '[].' in path %}{% do arrays.append(path) %}{% endfor -%}
  select '{{ stream }}' as stream
  {%- for path in paths %}, {{ tap_marketo.text_at(known, path, to == 'folders' and path.endswith('.type')) }} as named_{{ loop.index }}{% endfor %}
  from {{ table }} as naming
  {%- if arrays %}
  cross join lateral {{ tap_marketo.items_of(tap_marketo.quoted(known, arrays[0])) }} as items
  {%- endif %}
  {%- if only %}
  where {{ tap_marketo.text_at(known, only[0]) }} = '{{ only[1] }}'
  {%- endif %}
  {%- endif -%}
{% endmacro %}

{# What stands at a path, as a text; `capital` writes it with one capital, as types of folders are written. #}
{% macro text_at(known, path, capital=false) %}
  {%- set members = path.partition('.')[2].split('|') if '.' in path else [] -%}
  {%- set held = 'item' if '[].' in path else tap_marketo.quoted(known, path) -%}
  {%- set texts = [] -%}
  {%- for member in members %}{% do texts.append(tap_marketo.member_of(held, member)) %}{% endfor -%}
  {%- if path.endswith('[]') -%}
    cast({{ tap_marketo.numbers_in('cast(' ~ held ~ ' as varchar)') }} as varchar)
  {%- else -%}
    {%- set text = 'coalesce(' ~ texts | join(', ') ~ ')' if texts else 'cast(' ~ held ~ ' as varchar)' -%}
    {{ 'upper(substring(' ~ text ~ ', 1, 1)) || lower(substring(' ~ text ~ ', 2))' if capital else text }}
  {%- endif -%}
{% endmacro %}

{% macro column_of_path(path) %}{{ return(path.partition('.')[0].replace('[]', '')) }}{% endmacro %}

{% macro quoted(known, path) %}
  {{ return(adapter.quote(tap_marketo.find_column(known, tap_marketo.column_of_path(path)).name)) }}
{% endmacro %}
