"""What describes fields and custom activity types: a few calls each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from math import ceil

from tap_marketo.errors import NOT_HERE, AccessDeniedError, MarketoError, TapError
from tap_marketo.exports.plan_line import Calls
from tap_marketo.failed_parts import concerns_one_part
from tap_marketo.log import LOGGER
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.moving_list import offset_pages
from tap_marketo.marketo.pages import BATCH_SIZE, Page, Row, all_rows, token_pages
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import in_full
from tap_marketo.streams.details import by_key
from tap_marketo.streams.paged import Pages, whole_list
from tap_marketo.streams.permissions import READ_ACTIVITY_METADATA, READ_ASSET, READ_LEAD
from tap_marketo.streams.scan import Scan
from tap_marketo.streams.stream_read import raw_id

Part = Callable[[], Iterable[Page]]

_TYPES = "/rest/v1/activities/external"
# forms.md, Field Metadata, by the objects whose fields they are.
_FORM_FIELDS = {
    "leads": "/rest/asset/v1/form/fields.json",
    "program_members": "/rest/asset/v1/form/programMemberFields.json",
}


# lead-database.md, Describe: the paths of the objects. Those of leads are in lead_fields.
_OBJECTS = {
    "companies": "/rest/v1/companies",
    "opportunities": "/rest/v1/opportunities",
    "opportunity_roles": "/rest/v1/opportunities/roles",
    "sales_persons": "/rest/v1/salespersons",
    "named_accounts": "/rest/v1/namedaccounts",
    "program_members": "/rest/v1/programs/members",
}
# The schema of their fields cannot be asked for.
_WITHOUT_SCHEMA = ("opportunity_roles", "sales_persons")
_LEADS = "/rest/v1/leads"
_SEARCHABLE = f"{_LEADS}/describe2.json"
# What describe returns of a field is not taken from the schema.
_DESCRIBED_OF_LEADS = frozenset(
    ("id", "name", "displayName", "dataType", "length", "readOnly", "soapName")
)
_DESCRIBED = frozenset(
    ("name", "displayName", "dataType", "length", "updateable", "searchable", "crmManaged")
)


def pages_of_parts(what: str, parts: Mapping[str, Part]) -> Iterator[Page]:
    """Read the lists of some objects; each row says of which object it is.

    An object whose list Marketo refuses is logged, and the others are read. So they are where one
    list fails; the stream then fails at its end. ``what`` is the word for the rows in the log.

    Raises:
        TapError: a list failed; or all are refused, and this is the first refusal.
    """
    refusals: list[MarketoError] = []
    failures: list[TapError] = []
    for name, ask in parts.items():
        try:
            pages = list(ask())
        except NOT_HERE as error:
            LOGGER.info("%s of %s cannot be listed. %s", what, name, error)
            refusals.append(error)
        except TapError as error:
            if not concerns_one_part(error):
                raise
            LOGGER.warning("%s of %s cannot be read, others are. %s", what, name, error)
            failures.append(error)
        else:
            for page in pages:
                yield Page([{**row, "object": name} for row in page.rows])
    if failures:
        raise failures[0]
    if refusals and len(refusals) == len(parts):
        raise refusals[0]


class FieldSchemas:
    """The schemas of fields (leads.md, Query Fields), which take permissions of their own.

    They show what the role may see. One that is denied is the last that is asked for.
    """

    def __init__(self, client: MarketoClient, stream: str, described: Collection[str]) -> None:
        """Ask for nothing yet.

        What is described of the fields is not taken from their schemas. The log names the stream.
        """
        self._client = client
        self._described = described
        self._stream = stream
        self._is_denied = False

    def of(self, path: str) -> Mapping[str, Row]:
        """Return what only the schema says of the fields of the object at a path, by their names.

        It is nothing where the role may not read the schema.
        """
        found: dict[str, Row] = {}
        if self._is_denied:
            return found
        try:
            for page in token_pages(
                self._client, f"{path}/schema/fields.json", "field_schema", None
            ):
                for row in page.rows:
                    own = {key: value for key, value in row.items() if key not in self._described}
                    found[str(row.get("name"))] = own
        except AccessDeniedError as error:
            self._is_denied = True
            LOGGER.info(
                "%s omits columns that only the schema endpoint returns. The permission "
                "needed is Read-Write Schema Standard Field or Read-Write Schema Custom Field. %s",
                self._stream, error,
            )  # fmt: skip
        return found


def searchable_fields(described: Row) -> set[object]:
    """Return the fields that a description names as searchable, by themselves or with others."""
    groups = described.get("searchableFields")
    lists = [group for group in groups if isinstance(group, list)] if groups else []
    return {name for group in lists for name in group if isinstance(name, str)}


def _lead_fields(account: Account, scan: Scan) -> Iterator[Page]:
    """Join the fields as describe returns them with their schema (leads.md, Fields).

    The schema takes permissions of its own and shows what the role may see. Fields without a REST
    name are left out.
    """
    schema = FieldSchemas(account.client, scan.stream, _DESCRIBED_OF_LEADS).of(_LEADS)
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


def _object_fields(account: Account, scan: Scan) -> Iterator[Page]:
    """Read the fields of all objects, joined with their schemas."""
    schemas = FieldSchemas(account.client, scan.stream, _DESCRIBED)

    def pages(name: str, path: str) -> Iterator[Page]:
        for entry in all_rows(account.client, f"{path}/describe.json", "object_describe"):
            schema = schemas.of(path) if name not in _WITHOUT_SCHEMA else {}
            keys = searchable_fields(entry)
            fields = entry.get("fields")
            found = [each for each in fields if isinstance(each, dict)] if fields else []
            rows: list[Row] = []
            for each in found:
                field = str(each.get("name"))
                rows.append({**schema.get(field, {}), **each, "searchable": field in keys})
            yield Page(rows)

    parts = {name: partial(pages, name, path) for name, path in _OBJECTS.items()}
    yield from pages_of_parts("Fields", parts)


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


LEAD_FIELDS = in_full(
    "lead_fields",
    Pages(_lead_fields, Calls(2, "one for 300 fields of their schema"), _number_of_fields),
    READ_LEAD,
    keys=("name",),
)
METADATA = (
    in_full(
        "custom_activity_types",
        whole_list(f"{_TYPES}/types.json"),
        READ_ACTIVITY_METADATA,
        by_key(
            ("attributes", "primaryAttribute"),
            f"{_TYPES}/type/{{id}}/describe.json",
            "custom_activity_type",
            key="apiName",
        ),
        keys=("apiName",),
    ),
    in_full(
        "object_fields",
        Pages(
            _object_fields,
            Calls(len(_OBJECTS), "one for 300 fields of each schema"),
            lambda *_: ListSize(len(_OBJECTS), len(_OBJECTS), [], is_whole=False),
        ),
        READ_LEAD,
        keys=("object", "name"),
    ),
    in_full(
        "form_fields",
        Pages(_form_fields, Calls(4, "one for 200 fields of each object"), _number_of_form_fields),
        READ_ASSET,
        keys=("object", "id"),
    ),
)
