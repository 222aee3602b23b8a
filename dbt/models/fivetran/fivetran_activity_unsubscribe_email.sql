{{ config(alias='activity_unsubscribe_email') }}
{% set attributes = [
  ['campaign_run_id', 'bigint'],
  ['test_variant', 'bigint'],
  ['client_ip_address', 'varchar'],
  ['form_fields', 'varchar'],
  ['query_parameters', 'varchar'],
  ['referrer_url', 'varchar'],
  ['user_agent', 'varchar'],
  ['webform_id', 'bigint'],
  ['webpage_id', 'bigint'],
] %}
{{ tap_marketo.fivetran_activity('unsubscribe_email', attributes, more=tap_marketo.mail_columns()) }}
