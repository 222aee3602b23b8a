{{ config(alias='email_template_history') }}
{% set emails = [
  ['_sdc_extracted_at', 'timestamp', '_fivetran_synced'],
  ['id', 'bigint', 'id'],
  ['name', 'varchar', 'name'],
  ['description', 'varchar', 'description'],
  ['url', 'varchar', 'url'],
  ['subject', 'varchar', 'subject', 'value'],
  ['fromName', 'varchar', 'from_name', 'value'],
  ['fromEmail', 'varchar', 'from_email', 'value'],
  ['replyEmail', 'varchar', 'reply_email', 'value'],
  ['folder', 'varchar', 'folder_folder_name', 'folderName'],
  ['folder', 'bigint', 'folder_id', 'id'],
  ['folder', 'varchar', 'folder_type', 'type'],
  ['folder', 'bigint', 'folder_value', 'value'],
  ['operational', 'boolean', 'operational'],
  ['publishToMSI', 'boolean', 'publish_to_msi'],
  ['status', 'varchar', 'status'],
  ['template', 'bigint', 'template'],
  ['textOnly', 'boolean', 'text_only'],
  ['version', 'bigint', 'version'],
  ['webView', 'boolean', 'web_view'],
  ['workspace', 'varchar', 'workspace'],
  ['createdAt', 'timestamp', 'created_at'],
  ['updatedAt', 'timestamp', 'updated_at'],
] %}
{% set columns = [] %}
{% for column in emails %}{% do columns.append([column[2], column[1]]) %}{% endfor %}
{% do columns.append(['program_id', 'bigint']) %}
with emails as (
  {{ tap_marketo.rows_of('emails', emails) }}
), ours as (
  -- An email that stands in a program has it for a folder.
  select emails.*, case when lower(folder_type) = 'program' then folder_value end as program_id
  from emails
)
select * from ours
{{- tap_marketo.and_old_rows('email_template_history', columns, ['id', 'updated_at']) }}
