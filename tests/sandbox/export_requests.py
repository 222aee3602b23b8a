"""What a create call asks for, and the rules it must keep (bulk-lead-extract.md and others)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.activities import ALL_FIELDS, DEFAULT_FIELDS
from tests.sandbox.activity_types import DELETE_LEAD
from tests.sandbox.answers import ApiError
from tests.sandbox.clock import DAY, parse_time
from tests.sandbox.database import UNEXPORTABLE, Database
from tests.sandbox.member_fields import CADENCES

LONGEST_RANGE = 31 * DAY
"""Date range filters span at most 31 days (bulk-extract.md, "Limits")."""

DELIMITERS = {"CSV": ",", "TSV": "\t", "SSV": ";"}

_DATE_FILTERS = ("createdAt", "updatedAt")
_LIST_FILTERS = ("staticListName", "staticListId", "smartListName", "smartListId")
_RARE_FILTERS = ("updatedAt", "smartListName", "smartListId")
"""Filters that are "unavailable for some subscription types" (bulk-extract.md, "Limits")."""

MOST_PROGRAMS = 10
"""Most ids in a filter programIds (bulk-program-member-extract.md, "Filters")."""
_MEMBER_FILTERS = (
    "programId",
    "programIds",
    "isExhausted",
    "nurtureCadence",
    "statusNames",
    "updatedAt",
)


@dataclass
class ExportRequest:
    """A valid request for an export."""

    object: str
    fields: list[str]
    headers: list[str]
    format: str
    filter: dict[str, Any]
    column: str = "createdAt"
    low: float = 0.0
    high: float = 0.0
    types: list[int] | None = None
    list_number: int | None = None
    programs: list[int] | None = None
    """Ids of the programs whose members are wanted."""
    cadence: str | None = None
    custom_object: str | None = None
    """API name of the type of custom object that is wanted."""
    added: tuple[str, ...] = ()
    """Columns that nobody asked for, in front of the others."""
    raw: dict[str, Any] = field(default_factory=dict)


def read_export_request(
    kind: str, body: Any, database: Database, no_updated_at: bool
) -> ExportRequest:
    """The request in the body of a create call; raises ApiError when it breaks a rule.

    Where Adobe gives no code for a broken rule, 1002 stands for a missing parameter, 704 for a
    date in a wrong format and 1003 for other invalid data, by their descriptions in
    error-codes.md.
    """
    if not isinstance(body, dict):
        raise ApiError("609")
    style = body.get("format") or "CSV"
    if not isinstance(style, str) or style not in DELIMITERS:
        raise ApiError("1003", f"Invalid value '{style}' for format")
    fields = body.get("fields")
    if fields is not None and not (
        isinstance(fields, list) and all(isinstance(name, str) for name in fields)
    ):
        raise ApiError("1003", "fields must be an array of strings")
    chosen = body.get("filter")
    if not chosen:
        raise ApiError("1002", "Missing value for the required parameter 'filter'")
    if not isinstance(chosen, dict):
        raise ApiError("1003", "filter must be an object")
    names = list(fields or [])
    request = ExportRequest(kind, names, [], style, chosen, raw=body)
    if kind == "leads":
        _read_leads(request, database, no_updated_at)
    elif kind == "activities":
        _read_activities(request, database)
    elif kind == "program/members":
        _read_members(request, database, no_updated_at)
    else:
        _read_custom_objects(request, database, no_updated_at)
    renamed = body.get("columnHeaderNames") or {}
    if not isinstance(renamed, dict):
        raise ApiError("1003", "columnHeaderNames must be an object")
    asked = names or request.fields
    request.headers = [*request.added, *(str(renamed.get(name, name)) for name in asked)]
    return request


def _read_leads(request: ExportRequest, database: Database, no_updated_at: bool) -> None:
    _check_lead_fields(_required_fields(request), database)
    _check_filters(request, _DATE_FILTERS + _LIST_FILTERS, _RARE_FILTERS if no_updated_at else ())
    _read_one_filter(request)
    # No page has the code of a smart list that there is not.
    lists = database.assets["smart_lists"]
    if request.column == "smartListId" and lists.find(request.list_number) is None:
        raise ApiError("1003", f"Smart list {request.list_number} not found")


def _required_fields(request: ExportRequest) -> list[str]:
    if not request.fields:
        raise ApiError("1002", "Missing value for the required parameter 'fields'")
    return request.fields


def _check_lead_fields(names: Sequence[str], database: Database) -> None:
    for name in names:
        found = database.leads.field(name)
        if found is None:
            raise ApiError("1006", f"Field '{name}' not found")
        if not found.exportable:
            # "They are not exported" (field-types.md); the code of the refusal is not documented.
            raise ApiError("1003", f"Formula field '{name}' cannot be exported")
    refused = [name for name in names if name in database.refused_fields[UNEXPORTABLE]]
    if refused:
        raise ApiError("1003", f"Invalid fields [{', '.join(refused)}] in request")


def _check_filters(
    request: ExportRequest, known: Collection[str], unsupported: Collection[str]
) -> None:
    for name in request.filter:
        if name not in known:
            raise ApiError("1003", f"Unknown filter type: {name}")
        if name in unsupported:
            text = f"Unsupported filter type for target subscription: {name}"
            raise ApiError("1035", text)


def _read_one_filter(request: ExportRequest) -> None:
    """ "Specify only one filter type per export job": of leads, and of custom objects."""
    if len(request.filter) != 1:
        raise ApiError("1003", "Exactly one filter type must be specified")
    (name, value), *_ = request.filter.items()
    if name in _DATE_FILTERS:
        request.column = name
        request.low, request.high = _date_range(name, value)
    else:
        request.column = name
        if name.endswith("Id"):
            _check_type(value, int, "Integer")
        request.list_number = value if isinstance(value, int) else len(str(value))


def _check_type(value: Any, wanted: type, name: str) -> None:
    # A boolean is an int of Python's, and no integer of Marketo's.
    if type(value) is not wanted:
        raise ApiError("1001", f"Invalid value '{value}'. Required of type '{name}'")


def _read_members(request: ExportRequest, database: Database, no_updated_at: bool) -> None:
    """The rules of bulk-program-member-extract.md.

    Its text "LeadCustom LeadProgram MemberCustom ProgramMember" and its example are read so: any
    field of describe for leads and any of describe for program members may be exported.
    """
    members = database.members
    others = [name for name in _required_fields(request) if members.field(name) is None]
    _check_lead_fields(others, database)
    _check_filters(request, _MEMBER_FILTERS, ("updatedAt",) if no_updated_at else ())
    request.programs = _read_programs(request, database)
    request.high = float("inf")
    if "updatedAt" in request.filter:
        request.low, request.high = _date_range("updatedAt", request.filter["updatedAt"])
    if "isExhausted" in request.filter:
        _check_type(request.filter["isExhausted"], bool, "Boolean")
    if "nurtureCadence" in request.filter:
        # The page permits "pause", swagger-mapi.json "paus": both are taken.
        text = request.filter["nurtureCadence"]
        request.cadence = "paus" if text == "pause" else text
        if request.cadence not in CADENCES:
            raise ApiError("1003", f"Invalid value '{text}' for nurtureCadence")
    if "statusNames" in request.filter:
        names = request.filter["statusNames"]
        _check_type(names, list, "Array")
        known = {
            name for each in request.programs for name in members.about(each).progression.names
        }
        # "If a status name is not found in any of the programs, "1003, Invalid Data""
        if not names or not all(isinstance(name, str) and name in known for name in names):
            raise ApiError("1003", f"Invalid Data: statusNames {names}")


def _read_programs(request: ExportRequest, database: Database) -> list[int]:
    """The programs of a request.

    No page says what an unknown program does. It is refused here with 1003, as a status name is
    that none of the programs has; one that is deleted before the job begins has no members then.
    """
    if ("programId" in request.filter) == ("programIds" in request.filter):
        if "programId" in request.filter:
            raise ApiError("1003", "programId cannot be used with programIds")
        raise ApiError("1002", "Missing value for the required parameter 'programId'")
    if "programIds" in request.filter:
        wanted = request.filter["programIds"]
        _check_type(wanted, list, "Array")
        if not 1 <= len(wanted) <= MOST_PROGRAMS:
            raise ApiError("1003", f"programIds takes 1 to {MOST_PROGRAMS} ids")
        # "An additional field "programId" is added to the export file as the first field": also
        # where programId is among the fields, and then there are two columns of that name. It is
        # no field of the job, so that columnHeaderNames does not rename it.
        request.added = ("programId",)
    else:
        wanted = [request.filter["programId"]]
    for number in wanted:
        _check_type(number, int, "Integer")
    if unknown := [number for number in wanted if database.programs.find(number) is None]:
        raise ApiError("1003", f"Invalid Data: no such program {unknown}")
    return list(wanted)


def _read_custom_objects(request: ExportRequest, database: Database, no_updated_at: bool) -> None:
    """The rules of bulk-custom-object-extract.md.

    Only the filters by smart list have the asterisk of those that some subscriptions lack.
    """
    request.custom_object = request.object.partition("/")[2]
    table = database.custom_objects.table(request.custom_object)
    if table is None:
        raise ApiError("1013", f"Object '{request.custom_object}' not found")
    if not table.is_of_leads:
        # "first-level Marketo custom object records linked directly to leads"; no page has a code.
        raise ApiError("1003", f"Object '{request.custom_object}' is not linked to leads")
    names = []
    for asked in _required_fields(request):
        name = table.name_of(asked)
        if name is None:
            raise ApiError("1006", f"Field '{asked}' not found")
        names.append(name)
    request.fields = names
    rare = [name for name in _LIST_FILTERS if name in _RARE_FILTERS]
    _check_filters(request, ("updatedAt", *_LIST_FILTERS), rare if no_updated_at else ())
    _read_one_filter(request)


def _read_activities(request: ExportRequest, database: Database) -> None:
    request.fields = request.fields or list(DEFAULT_FIELDS)
    for name in request.fields:
        if name not in ALL_FIELDS:
            raise ApiError("1006", f"Field '{name}' not found")
    if "createdAt" not in request.filter:
        raise ApiError("1002", "Missing value for the required parameter 'createdAt'")
    for name in request.filter:
        if name.startswith("primaryAttributeValue"):
            raise ApiError("1003", f"The sandbox does not do the filter {name}")
        if name not in ("createdAt", "activityTypeIds"):
            raise ApiError("1003", f"Unknown filter type: {name}")
    request.low, request.high = _date_range("createdAt", request.filter["createdAt"])
    types = request.filter.get("activityTypeIds")
    if types is None or types == []:
        return
    if not isinstance(types, list) or not all(type(number) is int for number in types):
        raise ApiError("1003", "activityTypeIds must be an array of integers")
    # The "Delete Lead" activity is not supported (bulk-activity-extract.md, "Filters"). No page
    # says what happens with an unknown id: such a filter simply matches nothing.
    if DELETE_LEAD in types:
        raise ApiError("1003", f"Activity type {DELETE_LEAD} is not supported")
    request.types = types


def _date_range(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, dict):
        raise ApiError("1003", f"{name} must be an object with startAt and endAt")
    moments = []
    for end in ("startAt", "endAt"):
        if end not in value:
            raise ApiError("1002", f"Missing value for the required parameter '{end}'")
        moment = parse_time(value[end])
        if moment is None:
            raise ApiError("704", f"Invalid date format: {name}.{end} '{value[end]}'")
        moments.append(moment)
    low, high = moments
    if high < low:
        raise ApiError("1003", f"{name}: endAt is before startAt")
    if high - low > LONGEST_RANGE:
        raise ApiError("1003", f"{name}: the date range must be 31 days or fewer")
    return low, high
