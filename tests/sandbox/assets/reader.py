"""Answers of the calls about assets: pages, single rows, children (assets.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.sandbox.answers import ApiError
from tests.sandbox.assets.designer_reader import check_header, filtered
from tests.sandbox.assets.draw import JSON, Draw
from tests.sandbox.assets.folders import FolderTable, Node
from tests.sandbox.assets.kinds import (
    BY_CALL,
    DESIGNER_CALLS,
    DETAILS,
    KINDS,
    OFFSET_PAGED,
    Filter,
    Kind,
)
from tests.sandbox.assets.programs import program_details
from tests.sandbox.assets.table import Asset, AssetTable
from tests.sandbox.assets.users import is_pending
from tests.sandbox.calls import Call
from tests.sandbox.clock import parse_time
from tests.sandbox.options import Options
from tests.sandbox.paging import OFFSETS, offset_page, read_number

NO_ASSETS = "No assets found for the given search criteria."
DEEPEST = 1 << 20
UNDONE = (
    "status",
    "folder",
    "isActive",
    "hostname",
    "redirectToLandingPageId",
    "redirectTolandingPageId",
    "redirectToPath",
    "filterType",
    "names",
)
"""Documented filters that the sandbox does not do, and so refuses."""

Tables = Mapping[str, AssetTable]

_BY_TABLE = {kind.table: kind for kind in KINDS}
_OF_OTHER_CALLS = frozenset(DETAILS.values())
_DETAILS = {"programs": program_details} | {k.table: k.details for k in KINDS if k.details}


def _folders(tables: Tables) -> FolderTable:
    table = tables["folders"]
    assert isinstance(table, FolderTable)
    return table


def records_of(tables: Tables, table: str) -> list[JSON]:
    """All rows of a table, as the API shows them; tokens with the parent they belong to."""
    if table == "folders":
        return list(_folders(tables).walk(None, DEEPEST))
    if table == "segments":
        shown = tables[table]
        return [{**shown.shown_row(r), "_segmentationId": _owner(r)[1]} for r in shown.rows]
    if table == "tokens":
        return [
            {"folderType": _owner(row)[0], "folderId": _owner(row)[1], **record}
            for row in tables[table].rows
            for record in [tables[table].shown_row(row)]
        ]
    kind = _BY_TABLE.get(table)
    rows = _ordered(tables[table], kind)
    if kind is not None:
        rows = [row for row in rows if not kind.is_left_out(row)]
    return tables[table].shown(rows)


def details_of(tables: Tables, options: Options, table: str) -> list[JSON]:
    """The columns that only the call for one row gives, with the row's key."""
    return [
        {tables[table].key: tables[table].key_of(row), **_details(options, table, row)}
        for row in tables[table].rows
    ]


def _owner(row: Asset) -> Node:
    assert row.parent is not None
    return row.parent


def _details(options: Options, table: str, row: Asset) -> JSON:
    return _DETAILS[table](Draw(options, f"{table} details", row))


def _ordered(table: AssetTable, kind: Kind | None) -> list[Asset]:
    if kind is None or not kind.by_name:
        return table.rows
    return sorted(table.rows, key=lambda row: str(table.shown_row(row)["name"]).casefold())


def moment_of(call: Call, name: str, usual: float, filter_: Filter) -> float:
    """A datetime among the parameters; 704 where it is none (error-codes.md).

    "without milliseconds" where the page says so, else as the type Datetime has it.
    """
    text = call.first(name)
    if not text:
        return usual
    whole, dot, rest = text.partition(".")
    if dot and filter_ == "any":
        text = whole + rest.lstrip("0123456789")
    moment = parse_time(text)
    if moment is None:
        raise ApiError("704", f"Invalid date format: {name} '{text}'")
    return moment


class AssetReader:
    """The endpoints of assets. Each method gives the members of the envelope."""

    def __init__(self, tables: Tables, options: Options) -> None:
        self._tables = tables
        self._options = options
        self._api_names = options.api_names
        self._links_told = options.links_told
        self._as_array = options.designer_arrays

    def answer(self, call: Call) -> dict[str, Any]:
        """The answer to any call about assets."""
        for name in UNDONE:
            if call.first(name):
                raise ApiError("1003", f"The sandbox does not do the filter {name}")
        if call.kind == "customobject_describe":
            return self._describe(call.job_id)
        kind = BY_CALL.get(call.kind)
        if call.kind in DESIGNER_CALLS:
            check_header(call)
            if kind is None:
                return {"result": self._designed(call)}
            return filtered(call, kind, self._tables[kind.table], self._as_array)
        if call.kind == "user":
            return {"result": self._user(call)}
        if kind is not None and not kind.is_asset:
            rows = self._browse(call, self._tables[kind.table], kind, None)
            return {
                "result": [self._type_shown(row, "list") for row in rows]
                if call.kind == "customobjects"
                else rows
            }
        return _listed(self._records(call, kind))

    def _records(self, call: Call, kind: Kind | None) -> list[JSON]:
        if call.kind == "programs":
            # programs.md names no notation; the datetimes of its example have no fractions.
            return self._browse(call, self._tables["programs"], None, "whole seconds")
        if kind is not None:
            return self._browse(call, self._tables[kind.table], kind, kind.filter)
        if call.kind in DETAILS:
            return self._detail(call, *DETAILS[call.kind])
        match call.kind:
            case "folders":
                return self._walk(call)
            case "folder_by_name":
                return _folders(self._tables).named(call.job_id)
            case "segments":
                owner = ("Segmentation", int(call.job_id))
                table = self._tables["segments"]
                return table.shown(list(offset_page(table.children(owner), call.query)))
            case "tokens":
                return self._tokens(call)
            case "form_fields":
                return [each for row in self._one("forms", call) for each in row["fields"]]
            case "tag_type":
                # Names with commas cannot be searched for (assets.md, "By Name").
                return [] if "," in call.job_id else self._one("tag_types", call)
            case "smart_list":
                found = self._one("smart_lists", call)
                if call.first("includeRules") != "true":
                    found = [{k: v for k, v in row.items() if k != "rules"} for row in found]
                return found
            case _:
                return self._one("programs", call)

    def _browse(
        self, call: Call, table: AssetTable, kind: Kind | None, filter_: Filter
    ) -> list[JSON]:
        """One page of a table; a filter takes what was created or updated within the range."""
        rows = _ordered(table, kind)
        if filter_ is not None:
            low = moment_of(call, "earliestUpdatedAt", 0.0, filter_)
            high = moment_of(call, "latestUpdatedAt", float("inf"), filter_)
            if low > high:
                # "earliestUpdatedAt must precede latestUpdatedAt" (smart-campaigns.md).
                raise ApiError("1003", "earliestUpdatedAt must precede latestUpdatedAt")
            rows = [r for r in rows if low <= r.updated <= high or low <= r.created <= high]
        if kind is not None and not kind.paged:
            return table.shown(rows)
        names = OFFSETS if kind is None else kind.page_names
        return table.shown(list(offset_page(rows, call.query, names)))

    def _designed(self, call: Call) -> list[JSON]:
        """One asset of the Email Designer, with what it holds."""
        found = self._one(f"{call.kind}s", call)
        if not found:
            raise ApiError("702", "Asset not found")
        return found

    def _user(self, call: Call) -> list[JSON]:
        """A user "that has accepted their invitation", else 404 (swagger-user.json)."""
        found = self._one("users", call)
        if not found or is_pending(found[0]["id"]):
            raise ApiError("1013", f"User '{call.job_id}' not found")
        return found

    def _one(self, name: str, call: Call) -> list[JSON]:
        """The row that a call names, with its details; none where there is no such row."""
        table = self._tables[name]
        row = table.find(int(call.job_id) if table.key == "id" else call.job_id)
        if row is None:
            return []
        details = _details(self._options, name, row)
        own = {key: value for key, value in details.items() if (name, key) not in _OF_OTHER_CALLS}
        return [{**table.shown_row(row), **own}]

    def _detail(self, call: Call, name: str, column: str) -> list[JSON]:
        """What a call shows that is about one thing of a row; none where there is no such row."""
        row = self._tables[name].find(int(call.job_id))
        if row is None:
            return []
        found = _details(self._options, name, row)[column]
        if found is None and column in ("content", "smartList"):
            # 709: "landing pages that contain social content" (error-codes.md).
            raise ApiError("709", "Landing page has social content")
        if isinstance(found, list):
            return list(offset_page(found, call.query)) if call.kind in OFFSET_PAGED else found
        shown = self._tables[name].shown_row(row)
        if column == "content":
            return [{"id": row.id, "status": shown.get("status"), "content": found}]
        record = found if column == "smartList" else {"id": row.id, "rules": found}
        if call.first("includeRules") != "true":
            record = {key: value for key, value in record.items() if key != "rules"}
        return [record]

    def _describe(self, name: str) -> dict[str, Any]:
        table = self._tables["custom_object_types"]
        row = table.find(name)
        if row is None:
            raise ApiError("1013", f"Object '{name}' not found")
        details = _details(self._options, "custom_object_types", row)
        return {"result": [self._type_shown({**table.shown_row(row), **details}, "describe")]}

    def _type_shown(self, row: JSON, call: str) -> JSON:
        """A type of custom objects under the keys of custom-objects.md, "List Objects".

        swagger-mapi.json, ObjectMetaData, has ``apiName`` and no ``name``. Both show the
        relationships in both calls; with links_told one of them does.
        """
        if self._links_told not in ("both", call):
            row = {**row, "relationships": []}
        if not self._api_names:
            return row
        return {"apiName": row["name"], **{k: v for k, v in row.items() if k != "name"}}

    def _walk(self, call: Call) -> list[JSON]:
        """A part of the tree: maxDepth is 2 where it is not given (folders.md, "Browse")."""
        text = call.first("root")
        root = None if not text else _read_node(text)
        depth = read_number(call.query.get("maxDepth"), 2, 0, DEEPEST, "maxDepth")
        workspace = call.first("workSpace")
        found = [
            record
            for record in _folders(self._tables).walk(root, depth)
            if not workspace or record.get("workspace") == workspace
        ]
        return list(offset_page(found, call.query))

    def _tokens(self, call: Call) -> list[JSON]:
        """The tokens of a folder or program; no page says what one without any answers."""
        kind, _, number = call.job_id.partition("/")
        parent = (kind, int(number))
        folders, table = _folders(self._tables), self._tables["tokens"]
        tokens = table.shown(table.children(parent))
        empty = parent in folders.parents() and parent[1] % 5 == 0
        if not tokens and not empty:
            return []
        return [{"folder": {"type": parent[0], "value": parent[1]}, "tokens": tokens}]


def _listed(records: list[JSON]) -> dict[str, Any]:
    """ "No assets found": success, a warning and no result (emails.md, error-codes.md on 702)."""
    if not records:
        return {"errors": [], "warnings": [NO_ASSETS]}
    return {"errors": [], "warnings": [], "result": records}


def _read_node(text: str) -> Node:
    """A folder as a parameter names it: {"id": 14, "type": "Folder"}."""
    try:
        node = json.loads(text)
        return str(node["type"]).title(), int(node["id"])
    except (ValueError, KeyError, TypeError):
        raise ApiError("1003", f"Invalid value '{text}' for root") from None
