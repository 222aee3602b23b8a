"""Answers of the calls about assets of the Email Designer (emails-new.md, swagger-asset.json)."""

from __future__ import annotations

from typing import Any

from tests.sandbox.answers import ApiError
from tests.sandbox.assets.designer import is_archived
from tests.sandbox.assets.draw import JSON
from tests.sandbox.assets.kinds import Kind
from tests.sandbox.assets.table import AssetTable
from tests.sandbox.calls import Call
from tests.sandbox.clock import parse_time
from tests.sandbox.paging import read_number

LARGEST_PAGE, USUAL_PAGE = 50, 20
"""Swagger: "Maximum value is 50"; the usual size is on no page."""
TAKEN = (
    *("workspaceId", "includeArchived", "pageIndex", "pageSize"),
    *("modifiedAtStart", "modifiedAtEnd"),
)
"""Parameters that the sandbox does; it refuses others."""


def check_header(call: Call) -> None:
    """Refuse a call without the header that all of them "require"."""
    if call.request.headers.get("x-app-type") != "marketo":
        raise ApiError("1003", "x-app-type header is required")


def filtered(call: Call, kind: Kind, table: AssetTable, as_array: bool) -> dict[str, Any]:
    """One page of the assets of a workspace that were modified within a time."""
    if other := call.query.keys() - {*TAKEN}:
        raise ApiError("1003", f"The sandbox does not do {', '.join(sorted(other))}")
    workspace = call.first("workspaceId")
    if not workspace:
        raise ApiError("1003", "workspaceId is required")
    low, high = _moment(call, "modifiedAtStart", 0.0), _moment(call, "modifiedAtEnd", float("inf"))
    with_archived = call.first("includeArchived") == "true"
    rows = [
        row
        for row in table.rows
        if low <= row.updated <= high
        and (with_archived or not is_archived(row))
        and table.shown_row(row)["appData"]["workspaceId"] == workspace
    ]
    size = read_number(call.query.get("pageSize"), USUAL_PAGE, 1, LARGEST_PAGE, "pageSize")
    index = read_number(call.query.get("pageIndex"), 0, 0, 1 << 31, "pageIndex")
    page = rows[index * size : (index + 1) * size]
    items: list[JSON] = table.shown([row for row in page if not kind.is_left_out(row)])
    if as_array:
        return {"warnings": [], "errors": [], "result": items}
    pages = {"totalItems": len(rows), "pageSize": size, "currentPage": index}
    return {"result": {**pages, "items": items}}


def _moment(call: Call, name: str, usual: float) -> float:
    text = call.first(name)
    moment = usual if text is None else parse_time(text)
    if moment is None:
        raise ApiError("1003", f"Invalid date: {name} '{text}'")
    return moment
