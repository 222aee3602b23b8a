{{ config(alias='activity_email_bounced') }}
{% set attributes = [
  ['campaign_run_id', 'bigint'],
  ['choice_number', 'bigint'],
  ['step_id', 'bigint'],
  ['test_variant', 'bigint'],
  ['category', 'bigint'],
  ['subcategory', 'bigint'],
  ['details', 'varchar'],
  ['email', 'varchar'],
] %}
{{ tap_marketo.fivetran_activity('email_bounced', attributes, more=tap_marketo.mail_columns()) }}
