"""Catalogs: selection in every way taps and orchestrators write it, nonsense named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tap_marketo.errors import CatalogError
from tap_marketo.protocol.catalog import CatalogEntry, catalog_entry, load_catalog, selected_entries

INTEGER = {"type": "integer"}
TEXT = {"type": ["string", "null"]}


def stream(
    own: dict[str, Any] | None = None, columns: dict[str, dict[str, Any]] | None = None, **keys: Any
) -> dict[str, Any]:
    """Write a stream with columns id, a, b and the metadata given."""
    metadata = [] if own is None else [{"breadcrumb": [], "metadata": own}]
    for column, values in (columns or {}).items():
        metadata.append({"breadcrumb": ["properties", column], "metadata": values})
    return {
        "tap_stream_id": "leads",
        "schema": {"type": "object", "properties": {"id": INTEGER, "a": TEXT, "b": TEXT}},
        "metadata": metadata,
        **keys,
    }


def entries(*streams: Any) -> list[CatalogEntry]:
    return selected_entries({"streams": list(streams)}, "my.json")


def columns(values: dict[str, Any]) -> list[str]:
    """Return the columns selected when column a has this metadata, beside an automatic id."""
    taken = stream({"selected": True}, {"id": {"inclusion": "automatic"}, "a": values})
    return list(entries(taken)[0].columns)


@pytest.mark.parametrize(
    ("own", "selected"),
    [
        ({"selected": True}, True),
        ({"selected": False}, False),
        ({}, False),
        (None, False),
        ({"selected-by-default": True}, True),
        ({"selected-by-default": False}, False),
        ({"selected": False, "selected-by-default": True}, False),
        ({"selected": True, "selected-by-default": False}, True),
        ({"selected": None, "selected-by-default": True}, True),
    ],
)
def test_a_stream_is_selected_by_its_metadata(own: dict[str, Any] | None, selected: bool) -> None:
    assert bool(entries(stream(own))) is selected


@pytest.mark.parametrize("selected", [True, False])
def test_a_stream_of_an_old_catalog_is_selected_in_the_entry(selected: bool) -> None:
    assert bool(entries(stream(selected=selected))) is selected


@pytest.mark.parametrize("selected", [True, False])
def test_a_stream_of_an_old_catalog_is_selected_in_its_schema(selected: bool) -> None:
    schema = {"selected": selected, "properties": {"id": INTEGER}}
    assert bool(entries(stream(schema=schema))) is selected


def test_metadata_wins_over_the_entry_s_old_mark() -> None:
    assert entries(stream({"selected": False}, selected=True)) == []


@pytest.mark.parametrize(
    ("values", "selected"),
    [
        ({"selected": True}, True),
        ({"selected": False}, False),
        ({}, False),
        ({"selected-by-default": True}, True),
        ({"selected": False, "selected-by-default": True}, False),
        ({"inclusion": "available"}, False),
        ({"inclusion": "available", "selected": True}, True),
        ({"inclusion": "automatic"}, True),
        ({"inclusion": "automatic", "selected": False}, True),
        ({"inclusion": "unsupported", "selected": True}, False),
        ({"inclusion": "unsupported", "selected-by-default": True}, False),
    ],
)
def test_a_column_is_selected_by_its_metadata(values: dict[str, Any], selected: bool) -> None:
    assert columns(values) == (["id", "a"] if selected else ["id"])


def test_a_selected_stream_without_any_column_metadata_has_all_its_columns() -> None:
    assert list(entries(stream({"selected": True}))[0].columns) == ["id", "a", "b"]


def test_a_catalog_without_any_metadata_has_all_columns_of_what_is_selected() -> None:
    old = stream(selected=True)
    del old["metadata"]
    assert list(entries(old)[0].columns) == ["id", "a", "b"]


@pytest.mark.parametrize(
    ("definition", "selected"),
    [
        ({**TEXT, "selected": True}, True),
        ({**TEXT, "selected": False}, False),
        ({**TEXT, "inclusion": "automatic"}, True),
        ({**TEXT, "inclusion": "unsupported", "selected": True}, False),
    ],
)
def test_a_column_may_carry_its_old_marks_in_its_schema(
    definition: dict[str, Any], selected: bool
) -> None:
    old = stream({"selected": True}, {"id": {"inclusion": "automatic"}})
    old["schema"]["properties"]["a"] = definition
    assert list(entries(old)[0].columns) == (["id", "a"] if selected else ["id"])


def test_columns_come_in_the_schema_s_order_with_their_schemas() -> None:
    marks = {name: {"selected": True} for name in ("b", "a", "id")}
    (entry,) = entries(stream({"selected": True}, marks))
    assert list(entry.columns.items()) == [("id", INTEGER), ("a", TEXT), ("b", TEXT)]


def test_streams_come_in_the_catalog_s_order_by_tap_stream_id() -> None:
    streams = [
        stream({"selected": True}, tap_stream_id=name, stream="other") for name in ("b", "c", "a")
    ]
    streams[1]["metadata"][0]["metadata"]["selected"] = False
    assert [entry.stream for entry in entries(*streams)] == ["b", "a"]


def test_an_entry_without_tap_stream_id_goes_by_its_stream_name() -> None:
    old = stream({"selected": True}, stream="lists")
    del old["tap_stream_id"]
    assert entries(old)[0].stream == "lists"


def test_metadata_of_streams_and_columns_can_be_asked_for() -> None:
    (entry,) = entries(stream({"selected": True, "x": 7}, {"a": {"selected": True, "y": 8}}))
    assert entry.stream_metadata("x") == 7
    assert entry.stream_metadata("y") is None
    assert entry.column_metadata("a", "y") == 8
    assert entry.column_metadata("a", "x") is None
    assert entry.column_metadata("b", "y") is None


def test_a_stream_selected_twice_is_named() -> None:
    with pytest.raises(CatalogError, match=r"my\.json has leads twice"):
        entries(stream({"selected": True}), stream({"selected": True}))


def test_a_stream_listed_twice_and_selected_once_is_taken_once() -> None:
    assert len(entries(stream({"selected": False}), stream({"selected": True}))) == 1


@pytest.mark.parametrize("raw", [None, [], {}, {"streams": {}}, {"streams": None}, "x", 7])
def test_what_has_no_list_of_streams_is_no_catalog(raw: Any) -> None:
    with pytest.raises(CatalogError, match=r'my\.json has no list "streams"'):
        selected_entries(raw, "my.json")


def without(key: str) -> dict[str, Any]:
    return {k: v for k, v in stream({"selected": True}).items() if k != key}


@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        ("leads", r"streams\[1\] must be an object"),
        (without("tap_stream_id"), r"streams\[1\]\.tap_stream_id must be a string"),
        (stream(tap_stream_id=7), r"streams\[1\]\.tap_stream_id must be a string"),
        (stream(metadata={}), r"streams\[1\]\.metadata must be a list"),
        (stream(metadata=["x"]), r"streams\[1\]\.metadata must be a list"),
        (stream(metadata=[{"breadcrumb": []}]), r"streams\[1\]\.metadata must be a list"),
        (
            stream(metadata=[{"breadcrumb": [], "metadata": 7}]),
            r"streams\[1\]\.metadata must be a list",
        ),
        (
            stream(metadata=[{"breadcrumb": "properties", "metadata": {}}]),
            r"streams\[1\]\.metadata must be a list",
        ),
        (
            stream(metadata=[{"breadcrumb": ["properties", 1], "metadata": {}}]),
            r"streams\[1\]\.metadata must be a list",
        ),
        (without("schema"), r"streams\[1\]\.schema must be an object"),
        (stream({"selected": True}, schema="x"), r"streams\[1\]\.schema must be an object"),
        (
            stream({"selected": True}, schema={}),
            r"streams\[1\]\.schema\.properties must be an object of columns",
        ),
        (
            stream({"selected": True}, schema={"properties": {"id": "integer"}}),
            r"streams\[1\]\.schema\.properties must be an object of columns",
        ),
    ],
)
def test_a_malformed_entry_is_named_by_its_place(second: Any, complaint: str) -> None:
    first = stream({"selected": True}, tap_stream_id="first")
    with pytest.raises(CatalogError, match=f"my.json cannot be used: {complaint}"):
        entries(first, second)


def test_an_entry_that_is_not_selected_needs_no_schema() -> None:
    assert entries({"tap_stream_id": "x"}) == []


def test_wire_schemas_let_all_columns_but_the_keys_be_null() -> None:
    schema = {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "createdAt": {"type": "string", "format": "date-time"},
            "name": {"type": ["string", "null"]},
            "both": {"type": ["integer", "string"]},
            "any": {},
        },
    }
    before = copy.deepcopy(schema)
    (entry,) = entries(stream({"selected": True}, schema=schema))
    assert entry.wire_schema(["id"])["properties"] == {
        "id": {"type": "integer"},
        "createdAt": {"type": ["string", "null"], "format": "date-time"},
        "name": {"type": ["string", "null"]},
        "both": {"type": ["integer", "string", "null"]},
        "any": {},
    }
    assert schema == before


def test_wire_schemas_have_the_columns_to_emit_and_no_other() -> None:
    marks = {"a": {"selected": True}, "b": {"selected": False}}
    (entry,) = entries(stream({"selected": True}, marks))
    assert list(entry.wire_schema(["id"])["properties"]) == ["a"]
    keyed = entry.keyed(["id"])
    assert list(keyed.wire_schema(["id"])["properties"]) == ["id", "a"]
    assert list(entry.keyed(["id"], "b").wire_schema(["id"])["properties"]) == ["id", "a", "b"]
    assert list(keyed.without(["a"]).wire_schema(["id"])["properties"]) == ["id"]


def test_a_schema_may_lack_the_replication_key() -> None:
    (entry,) = entries(stream({"selected": True}, {"a": {"selected": True}}))
    assert list(entry.keyed(["id"], "updatedAt").columns) == ["id", "a"]


def written(replication_key: str | None = "updatedAt") -> dict[str, Any]:
    return catalog_entry(
        "lists",
        {"id": INTEGER, "updatedAt": TEXT, "name": TEXT, "odd": TEXT},
        ["id"],
        replication_key,
        {"id": "automatic", "updatedAt": "automatic", "name": "available", "odd": "unsupported"},
        {"my.number": 7},
        {"name": {"my.note": "x"}},
    )


def metadata_of(entry: dict[str, Any], *breadcrumb: str) -> Any:
    (found,) = [m["metadata"] for m in entry["metadata"] if list(m["breadcrumb"]) == [*breadcrumb]]
    return found


def test_an_entry_is_written_as_singer_defines_it() -> None:
    entry = json.loads(json.dumps(written()))
    assert entry["tap_stream_id"] == entry["stream"] == "lists"
    assert entry["key_properties"] == ["id"]
    assert entry["schema"]["additionalProperties"] is False
    assert list(entry["schema"]["properties"]) == ["id", "updatedAt", "name", "odd"]
    assert metadata_of(entry) == {
        "table-key-properties": ["id"],
        "forced-replication-method": "INCREMENTAL",
        "valid-replication-keys": ["updatedAt"],
        "my.number": 7,
    }
    assert metadata_of(entry, "properties", "id") == {"inclusion": "automatic"}
    assert metadata_of(entry, "properties", "name") == {"inclusion": "available", "my.note": "x"}


def test_an_entry_without_replication_key_is_a_full_table() -> None:
    assert metadata_of(written(None)) == {
        "table-key-properties": ["id"],
        "forced-replication-method": "FULL_TABLE",
        "my.number": 7,
    }


def test_a_written_entry_reads_back_with_its_automatic_columns_once_selected() -> None:
    entry = json.loads(json.dumps(written()))
    assert entries(entry) == []
    metadata_of(entry)["selected"] = True
    (read,) = entries(entry)
    assert list(read.columns) == ["id", "updatedAt"]
    assert read.stream_metadata("my.number") == 7
    assert read.column_metadata("name", "my.note") == "x"


def test_a_catalog_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps({"streams": [stream({"selected": True})]}))
    assert [entry.stream for entry in load_catalog(str(path))] == ["leads"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"[]", 'has no list "streams"'),
        (b'{"streams": [7]}', r"streams\[0\]"),
    ],
)
def test_a_catalog_file_of_nonsense_is_named(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "catalog.json"
    path.write_bytes(content)
    with pytest.raises(CatalogError, match=complaint) as caught:
        load_catalog(str(path))
    assert str(path) in str(caught.value)


def test_a_catalog_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"Cannot read the catalog file .*: No such file"):
        load_catalog(str(tmp_path / "none.json"))
