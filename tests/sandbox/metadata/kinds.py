"""The calls, with their paths and permissions (endpoint-reference.md)."""

from __future__ import annotations

TYPES, TYPE = "external_types", "external_type"
TYPE_PATH = r"/rest/v1/activities/external/type/(?P<id>[^/]+)/describe\.json"
SEARCHABLE = "describe2"
FORM_FIELDS = {"leads": "lead_form_fields", "program_members": "member_form_fields"}
"""Calls by the object whose fields they list."""
SCHEMAS = {
    "companies": "companies_schema",
    "opportunities": "opportunities_schema",
    "named_accounts": "named_accounts_schema",
    "program_members": "program_members_schema",
}
"""Calls by objects; opportunity roles and sales persons have no schema."""

ROUTES = {
    "/rest/v1/activities/external/types.json": TYPES,
    "/rest/v1/leads/describe2.json": SEARCHABLE,
    "/rest/asset/v1/form/fields.json": FORM_FIELDS["leads"],
    "/rest/asset/v1/form/programMemberFields.json": FORM_FIELDS["program_members"],
    "/rest/v1/companies/schema/fields.json": SCHEMAS["companies"],
    "/rest/v1/opportunities/schema/fields.json": SCHEMAS["opportunities"],
    "/rest/v1/namedaccounts/schema/fields.json": SCHEMAS["named_accounts"],
    "/rest/v1/programs/members/schema/fields.json": SCHEMAS["program_members"],
}
CALLS = frozenset((*ROUTES.values(), TYPE))

_TYPES = "Read-Only Activity Metadata"
PERMISSIONS = {
    TYPES: (_TYPES,),
    TYPE: (_TYPES,),
    SEARCHABLE: ("Read-Only Lead",),
    **dict.fromkeys(FORM_FIELDS.values(), ("Read-Only Asset",)),
}
"""Without those of the schemas, which any of two permissions opens."""
