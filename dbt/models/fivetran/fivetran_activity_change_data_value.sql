{{ config(alias='activity_change_data_value') }}
{% set attributes = [
  ['old_value', 'varchar'],
  ['new_value', 'varchar'],
  ['reason', 'varchar'],
  ['source', 'varchar'],
  ['api_method_name', 'varchar'],
  ['modifying_user', 'varchar'],
  ['request_id', 'varchar'],
] %}
{{ tap_marketo.fivetran_activity('change_data_value', attributes) }}
