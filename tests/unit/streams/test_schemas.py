"""The schema files: closed at every depth, as a target that makes columns of them expects; columns
say what they mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

from tap_marketo.protocol.catalog import schema_types
from tap_marketo.streams.descriptions import one_line

FILES = {
    file.name.removesuffix(".json"): json.loads(file.read_text(encoding="utf-8"))
    for file in (resources.files("tap_marketo.streams") / "schemas").iterdir()
}


def nested(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a schema and those within it, each with where it stands."""
    yield path, schema
    for name, definition in schema.get("properties", {}).items():
        yield from nested(definition, f"{path}.{name}")
    if "items" in schema:
        yield from nested(schema["items"], f"{path}[]")


@pytest.mark.parametrize("stream", sorted(FILES))
def test_every_object_says_which_members_it_has_and_that_it_has_no_other(stream: str) -> None:
    columns = FILES[stream]["properties"]
    for column, definition in columns.items():
        for path, schema in nested(definition, column):
            types = schema_types(schema)
            assert types, path
            # What it holds has the names that an account gives.
            if path == "unknown_attributes":
                continue
            assert ("object" in types) == ("properties" in schema), path
            assert ("array" in types) == ("items" in schema), path
            if "object" in types:
                assert schema["additionalProperties"] is False, path


def test_activity_types_have_the_name_for_the_api_of_types_and_of_attributes() -> None:
    paths = dict(nested({"properties": FILES["activity_types"]["properties"]}, ""))
    for path in (".apiName", ".primaryAttribute.apiName", ".attributes[].apiName"):
        assert paths[path]["type"] == ["string", "null"]


@pytest.mark.parametrize("stream", sorted(FILES))
def test_every_column_is_described_in_words_of_its_own(stream: str) -> None:
    columns = FILES[stream]["properties"]
    described = {column: schema["description"] for column, schema in columns.items()}
    assert len({*described.values()}) == len(described)
    for column, text in described.items():
        assert re.fullmatch(r"[A-Z0-9`].*\.", text), column
        assert text == one_line(text), column
        # It says more than the name does: in words that are not in it.
        words = set(re.findall("[a-z]+", text.lower())) - {"the", "of", "a", "an", "is"}
        assert len([word for word in words if word not in column.lower()]) > 0, column
        if columns[column].get("format") == "date-time":
            assert "UTC" in text, column


def test_what_points_to_another_stream_names_a_column_that_it_has() -> None:
    for stream, file in FILES.items():
        for column, schema in file["properties"].items():
            for table, other in re.findall(r"`(\w+)\.(\w+)`", schema["description"]):
                assert other in FILES[table]["properties"], (stream, column)
