{%- set people = {
  'leads_sent': 'sent_at', 'leads_delivered': 'delivered_at', 'leads_bounced': 'bounced_at', 'leads_opened': 'opened_at',
  'leads_clicked': 'clicked_at', 'leads_unsubscribed': 'unsubscribed_at',
} -%}
-- Emails by program: sends that succeeded, and the leads behind them; merged leads count once, bots apart.
with performance as (
  select
    program_id,
    email_id,
    count(*) as sends,
    {%- for name, date in people.items() %}
    count(distinct case when {{ date }} is not null then lead_id end) as {{ name }},
    {%- endfor %}
    count(distinct case when soft_bounces > 0 then lead_id end) as leads_bounced_softly,
    count(distinct case when bot_opens + bot_clicks > 0 then lead_id end) as leads_met_by_bots,
    sum(opens) as opens,
    sum(clicks) as clicks,
    sum(bot_opens) as bot_opens,
    sum(bot_clicks) as bot_clicks
  from {{ ref('mkto_email_sends') }}
  group by program_id, email_id
), emails as (
  select id, name, subject, row_number() over (partition by id order by updated_at desc) as place
  from {{ ref('fivetran_email_template_history') }}
)
select
  coalesce(cast(performance.program_id as varchar), 'none') || ' ' || cast(performance.email_id as varchar) as performance_id,
  performance.*,
  program.name as program_name,
  emails.name as email_name,
  emails.subject,
  1.0 * performance.leads_opened / nullif(performance.leads_delivered, 0) as open_rate,
  1.0 * performance.leads_clicked / nullif(performance.leads_delivered, 0) as click_rate
from performance
left join {{ ref('fivetran_program') }} as program on program.id = performance.program_id
left join emails on emails.id = performance.email_id and emails.place = 1
