"""Columns of activities: each attribute goes to its own, whatever the catalog and Marketo have."""

from __future__ import annotations

from typing import Any

from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.activity_columns import attribute_columns

TEXT = {"type": ["string", "null"]}


def find(noted: dict[str, str | None], *names: str) -> list[str | None]:
    """Return the column of each name, from a catalog with such notes and a type of such attributes.

    Args:
        noted: the attribute that the catalog notes for each column, None where it notes none.
        names: of the attributes that Marketo has now.
    """
    schema = {"properties": dict.fromkeys(noted, TEXT)}
    notes: dict[tuple[str, ...], dict[str, Any]] = {
        ("properties", column): {"marketo.attribute-name": name} if name else {}
        for column, name in noted.items()
    }
    entry = CatalogEntry("activities_x", schema, schema["properties"], notes)
    columns = attribute_columns(entry, {"attributes": [{"name": name} for name in names]})
    return [columns.find(name) for name in names]


def test_a_new_attribute_does_not_write_into_the_column_of_one_of_another_letter_case() -> None:
    assert find({"colour": "colour"}, "colour", "Colour") == ["colour", None]
    assert find({"colour": "Colour"}, "colour", "Colour") == [None, "colour"]


def test_an_attribute_whose_letter_case_was_changed_in_marketo_keeps_its_column() -> None:
    assert find({"colour": "Colour"}, "COLOUR") == ["colour"]


def test_a_catalog_without_notes_is_read_by_the_rule_that_made_it() -> None:
    assert find({"colour": None, "colour_2": None}, "Colour", "colour") == ["colour", "colour_2"]
    # The other tap has one column for both.
    assert find({"colour": None}, "Colour", "colour") == ["colour", "colour"]
