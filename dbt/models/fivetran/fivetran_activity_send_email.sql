{{ config(alias='activity_send_email') }}
{% set attributes = [
  ['campaign_run_id', 'bigint'],
  ['choice_number', 'bigint'],
  ['step_id', 'bigint'],
] %}
{{ tap_marketo.fivetran_activity('send_email', attributes, more=tap_marketo.mail_columns() + [['actionResult', 'varchar', 'action_result']]) }}
