"""Small tables of the lead database API: one declaration each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import ceil

from tap_marketo.errors import NOT_HERE, AccessDeniedError, MarketoError, TapError
from tap_marketo.exports.plan_line import Calls
from tap_marketo.log import LOGGER
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.describe import custom_object_name
from tap_marketo.marketo.export_calls import ExportApi
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.pages import BATCH_SIZE, Page, Row, token_pages
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import Details, by_key
from tap_marketo.streams.page_read import Scan
from tap_marketo.streams.paged import ONE_CALL, Pages, by_token, whole_list
from tap_marketo.streams.permissions import (
    READ_ACTIVITY,
    READ_CAMPAIGNS,
    READ_CUSTOM_OBJECT,
    READ_LEAD,
)

_LEAD_SCHEMA = "/rest/v1/leads/schema/fields.json"
# What describe returns of a field is not taken from the schema.
_DESCRIBED = frozenset(("id", "name", "displayName", "dataType", "length", "readOnly", "soapName"))
BulkObjects = Callable[[Account], tuple[Mapping[str, str], Mapping[str, TapError]]]
"""Returns the path parts of the account's bulk objects by their names, and errors by streams."""


def _lead_fields(account: Account, scan: Scan) -> Iterator[Page]:
    """Join the fields as describe returns them with their schema (leads.md, Fields).

    The schema takes permissions of its own and shows what the role may see. Fields without a REST
    name are left out.
    """
    schema = _lead_schema(account.client)
    rows: list[Row] = []
    for entry in account.lead_entries:
        more = {key: value for key, value in entry.items() if key not in ("rest", "soap")}
        rest, soap = _api(entry, "rest"), _api(entry, "soap")
        name = rest.get("name")
        if isinstance(name, str) and name:
            own = {"name": name, "readOnly": rest.get("readOnly"), "soapName": soap.get("name")}
            rows.append({**schema.get(name, {}), **more, **own})
    yield Page(rows)


def _number_of_fields(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
    number = len(account.lead_entries)
    return ListSize(number, 1 + ceil(number / BATCH_SIZE), account.lead_entries)


def _api(entry: Row, name: str) -> Row:
    api = entry.get(name)
    return api if isinstance(api, dict) else {}


def _lead_schema(client: MarketoClient) -> dict[str, Row]:
    """Return what only the schema returns, by REST name; nothing if the role may not read it."""
    found: dict[str, Row] = {}
    try:
        for page in token_pages(client, _LEAD_SCHEMA, "lead_schema", None):
            for row in page.rows:
                found[str(row.get("name"))] = {
                    key: value for key, value in row.items() if key not in _DESCRIBED
                }
    except AccessDeniedError as error:
        LOGGER.info(
            "lead_fields omits columns that only the schema endpoint returns. The permission "
            "needed is Read-Write Schema Standard Field or Read-Write Schema Custom Field. %s",
            error,
        )
    return found


def _custom_object_types(account: Account, scan: Scan) -> Iterator[Page]:
    yield Page([{**row, "name": custom_object_name(row)} for row in account.custom_object_entries])


def _number_of_types(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
    return ListSize(len(account.custom_object_entries), 1, account.custom_object_entries)


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
        read=Pages(_lead_fields, Calls(1, "one for 300 fields of their schema"), _number_of_fields),
        permission=READ_LEAD,
        replication_key=None,
        keys=("name",),
    ),
    DeclaredStream(
        name="custom_object_types",
        read=Pages(_custom_object_types, ONE_CALL, _number_of_types),
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
)


def bulk_exports(bulk_objects: BulkObjects) -> DeclaredStream:
    """Declare the stream of the API user's export jobs of the past seven days (bulk-extract.md).

    The list of each object takes the permission for that object.
    """

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        api = ExportApi(account.client)
        objects, unknown = bulk_objects(account)
        refusals: list[MarketoError] = []
        for name, error in unknown.items():
            if not isinstance(error, NOT_HERE):
                raise error
            LOGGER.info("Exports of %s cannot be listed. %s", name, error)
        for name, path in objects.items():
            try:
                pages = list(api.jobs(path))
            except NOT_HERE as error:
                LOGGER.info("Exports of %s cannot be listed. %s", name, error)
                refusals.append(error)
            else:
                yield Page([{**row, "object": name} for page in pages for row in page.rows])
        if len(refusals) == len(objects):
            raise refusals[0]

    def size(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
        objects, _ = bulk_objects(account)
        return ListSize(len(objects), 1 + len(objects), [], is_whole=False)

    return DeclaredStream(
        name="bulk_exports",
        read=Pages(fetch, Calls(1, "one for 300 jobs of each bulk object"), size),
        replication_key=None,
        keys=("exportId",),
    )
