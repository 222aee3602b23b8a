-- How many leads stand at each status of a program now, and how many ever did.
with now as (
  select program_id, status, count(*) as leads_now,
    sum(case when reached_success then 1 else 0 end) as successes_now
  from {{ ref('mkto_program_members') }}
  group by program_id, status
), ever as (
  select program_id, status, count(distinct lead_id) as leads_ever
  from {{ ref('mkto_program_status_history') }}
  group by program_id, status
), funnel as (
  select
    coalesce(now.program_id, ever.program_id) as program_id,
    coalesce(now.status, ever.status) as status,
    coalesce(now.leads_now, 0) as leads_now,
    coalesce(now.successes_now, 0) as successes_now,
    coalesce(ever.leads_ever, 0) as leads_ever
  from now full outer join ever on ever.program_id = now.program_id and ever.status = now.status
)
select
  funnel.program_id,
  program.name as program_name,
  program.type as program_type,
  program.channel,
  funnel.status,
  funnel.leads_now,
  funnel.leads_ever,
  funnel.successes_now
from funnel left join {{ ref('fivetran_program') }} as program on program.id = funnel.program_id
