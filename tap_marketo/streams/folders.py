"""Folders: the whole tree, in which programs stand among the folders (folders.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tap_marketo.errors import DataError, TapError
from tap_marketo.log import LOGGER
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.moving_list import offset_pages
from tap_marketo.marketo.pages import Page, Row

_PATH = "/rest/asset/v1/folders.json"
_BY_NAME = "/rest/asset/v1/folder/byName.json"
AREAS = ("Marketing Activities", "Design Studio", "Lead Database")
"""The areas, by the names of their roots (folders.md, Browse)."""
# Levels, far beyond any tree; without it the call shows two.
_ALL_LEVELS = 1_000_000


def trees(client: MarketoClient) -> Iterator[Page]:
    """Read the tree of each area; for one that cannot be read, yield a page with the error."""
    for area in AREAS:
        try:
            yield from tree(client, area)
        except TapError as error:
            yield Page([], part=area, error=error)


def tree(client: MarketoClient, area: str) -> Iterator[Page]:
    """Read the tree of an area; its root is in it.

    Raises:
        TapError: it cannot be read.
    """
    for root in _roots(client, area):
        params = {"root": root, "maxDepth": _ALL_LEVELS}
        for page in offset_pages(client, _PATH, "folders", params, _identity):
            yield replace(page, rows=list(map(prepared, page.rows)), part=area)


def tree_size(sizes: ListSizes) -> ListSize[Row]:
    """Return how many folders and programs stand in the trees of all areas."""

    def ask() -> ListSize[Row]:
        size: ListSize[Row] = ListSize(0, len(AREAS), [])
        for area in AREAS:
            for root in _roots(sizes.client, area):
                params = {"root": root, "maxDepth": _ALL_LEVELS}
                size += sizes.by_offset(_PATH, "folders", params)
        return size.of(prepared)

    return sizes.once("tree", ask)


def _roots(client: MarketoClient, area: str) -> list[str]:
    """Return the root of an area as the parameter of a call.

    Any folder may bear its name, but that alone stands in no other.
    """
    found = client.get(_BY_NAME, "folder_by_name", {"name": area})["result"]
    named = [row for row in found if isinstance(row, dict)]
    roots = [row for row in named if not row.get("parent")] or named
    if not roots:
        LOGGER.warning("Marketo has no area %s: its folders are left out.", area)
    try:
        ids = [int(row["folderId"]["id"]) for row in roots]
    except (KeyError, TypeError, ValueError):
        raise DataError(f"GET {_BY_NAME}: the folder {area} has no id. Run again.") from None
    return [json.dumps({"id": number, "type": "Folder"}) for number in ids]


def prepared(row: Row) -> Row:
    """Write types in one way, and add that of the id: a folder and a program may share one."""
    nodes = {name: _node(row[name]) for name in ("folderId", "parent") if name in row}
    own = nodes.get("folderId")
    kind = own.get("type") if isinstance(own, Mapping) else None
    return {**row, **nodes, "type": kind}


def _identity(row: Row) -> object:
    shown = prepared(row)
    return shown.get("id"), shown["type"]


def _node(value: Any) -> Any:
    """Return a node of the tree with its type as Folder or Program; by name it is FOLDER."""
    kind = value.get("type") if isinstance(value, Mapping) else None
    return {**value, "type": kind.capitalize()} if isinstance(kind, str) else value
