"""What describes fields and custom activity types: a few calls each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from tap_marketo.exports.plan_line import Calls
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.moving_list import offset_pages
from tap_marketo.marketo.pages import Page, Row, all_rows
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import Details, by_key
from tap_marketo.streams.field_schemas import FieldSchemas, searchable_fields
from tap_marketo.streams.page_read import Scan
from tap_marketo.streams.paged import Pages, pages_of_parts, whole_list
from tap_marketo.streams.permissions import READ_ACTIVITY_METADATA, READ_ASSET, READ_LEAD
from tap_marketo.streams.stream_read import raw_id

_TYPES = "/rest/v1/activities/external"
# forms.md, Field Metadata, by the objects whose fields they are.
_FORM_FIELDS = {
    "leads": "/rest/asset/v1/form/fields.json",
    "program_members": "/rest/asset/v1/form/programMemberFields.json",
}


class _Object(NamedTuple):
    """An object with fields: its path, and whether the schema of its fields can be asked for."""

    path: str
    has_schema: bool = True


# lead-database.md, Describe. Those of leads are in lead_fields.
_OBJECTS = {
    "companies": _Object("/rest/v1/companies"),
    "opportunities": _Object("/rest/v1/opportunities"),
    "opportunity_roles": _Object("/rest/v1/opportunities/roles", has_schema=False),
    "sales_persons": _Object("/rest/v1/salespersons", has_schema=False),
    "named_accounts": _Object("/rest/v1/namedaccounts"),
    "program_members": _Object("/rest/v1/programs/members"),
}


_DESCRIBED = frozenset(
    ("name", "displayName", "dataType", "length", "updateable", "searchable", "crmManaged")
)


def _object_fields(account: Account, scan: Scan) -> Iterator[Page]:
    """Read the fields of all objects, joined with their schemas."""
    schemas = FieldSchemas(account.client, scan.stream, _DESCRIBED)

    def pages(described: _Object) -> Iterator[Page]:
        path = f"{described.path}/describe.json"
        for entry in all_rows(account.client, path, "object_describe"):
            schema = schemas.of(described.path) if described.has_schema else {}
            keys = searchable_fields(entry)
            fields = entry.get("fields")
            found = [each for each in fields if isinstance(each, dict)] if fields else []
            rows: list[Row] = []
            for each in found:
                name = str(each.get("name"))
                rows.append({**schema.get(name, {}), **each, "searchable": name in keys})
            yield Page(rows)

    parts = {name: partial(pages, described) for name, described in _OBJECTS.items()}
    yield from pages_of_parts("Fields", parts)


def _number_of_object_fields(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
    return ListSize(len(_OBJECTS), len(_OBJECTS), [], is_whole=False)


def _form_fields(account: Account, scan: Scan) -> Iterator[Page]:
    parts = {
        name: partial(offset_pages, account.client, path, scan.stream, {}, raw_id)
        for name, path in _FORM_FIELDS.items()
    }
    yield from pages_of_parts("Form fields", parts)


def _number_of_form_fields(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
    size: ListSize[Row] = ListSize(0, 0, [])
    for path in _FORM_FIELDS.values():
        size += sizes.by_offset(path, scan.stream, {})
    return size


METADATA = (
    DeclaredStream(
        name="custom_activity_types",
        read=whole_list(f"{_TYPES}/types.json"),
        permission=READ_ACTIVITY_METADATA,
        replication_key=None,
        keys=("apiName",),
        details=(
            Details(
                ("attributes", "primaryAttribute"),
                by_key("apiName", f"{_TYPES}/type/{{id}}/describe.json", "custom_activity_type"),
            ),
        ),
    ),
    DeclaredStream(
        name="object_fields",
        read=Pages(
            _object_fields,
            Calls(len(_OBJECTS), "one for 300 fields of each schema"),
            _number_of_object_fields,
        ),
        permission=READ_LEAD,
        replication_key=None,
        keys=("object", "name"),
    ),
    DeclaredStream(
        name="form_fields",
        read=Pages(
            _form_fields, Calls(4, "one for 200 fields of each object"), _number_of_form_fields
        ),
        permission=READ_ASSET,
        replication_key=None,
        keys=("object", "id"),
    ),
)
