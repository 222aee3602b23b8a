{{ config(alias='activity_click_email') }}
{% set attributes = [
  ['campaign_run_id', 'bigint'],
  ['choice_number', 'bigint'],
  ['step_id', 'bigint'],
  ['test_variant', 'bigint'],
  ['device', 'varchar'],
  ['is_mobile_device', 'boolean'],
  ['link', 'varchar'],
  ['link_id', 'varchar'],
  ['platform', 'varchar'],
  ['user_agent', 'varchar'],
] %}
{{ tap_marketo.fivetran_activity('click_email', attributes, more=tap_marketo.mail_columns()) }}
