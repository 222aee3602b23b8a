-- Each stay of a lead on a static list, from when to when.
with gone as (
  select * from {{ ref('mkto_gone_leads') }}
), added as (
  {{ tap_marketo.fivetran_activity('add_to_list') }}
), removed as (
  {{ tap_marketo.fivetran_activity('remove_from_list') }}
), told as (
  select id, lead_id, activity_date, primary_attribute_value_id as list_id, true as comes from added
  union all
  select id, lead_id, activity_date, primary_attribute_value_id, false from removed
), of_now as (
  select
    told.id, told.list_id, told.activity_date, told.comes,
    coalesce(gone.current_lead_id, told.lead_id) as lead_id,
    gone.deleted_at
  from told left join gone on gone.lead_id = told.lead_id
), followed as (
  select of_now.*, lag(comes) over (
    partition by list_id, lead_id order by activity_date, length(id), id
  ) as came_before
  from of_now
), counted as (
  -- Who is added while on the list stays on it.
  select followed.*, sum(case when comes and coalesce(came_before, false) = false then 1 else 0 end) over (
    partition by list_id, lead_id order by activity_date, length(id), id rows unbounded preceding
  ) as stay
  from followed
), stays as (
  -- The first stay may have begun before activities tell of it.
  select
    list_id, lead_id, stay,
    min(case when comes then activity_date end) as since,
    coalesce(min(case when not comes then activity_date end), min(deleted_at)) as until
  from counted
  group by list_id, lead_id, stay
), untold as (
  select members.list_id, members.lead_id
  from {{ ref('mkto_list_members') }} as members
  left join stays on stays.list_id = members.list_id and stays.lead_id = members.lead_id and stays.until is null
  where stays.lead_id is null
)
select list_id, lead_id, since, until, until is null as is_current, true as is_from_activity from stays
union all
select list_id, lead_id, null, null, true, false from untold
