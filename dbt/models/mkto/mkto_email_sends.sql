{%- set outcomes = ['email_delivered', 'email_bounced', 'email_bounced_soft', 'open_email', 'click_email', 'unsubscribe_email'] -%}
-- Each mail that was sent to a lead, and what became of it. Sends that were skipped or failed are no mails.
with gone as (
  select * from {{ ref('mkto_gone_leads') }}
), sends as (
  select
    send.id as send_id, send.lead_id as sent_to, coalesce(gone.current_lead_id, send.lead_id) as lead_id,
    send.email_template_id as email_id, send.campaign_id, send.campaign_run_id as run_id, send.activity_date as sent_at
  from {{ ref('fivetran_activity_send_email') }} as send
  left join gone on gone.lead_id = send.lead_id
  where coalesce(send.action_result, 'succeeded') not in ('skipped', 'failed')
), told as (
  {%- for type in outcomes %}
  select '{{ type }}' as kind, id, lead_id, primary_attribute_value_id as email_id, campaign_run_id as run_id,
    activity_date, {{ 'coalesce(is_bot_activity, false)' if type in ('open_email', 'click_email') else 'false' }} as by_bot
  from (
    {{ tap_marketo.fivetran_activity(type, [['campaign_run_id', 'bigint']]
      + ([['is_bot_activity', 'boolean']] if type in ('open_email', 'click_email') else [])) }}
  ) as {{ type }}
  {{ 'union all' if not loop.last }}
  {%- endfor %}
), matched as (
  -- What happens to a mail is of the last send before it: of the same run, or of any where no run is named.
  select
    sends.send_id, told.kind, told.activity_date, told.by_bot,
    row_number() over (partition by told.id order by sends.sent_at desc, length(sends.send_id) desc, sends.send_id desc) as place
  from told
  left join gone on gone.lead_id = told.lead_id
  join sends on sends.lead_id = coalesce(gone.current_lead_id, told.lead_id) and sends.email_id = told.email_id
    and sends.sent_at <= told.activity_date
    and (told.run_id is null or sends.run_id is null or sends.run_id = told.run_id)
), summed as (
  select
    send_id,
    min(case when kind = 'email_delivered' then activity_date end) as delivered_at,
    min(case when kind = 'email_bounced' then activity_date end) as bounced_at,
    min(case when kind = 'unsubscribe_email' then activity_date end) as unsubscribed_at,
    min(case when kind = 'open_email' and not by_bot then activity_date end) as opened_at,
    min(case when kind = 'click_email' and not by_bot then activity_date end) as clicked_at,
    sum(case when kind = 'email_bounced_soft' then 1 else 0 end) as soft_bounces,
    sum(case when kind = 'open_email' and not by_bot then 1 else 0 end) as opens,
    sum(case when kind = 'open_email' and by_bot then 1 else 0 end) as bot_opens,
    sum(case when kind = 'click_email' and not by_bot then 1 else 0 end) as clicks,
    sum(case when kind = 'click_email' and by_bot then 1 else 0 end) as bot_clicks
  from matched
  where place = 1
  group by send_id
)
select
  sends.send_id,
  sends.lead_id,
  sends.sent_to,
  sends.email_id,
  sends.campaign_id,
  coalesce(campaign.program_id, email.program_id) as program_id,
  sends.run_id,
  sends.sent_at,
  summed.delivered_at,
  summed.bounced_at,
  summed.opened_at,
  summed.clicked_at,
  summed.unsubscribed_at,
  coalesce(summed.soft_bounces, 0) as soft_bounces,
  coalesce(summed.opens, 0) as opens,
  coalesce(summed.clicks, 0) as clicks,
  coalesce(summed.bot_opens, 0) as bot_opens,
  coalesce(summed.bot_clicks, 0) as bot_clicks
from sends
left join summed on summed.send_id = sends.send_id
left join {{ ref('fivetran_campaign') }} as campaign on campaign.id = sends.campaign_id
left join (
  select id, max(program_id) as program_id from {{ ref('fivetran_email_template_history') }} group by id
) as email on email.id = sends.email_id
