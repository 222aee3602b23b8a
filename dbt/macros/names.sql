{# Fivetran's way with names: firstName to first_name, anonymousIP to anonymous_ip, Region__c to region_c. #}
{% macro fivetran_name(name) %}
  {% set name = modules.re.sub('([a-z0-9])([A-Z])', '\\1_\\2', name) %}
  {% set name = modules.re.sub('([A-Z])([A-Z][a-z])', '\\1_\\2', name) %}
  {% set name = modules.re.sub('[^A-Za-z0-9]+', '_', name) | lower %}
  {% set name = modules.re.sub('_+', '_', name) %}
  {{ return('_' ~ name if modules.re.match('[0-9]', name) else name) }}
{% endmacro %}

{# Columns of Fivetran's `lead` that dbt_marketo names, as [REST name, type, Fivetran's]. #}
{% macro usual_lead_columns() %}
  {% set columns = [
    ['id', 'bigint'], ['createdAt', 'timestamp'], ['updatedAt', 'timestamp'], ['unsubscribed', 'boolean'],
    ['emailInvalid', 'boolean'], ['doNotCall', 'boolean'],
  ] %}
  {% for name in [
    'email', 'firstName', 'lastName', 'phone', 'mainPhone', 'mobilePhone', 'company', 'inferredCompany', 'addressLead',
    'address', 'city', 'state', 'stateCode', 'country', 'countryCode', 'postalCode', 'billingStreet', 'billingCity',
    'billingState', 'billingStateCode', 'billingCountry', 'billingCountryCode', 'billingPostalCode', 'inferredCity',
    'inferredStateRegion', 'inferredCountry', 'inferredPostalCode', 'inferredPhoneAreaCode', 'anonymousIP',
  ] %}{% do columns.append([name, 'varchar']) %}{% endfor %}
  {% set named = [] %}
  {% for name, type in columns %}{% do named.append([name, type, tap_marketo.fivetran_name(name)]) %}{% endfor %}
  {{ return(named) }}
{% endmacro %}

{# REST names of the lead fields, those that were there first before the others, with their ids. #}
{% macro lead_fields() %}
  {% set fields = {} %}
  {% set table = tap_marketo.loaded_table('lead_fields') %}
  {% if table is not none %}
    {% set known = tap_marketo.rows_of('lead_fields', [['name', 'varchar', 'name'], ['id', 'bigint', 'id']]) %}
    {% set found = run_query('select name, id from (' ~ known ~ ') as fields where name is not null order by id nulls last, name') %}
    {% for row in found.rows %}{% do fields.update({row[0]: row[1]}) %}{% endfor %}
  {% endif %}
  {{ return(fields) }}
{% endmacro %}

{#
  What each lead field is called in the view `lead`: REST name to Fivetran's. Two fields whose names would be one
  (Company_Size__c, company_size__c) stay two: the later one gets a number.
#}
{% macro lead_names() %}
  {% set names = {} %}
  {% set taken = [] %}
  {% set usual = tap_marketo.usual_lead_columns() | map(attribute=0) | list %}
  {% for name in usual + tap_marketo.lead_fields().keys() | list if name not in names %}
    {% set plain = [tap_marketo.fivetran_name(name)] %}
    {% for number in range(2, 100) if plain[-1] in taken %}{% do plain.append(plain[0] ~ '_' ~ number) %}{% endfor %}
    {% do taken.append(plain[-1]) %}
    {% do names.update({name: plain[-1]}) %}
  {% endfor %}
  {{ return(names) }}
{% endmacro %}

{#
  Columns of the view `lead` as [ours or none, type, Fivetran's]: the usual ones and all that the account has. A target
  such as target-duckdb writes names in lower case, so that only lead_fields tells firstName from firstname; without
  it, names that are not usual stay run together. With the tap's `names: plain` a column may end in the field's id.
#}
{% macro lead_columns() %}
  {% set names = tap_marketo.lead_names() %}
  {% set lower = {} %}
  {% for rest, name in names.items() %}{% do lower.setdefault(rest | lower, name) %}{% endfor %}
  {% set numbers = {} %}
  {% for rest, number in tap_marketo.lead_fields().items() if number %}
    {% do numbers.update({'%06d' % number: names[rest]}) %}
  {% endfor %}
  {% set known = tap_marketo.columns_of(tap_marketo.loaded_table('leads')) %}
  {% set columns = tap_marketo.usual_lead_columns() %}
  {% set taken = columns | map(attribute=2) | list %}
  {% for key, column in known.items() if not key.startswith('_sdc_') %}
    {% set numbered = numbers.get(key.rpartition('_')[2], tap_marketo.fivetran_name(key)) %}
    {% set name = names.get(key, lower.get(key | lower, numbered)) %}
    {% if name not in taken %}
      {% do taken.append(name) %}
      {% set type = 'varchar' if tap_marketo.is_nested(column.data_type) else column.data_type %}
      {% do columns.append([key, type, name]) %}
    {% endif %}
  {% endfor %}
  {{ return(columns) }}
{% endmacro %}
