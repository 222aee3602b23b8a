"""Small tables of the lead database API: one declaration each."""

from __future__ import annotations

from collections.abc import Iterator

from tap_marketo.errors import AccessDeniedError, RequestRefusedError
from tap_marketo.log import LOGGER
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.export_calls import list_path
from tap_marketo.marketo.pages import Page, Row, single_page, token_pages
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import Details, by_key, path_with
from tap_marketo.streams.estimate import Calls
from tap_marketo.streams.paged import Pages, Scan, by_token, whole_list
from tap_marketo.streams.permissions import (
    READ_ACTIVITY,
    READ_CAMPAIGNS,
    READ_CUSTOM_OBJECT,
    READ_LEAD,
)

_CUSTOM_OBJECTS = "/rest/v1/customobjects.json"
_LEAD_SCHEMA = "/rest/v1/leads/schema/fields.json"
# What describe tells of a field is not taken from the schema.
_DESCRIBED = frozenset(("id", "name", "displayName", "dataType", "length", "readOnly", "soapName"))
_BULK_OBJECTS = {
    "leads": "leads",
    "activities": "activities",
    "program_members": "program/members",
}


def _lead_fields(account: Account, scan: Scan) -> Iterator[Page]:
    """Join what describe tells of the fields with their schema (leads.md, Fields).

    The schema takes permissions of its own and shows what the role may see. Fields without a REST
    name are left out.
    """
    schema = _lead_schema(account.client)
    rows: list[Row] = []
    for entry in account.lead_entries:
        more = {key: told for key, told in entry.items() if key not in ("rest", "soap")}
        rest, soap = _api(entry, "rest"), _api(entry, "soap")
        name = rest.get("name")
        if isinstance(name, str) and name:
            own = {"name": name, "readOnly": rest.get("readOnly"), "soapName": soap.get("name")}
            rows.append({**schema.get(name, {}), **more, **own})
    yield Page(rows)


def _api(entry: Row, name: str) -> Row:
    told = entry.get(name)
    return told if isinstance(told, dict) else {}


def _lead_schema(client: MarketoClient) -> dict[str, Row]:
    """Return what only the schema tells, by REST name; nothing where the role may not read it."""
    found: dict[str, Row] = {}
    try:
        for page in token_pages(client, _LEAD_SCHEMA, "lead_schema", None):
            for row in page.rows:
                told = {key: value for key, value in row.items() if key not in _DESCRIBED}
                found[str(row.get("name"))] = told
    except AccessDeniedError as error:
        LOGGER.info(
            "lead_fields comes without what only the schema tells; the permission needed is "
            "Read-Write Schema Standard Field or Read-Write Schema Custom Field. %s",
            error,
        )
    return found


def _named(row: Row) -> Row:
    """Return a type of custom objects with its name; the Swagger definition has apiName alone."""
    return {**row, "name": row.get("name") or row.get("apiName")}


def _exports(account: Account, scan: Scan) -> Iterator[Page]:
    """Read the API user's export jobs of the past seven days (bulk-extract.md).

    Objects that he may not export have none.

    Raises:
        RequestRefusedError: that of the first object, if it is so with all of them.
    """
    refusals: list[RequestRefusedError] = []
    objects = {**_BULK_OBJECTS, **_custom_objects(account.client)}
    for name, path in objects.items():
        try:
            pages = list(token_pages(account.client, list_path(path), f"{path}_list", None))
        except RequestRefusedError as error:
            LOGGER.info("Exports of %s cannot be listed. %s", name, error)
            refusals.append(error)
        else:
            yield Page([{**row, "object": name} for page in pages for row in page.rows])
    if len(refusals) == len(objects):
        raise refusals[0]


def _custom_objects(client: MarketoClient) -> dict[str, str]:
    """Return the bulk path of each custom object by its name."""
    try:
        (page,) = single_page(client, _CUSTOM_OBJECTS, "custom_objects")
    except RequestRefusedError as error:
        LOGGER.info("Exports of custom objects cannot be listed. %s", error)
        return {}
    names = [str(_named(row)["name"]) for row in page.rows]
    return {name: path_with("customobjects/{id}", name) for name in names}


ACTIVITY_TYPES = DeclaredStream(
    name="activity_types",
    read=whole_list("/rest/v1/activities/types.json"),
    permission=READ_ACTIVITY,
    automatic=frozenset({"name"}),
    replication_key=None,
)
CAMPAIGNS = DeclaredStream(
    name="campaigns", read=by_token("/rest/v1/campaigns.json"), permission=READ_CAMPAIGNS
)
LISTS = DeclaredStream(
    name="lists",
    read=by_token("/rest/v1/lists.json"),
    permission=READ_LEAD,
    automatic=frozenset({"name"}),
)
# What describes the account itself.
ADMINISTRATION = (
    DeclaredStream(
        name="lead_fields",
        read=Pages(_lead_fields, Calls(1, "one for 300 fields of their schema")),
        permission=READ_LEAD,
        replication_key=None,
        keys=("name",),
    ),
    DeclaredStream(
        name="custom_object_types",
        read=whole_list(_CUSTOM_OBJECTS, prepare=_named),
        permission=READ_CUSTOM_OBJECT,
        replication_key=None,
        keys=("name",),
        details=Details(
            ("fields",),
            by_key("name", "/rest/v1/customobjects/{id}/describe.json", "custom_object_describe"),
            by_default=True,
        ),
    ),
    DeclaredStream(
        name="lead_partitions",
        read=whole_list("/rest/v1/leads/partitions.json"),
        permission=READ_LEAD,
        replication_key=None,
    ),
    # usage.md: no permission is needed for these two.
    DeclaredStream(
        name="daily_usage",
        read=whole_list("/rest/v1/stats/usage/last7days.json"),
        replication_key=None,
        keys=("date",),
    ),
    DeclaredStream(
        name="daily_errors",
        read=whole_list("/rest/v1/stats/errors/last7days.json"),
        replication_key=None,
        keys=("date",),
    ),
    # Each object's list takes the permission for that object.
    DeclaredStream(
        name="bulk_exports",
        read=Pages(_exports, Calls(len(_BULK_OBJECTS) + 1, "one for 300 jobs of each bulk object")),
        replication_key=None,
        keys=("exportId",),
    ),
)
