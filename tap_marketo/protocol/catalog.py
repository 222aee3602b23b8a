"""Singer catalog entries, both ways: written in discovery, read with their selection in a sync."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from singer import metadata

from tap_marketo.errors import CatalogError
from tap_marketo.exact_json import read_json_file
from tap_marketo.protocol.messages import unwritable

Schema = dict[str, Any]
Metadata = Mapping[tuple[str, ...], Mapping[str, Any]]

_NO_BOOLEAN = "must be true or false"


@dataclass(frozen=True)
class CatalogEntry:
    """A stream of the catalog, as a sync needs it.

    ``columns`` are the selected ones, which are emitted, in the schema's order.
    """

    stream: str
    schema: Schema
    columns: Mapping[str, Schema]
    metadata: Metadata

    def stream_metadata(self, key: str) -> Any:
        """Return a value of the stream's own metadata, None if there is none."""
        return self.metadata.get((), {}).get(key)

    def column_metadata(self, column: str, key: str) -> Any:
        """Return a value of a column's metadata, None if there is none."""
        return self.metadata.get(("properties", column), {}).get(key)

    def keyed(self, keys: Sequence[str], replication_key: str | None = None) -> CatalogEntry:
        """Return the entry with its key columns and its replication key, selected or not.

        No row can do without its keys. A schema made by hand may lack the replication key.

        Raises:
            CatalogError: the schema has no such column.
        """
        properties = self.schema["properties"]
        for key in keys:
            if key not in properties:
                raise CatalogError(
                    f"The catalog's schema of {self.stream} has no column {key}, which is a key. "
                    "Make a new one with --discover."
                )
        wanted = {*keys, replication_key, *self.columns}
        return replace(self, columns={c: d for c, d in properties.items() if c in wanted})

    def without(self, columns: Collection[str]) -> CatalogEntry:
        """Return the entry without some columns."""
        left = {c: d for c, d in self.columns.items() if c not in columns}
        return replace(self, columns=left)

    def wire_schema(self, keys: Iterable[str]) -> Schema:
        """Return the schema for SCHEMA messages: of the columns to emit, and no other.

        A target makes a column of whatever it names, and empties it in the rows that come.

        Every column but the keys may be null. Marketo leaves out values that are documented as
        always there; a target that checks records against the schema must not stop for that.
        """
        schema = copy.deepcopy({**self.schema, "properties": dict(self.columns)})
        for column, definition in schema["properties"].items():
            kinds = schema_types(definition)
            if column not in keys and kinds and "null" not in kinds:
                definition["type"] = [*kinds, "null"]
            _forget_formats(definition)
        return schema


def _forget_formats(schema: Schema) -> None:
    """Leave out the formats of an object's members, which are written as their formats say.

    singer-check-tap looks for members with a format even where the object is null, and stops.
    """
    members = schema.get("properties")
    for member in members.values() if isinstance(members, dict) else ():
        if isinstance(member, dict):
            member.pop("format", None)
            _forget_formats(member)


def catalog_entry(
    stream: str,
    properties: Mapping[str, Schema],
    keys: Sequence[str],
    replication_key: str | None,
    inclusion: Mapping[str, str],
    stream_metadata: Mapping[str, Any] | None = None,
    column_metadata: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Write a catalog entry.

    ``inclusion`` is ``automatic`` or ``unsupported`` for columns that are not ``available``. A
    stream without a replication key is read in full each time.
    """
    own: dict[str, Any] = {
        "table-key-properties": list(keys),
        "forced-replication-method": "INCREMENTAL" if replication_key else "FULL_TABLE",
    }
    if replication_key:
        own["valid-replication-keys"] = [replication_key]
    mdata: dict[tuple[str, ...], Any] = {(): {**own, **(stream_metadata or {})}}
    for column in properties:
        more = (column_metadata or {}).get(column, {})
        mdata["properties", column] = {"inclusion": inclusion.get(column, "available"), **more}
    return {
        "tap_stream_id": stream,
        "stream": stream,
        "key_properties": list(keys),
        "schema": {
            "type": "object",
            "additionalProperties": False,
            "properties": dict(properties),
        },
        "metadata": metadata.to_list(mdata),
    }


def load_catalog(path: str) -> list[CatalogEntry]:
    """Read a catalog file and return its selected streams.

    Raises:
        CatalogError: the file cannot be read or is no catalog.
    """
    return selected_entries(read_json_file(path, "catalog", CatalogError), path)


def selected_entries(raw: Any, path: str) -> list[CatalogEntry]:
    """Return the selected streams of a catalog as read from JSON.

    Raises:
        CatalogError: it is no catalog, or an entry has no name or schema.
    """
    streams = raw.get("streams") if isinstance(raw, dict) else None
    if not isinstance(streams, list):
        raise CatalogError(
            f'The catalog file {path} has no list "streams". Make one with --discover.'
        )
    entries: list[CatalogEntry] = []
    for index, stream in enumerate(streams):
        entry = _read_entry(stream, f"streams[{index}]", path)
        if entry:
            if any(other.stream == entry.stream for other in entries):
                raise CatalogError(f"The catalog file {path} has {entry.stream} twice.")
            entries.append(entry)
    return entries


def _read_entry(stream: Any, where: str, path: str) -> CatalogEntry | None:
    def wrong(key: str, why: str) -> CatalogError:
        return CatalogError(
            f"The catalog file {path} cannot be used: {where}{key} {why}. "
            "Make a new one with --discover."
        )

    if not isinstance(stream, dict):
        raise wrong("", "must be an object")
    name = stream.get("tap_stream_id") or stream.get("stream")
    if not isinstance(name, str):
        raise wrong(".tap_stream_id", "must be a string")
    mdata = _metadata_by_breadcrumb(stream.get("metadata"))
    if mdata is None:
        raise wrong(".metadata", "must be a list of objects with breadcrumb and metadata")
    schema = stream.get("schema")
    schema_selected = schema.get("selected") if isinstance(schema, dict) else None
    own = mdata.get((), {})
    # Catalogs older than metadata mark selection in the entry or its schema.
    legacy = stream.get("selected", schema_selected)
    if not _is_selected(own, legacy, partial(wrong, ".metadata.selected", _NO_BOOLEAN)):
        return None
    if not isinstance(schema, dict):
        raise wrong(".schema", "must be an object")
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not all(
        isinstance(definition, dict) for definition in properties.values()
    ):
        raise wrong(".schema.properties", "must be an object of columns")
    if reason := unwritable([name, schema]):
        raise wrong(".schema", f"cannot be written: {reason}")
    has_column_metadata = any(breadcrumb for breadcrumb in mdata)
    columns: dict[str, Schema] = {}
    for column, definition in properties.items():
        if not _is_type(definition.get("type", [])):
            raise wrong(f".schema.properties.{column}.type", "must be a type or a list of types")
        own = mdata.get(("properties", column), {})
        fault = partial(wrong, f".metadata.selected of {column}", _NO_BOOLEAN)
        if not has_column_metadata or _is_column_selected(own, definition, fault):
            columns[column] = definition
    return CatalogEntry(name, schema, columns, mdata)


def _is_type(kinds: Any) -> bool:
    return isinstance(kinds, str) or (
        isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds)
    )


def _metadata_by_breadcrumb(raw: Any) -> Metadata | None:
    if raw is None:
        return {}
    if not isinstance(raw, list):
        return None
    found: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for item in raw:
        if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict):
            return None
        breadcrumb = item.get("breadcrumb")
        if not isinstance(breadcrumb, list) or not all(isinstance(b, str) for b in breadcrumb):
            return None
        found[tuple(breadcrumb)] = item["metadata"]
    return found


def _is_column_selected(
    own: Mapping[str, Any], definition: Mapping[str, Any], fault: Callable[[], CatalogError]
) -> bool:
    inclusion = own.get("inclusion", definition.get("inclusion"))
    if inclusion == "automatic":
        return True
    if inclusion == "unsupported":
        return False
    return _is_selected(own, definition.get("selected"), fault)


def _is_selected(own: Mapping[str, Any], legacy: Any, fault: Callable[[], CatalogError]) -> bool:
    mark = own.get("selected", legacy)
    if mark is None:
        mark = own.get("selected-by-default")
    if isinstance(mark, str):
        # Written by hand or by a template: "false" must not select.
        mark = {"true": True, "false": False}.get(mark.lower(), mark)
    if mark is None or isinstance(mark, bool | int | float):
        return bool(mark)
    raise fault()


def schema_types(schema: Mapping[str, Any]) -> list[str]:
    """Return the JSON types a column's schema allows, as a list."""
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)
