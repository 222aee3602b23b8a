{{ config(alias='activity_open_email') }}
{% set attributes = [
  ['campaign_run_id', 'bigint'],
  ['choice_number', 'bigint'],
  ['step_id', 'bigint'],
  ['test_variant', 'bigint'],
  ['device', 'varchar'],
  ['is_mobile_device', 'boolean'],
  ['platform', 'varchar'],
  ['user_agent', 'varchar'],
] %}
{{ tap_marketo.fivetran_activity('open_email', attributes, more=tap_marketo.mail_columns()) }}
