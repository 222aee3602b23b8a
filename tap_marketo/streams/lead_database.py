"""Small tables of the lead database API: one declaration each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import ceil
from typing import NoReturn

from tap_marketo.errors import NOT_HERE, TapError
from tap_marketo.exports.plan_line import Calls
from tap_marketo.log import LOGGER
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.describe import custom_object_name
from tap_marketo.marketo.export_calls import ExportApi
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.pages import BATCH_SIZE, Page, Row, all_rows
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import by_key
from tap_marketo.streams.metadata import (
    FieldSchemas,
    Part,
    pages_of_parts,
    searchable_fields,
)
from tap_marketo.streams.paged import Pages, by_token, known_list, whole_list
from tap_marketo.streams.permissions import (
    READ_ACTIVITY,
    READ_CAMPAIGNS,
    READ_CUSTOM_OBJECT,
    READ_LEAD,
)
from tap_marketo.streams.scan import Scan

_LEADS = "/rest/v1/leads"
_SEARCHABLE = f"{_LEADS}/describe2.json"
# What describe returns of a field is not taken from the schema.
_DESCRIBED = frozenset(("id", "name", "displayName", "dataType", "length", "readOnly", "soapName"))
BulkObjects = Callable[[Account], tuple[Mapping[str, str], Mapping[str, TapError]]]
"""Returns the path parts of the account's bulk objects by their names, and errors by streams."""


def _lead_fields(account: Account, scan: Scan) -> Iterator[Page]:
    """Join the fields as describe returns them with their schema (leads.md, Fields).

    The schema takes permissions of its own and shows what the role may see. Fields without a REST
    name are left out.
    """
    schema = FieldSchemas(account.client, scan.stream, _DESCRIBED).of(_LEADS)
    searchable = _searchable(account.client)
    rows: list[Row] = []
    for entry in account.lead_entries:
        more = {key: value for key, value in entry.items() if key not in ("rest", "soap")}
        rest, soap = _api(entry, "rest"), _api(entry, "soap")
        name = rest.get("name")
        if isinstance(name, str) and name:
            own = {
                "name": name,
                "readOnly": rest.get("readOnly"),
                "soapName": soap.get("name"),
                "soapReadOnly": soap.get("readOnly"),
                "searchable": None if searchable is None else name in searchable,
            }
            rows.append({**schema.get(name, {}), **more, **own})
    yield Page(rows)


def _number_of_fields(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
    number = len(account.lead_entries)
    return ListSize(number, 2 + ceil(number / BATCH_SIZE), account.lead_entries)


def _api(entry: Row, name: str) -> Row:
    api = entry.get(name)
    return api if isinstance(api, dict) else {}


def _searchable(client: MarketoClient) -> set[object] | None:
    """Return the fields that leads can be asked for by (leads.md, Query); None if unknown."""
    try:
        described = all_rows(client, _SEARCHABLE, "leads_describe2")
    except NOT_HERE as error:
        LOGGER.info("lead_fields does not say which fields are searchable. %s", error)
        return None
    return {name for entry in described for name in searchable_fields(entry)}


def _custom_object_type(row: Row) -> Row:
    return {**row, "name": custom_object_name(row)}


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
        read=Pages(_lead_fields, Calls(2, "one for 300 fields of their schema"), _number_of_fields),
        permission=READ_LEAD,
        replication_key=None,
        keys=("name",),
    ),
    DeclaredStream(
        name="custom_object_types",
        read=known_list(lambda account: account.custom_object_entries, _custom_object_type),
        permission=READ_CUSTOM_OBJECT,
        replication_key=None,
        keys=("name",),
        details=(
            by_key(
                ("fields",),
                "/rest/v1/customobjects/{id}/describe.json",
                "custom_object_describe",
                key="name",
                by_default=True,
            ),
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
)


def _raise(error: TapError) -> NoReturn:
    raise error


def bulk_exports(bulk_objects: BulkObjects) -> DeclaredStream:
    """Declare the stream of the API user's export jobs of the past seven days (bulk-extract.md).

    The list of each object takes the permission for that object.
    """

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        api = ExportApi(account.client)
        objects, unknown = bulk_objects(account)
        parts: dict[str, Part] = {name: partial(_raise, error) for name, error in unknown.items()}
        parts |= {name: partial(api.jobs, path) for name, path in objects.items()}
        yield from pages_of_parts("Exports", parts)

    def size(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
        objects, _ = bulk_objects(account)
        return ListSize(len(objects), 1 + len(objects), [], is_whole=False)

    return DeclaredStream(
        name="bulk_exports",
        read=Pages(fetch, Calls(1, "one for 300 jobs of each bulk object"), size),
        replication_key=None,
        keys=("exportId",),
    )
