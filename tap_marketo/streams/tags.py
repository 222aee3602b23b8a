"""Tag types, whose lists Marketo writes as text (tags.md)."""

from __future__ import annotations

from typing import Any

from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Row
from tap_marketo.streams.details import Details, rows_of
from tap_marketo.streams.paged import PagedStream, by_offset
from tap_marketo.streams.permissions import READ_ASSET

_BY_NAME = "/rest/asset/v1/tagType/byName.json"


def list_of_text(text: Any) -> Any:
    """Return the items of ``[a, b]``; what is written otherwise stays as it is."""
    if not isinstance(text, str) or not (text.startswith("[") and text.endswith("]")):
        return text
    items = [item.strip() for item in text[1:-1].split(",")]
    return [item for item in items if item]


def _prepare(row: Row) -> Row:
    return {**row, "applicableProgramTypes": list_of_text(row.get("applicableProgramTypes"))}


def _allowable_values(client: MarketoClient, row: Row) -> Row:
    """Read the values of a tag type; by a name with a comma none is found (assets.md, By Name)."""
    name = str(row.get("tagType"))
    found = [] if "," in name else rows_of(client, _BY_NAME, "tag_type", {"name": name})
    return {"allowableValues": list_of_text(found[0].get("allowableValues"))} if found else {}


TAG_TYPES = PagedStream(
    name="tag_types",
    path="/rest/asset/v1/tagTypes.json",
    read=by_offset,
    permission=READ_ASSET,
    replication_key=None,
    keys=("tagType",),
    prepare=_prepare,
    details=Details(("allowableValues",), _allowable_values),
)
