{{ config(alias='campaign') }}
{% set campaigns = [
  ['_sdc_extracted_at', 'timestamp', '_fivetran_synced'],
  ['id', 'bigint', 'id'],
  ['name', 'varchar', 'name'],
  ['type', 'varchar', 'type'],
  ['active', 'boolean', 'active'],
  ['description', 'varchar', 'description'],
  ['programId', 'bigint', 'program_id'],
  ['workspaceName', 'varchar', 'workspace_name'],
  ['createdAt', 'timestamp', 'created_at'],
  ['updatedAt', 'timestamp', 'updated_at'],
] %}
{% set smart_campaigns = [
  ['computedUrl', 'varchar', 'computed_url'],
  ['flowId', 'bigint', 'flow_id'],
  ['folder', 'bigint', 'folder_id', 'id'],
  ['folder', 'varchar', 'folder_type', 'type'],
  ['isCommunicationLimitEnabled', 'boolean', 'is_communication_limit_enabled'],
  ['isRequestable', 'boolean', 'is_requestable'],
  ['isSystem', 'boolean', 'is_system'],
  ['maxMembers', 'bigint', 'max_members'],
  ['qualificationRuleType', 'varchar', 'qualification_rule_type'],
  ['qualificationRuleInterval', 'bigint', 'qualification_rule_interval'],
  ['qualificationRuleUnit', 'varchar', 'qualification_rule_unit'],
  ['recurrence', 'timestamp', 'recurrence_start_at', 'startAt'],
  ['recurrence', 'timestamp', 'recurrence_end_at', 'endAt'],
  ['recurrence', 'varchar', 'recurrence_interval_type', 'intervalType'],
  ['recurrence', 'bigint', 'recurrence_interval', 'interval'],
  ['recurrence', 'boolean', 'recurrence_weekday_only', 'weekdayOnly'],
  ['recurrence', 'bigint', 'recurrence_day_of_month', 'dayOfMonth'],
  ['recurrence', 'varchar', 'recurrence_day_of_week', 'dayOfWeek'],
  ['recurrence', 'bigint', 'recurrence_week_of_month', 'weekOfMonth'],
  ['smartListId', 'bigint', 'smart_list_id'],
  ['status', 'varchar', 'status'],
] %}
{% set columns = [] %}
{% for column in campaigns + smart_campaigns %}{% do columns.append([column[2], column[1]]) %}{% endfor %}
{% set known = columns + [['_fivetran_deleted', 'boolean']] %}
with campaigns as (
  {{ tap_marketo.rows_of('campaigns', campaigns) }}
), smart_campaigns as (
  {{ tap_marketo.rows_of('smart_campaigns', [['id', 'bigint', 'smart_campaign_id']] + smart_campaigns) }}
), seen as (
  {{ tap_marketo.seen_assets('campaigns') }}
), ours as (
  select
    {%- for column in campaigns %}
    campaigns.{{ column[2] }},
    {%- endfor %}
    {%- for column in smart_campaigns %}
    smart_campaigns.{{ column[2] }},
    {%- endfor %}
    seen.is_gone as _fivetran_deleted
  from campaigns
  left join smart_campaigns on smart_campaigns.smart_campaign_id = campaigns.id
  left join seen on seen.id = campaigns.id
)
select * from ours
{{- tap_marketo.and_old_rows('campaign', known) }}
