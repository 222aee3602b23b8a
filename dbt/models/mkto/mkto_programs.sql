{%- set table = tap_marketo.loaded_table('programs') -%}
{%- set costs = tap_marketo.find_column(tap_marketo.columns_of(table), 'costs') -%}
-- Each program: members, successes, and what one of each cost.
with members as (
  select program_id, count(*) as members, sum(case when reached_success then 1 else 0 end) as successes
  from {{ ref('mkto_program_members') }}
  group by program_id
), ever as (
  select program_id, count(distinct lead_id) as members_ever
  from {{ ref('mkto_program_status_history') }}
  group by program_id
), costs as (
  {% if costs is not none -%}
  select program_id, sum(cast({{ tap_marketo.member_of('item', 'cost') }} as double precision)) as cost
  from (
    select id as program_id, costs.item
    from {{ table }} as programs, lateral {{ tap_marketo.items_of('programs.' ~ adapter.quote(costs.name)) }} as costs
  ) as items
  group by program_id
  {%- else -%}
  select cast(null as bigint) as program_id, cast(null as double precision) as cost where false
  {%- endif %}
)
select
  program.id as program_id,
  program.name,
  program.type,
  program.channel,
  program.status,
  coalesce(members.members, 0) as members,
  coalesce(ever.members_ever, 0) as members_ever,
  coalesce(members.successes, 0) as successes,
  costs.cost,
  costs.cost / nullif(members.members, 0) as cost_per_member,
  costs.cost / nullif(members.successes, 0) as cost_per_success
from {{ ref('fivetran_program') }} as program
left join members on members.program_id = program.id
left join ever on ever.program_id = program.id
left join costs on costs.program_id = program.id
