"""What a create call asks for, and the rules it must keep (bulk-lead-extract.md and others)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.activities import ALL_FIELDS, DEFAULT_FIELDS
from tests.sandbox.activity_types import DELETE_LEAD
from tests.sandbox.answers import ApiError
from tests.sandbox.clock import DAY, parse_time
from tests.sandbox.database import Database

LONGEST_RANGE = 31 * DAY
"""Date range filters span at most 31 days (bulk-extract.md, "Limits")."""

DELIMITERS = {"CSV": ",", "TSV": "\t", "SSV": ";"}

_DATE_FILTERS = ("createdAt", "updatedAt")
_LIST_FILTERS = ("staticListName", "staticListId", "smartListName", "smartListId")
_RARE_FILTERS = ("updatedAt", "smartListName", "smartListId")
"""Filters that are "unavailable for some subscription types" (bulk-extract.md, "Limits")."""


@dataclass
class Order:
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
    raw: dict[str, Any] = field(default_factory=dict)


def read_order(kind: str, body: Any, database: Database, no_updated_at: bool) -> Order:
    """The order in the body of a create call; raises ApiError when it breaks a rule.

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
    order = Order(kind, names, [], style, chosen, raw=body)
    if kind == "leads":
        _read_leads(order, database, no_updated_at)
    else:
        _read_activities(order, database)
    renamed = body.get("columnHeaderNames") or {}
    if not isinstance(renamed, dict):
        raise ApiError("1003", "columnHeaderNames must be an object")
    order.headers = [str(renamed.get(name, name)) for name in order.fields]
    return order


def _read_leads(order: Order, database: Database, no_updated_at: bool) -> None:
    if not order.fields:
        raise ApiError("1002", "Missing value for the required parameter 'fields'")
    for name in order.fields:
        found = database.leads.field(name)
        if found is None:
            raise ApiError("1006", f"Field '{name}' not found")
        if not found.exportable:
            # "They are not exported" (field-types.md); the code of the refusal is not documented.
            raise ApiError("1003", f"Formula field '{name}' cannot be exported")
    refused = [name for name in order.fields if name in database.unexportable]
    if refused:
        raise ApiError("1003", f"Invalid fields [{', '.join(refused)}] in request")
    for name in order.filter:
        if name not in _DATE_FILTERS + _LIST_FILTERS:
            raise ApiError("1003", f"Unknown filter type: {name}")
        if no_updated_at and name in _RARE_FILTERS:
            text = f"Unsupported filter type for target subscription: {name}"
            raise ApiError("1035", text)
    # "Only one filter type may be specified per export job" (bulk-lead-extract.md, "Filters").
    if len(order.filter) != 1:
        raise ApiError("1003", "Exactly one filter type must be specified")
    (name, value), *_ = order.filter.items()
    if name in _DATE_FILTERS:
        order.column = name
        order.low, order.high = _date_range(name, value)
    else:
        order.column = name
        if name.endswith("Id") and not isinstance(value, int):
            raise ApiError("1001", f"Invalid value '{value}'. Required of type 'Integer'")
        order.list_number = value if isinstance(value, int) else len(str(value))


def _read_activities(order: Order, database: Database) -> None:
    order.fields = order.fields or list(DEFAULT_FIELDS)
    for name in order.fields:
        if name not in ALL_FIELDS:
            raise ApiError("1006", f"Field '{name}' not found")
    if "createdAt" not in order.filter:
        raise ApiError("1002", "Missing value for the required parameter 'createdAt'")
    for name in order.filter:
        if name.startswith("primaryAttributeValue"):
            raise ApiError("1003", f"The sandbox does not do the filter {name}")
        if name not in ("createdAt", "activityTypeIds"):
            raise ApiError("1003", f"Unknown filter type: {name}")
    order.low, order.high = _date_range("createdAt", order.filter["createdAt"])
    types = order.filter.get("activityTypeIds")
    if types is None or types == []:
        return
    if not isinstance(types, list) or not all(type(number) is int for number in types):
        raise ApiError("1003", "activityTypeIds must be an array of integers")
    # The "Delete Lead" activity is not supported (bulk-activity-extract.md, "Filters"). No page
    # says what happens with an unknown id: such a filter simply matches nothing.
    if DELETE_LEAD in types:
        raise ApiError("1003", f"Activity type {DELETE_LEAD} is not supported")
    order.types = types


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
