{{ config(alias='activity_email_delivered') }}
{% set attributes = [
  ['campaign_run_id', 'bigint'],
  ['choice_number', 'bigint'],
  ['step_id', 'bigint'],
  ['test_variant', 'bigint'],
] %}
{{ tap_marketo.fivetran_activity('email_delivered', attributes, more=tap_marketo.mail_columns()) }}
