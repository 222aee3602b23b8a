{{ config(alias='activity_delete_lead') }}
{% set attributes = [
  ['campaign', 'varchar'],
] %}
{{ tap_marketo.fivetran_activity('delete_lead', attributes) }}
