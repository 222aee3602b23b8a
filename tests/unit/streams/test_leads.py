"""Leads: which fields are asked for, whatever the catalog, describe and a file call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from tap_marketo.errors import FieldNotFoundError
from tap_marketo.exports.reader import missing_columns
from tap_marketo.marketo.describe import Field
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.leads import LeadsFamily


def family(columns: Sequence[str], fields: Mapping[str, bool]) -> LeadsFamily:
    """Return the family of a catalog's columns and an account's fields.

    Args:
        columns: those of the catalog, all selected.
        fields: those that Marketo has, and whether they can be exported.
    """
    properties = {column: {"type": ["string", "null"]} for column in columns}
    entry = CatalogEntry("leads", {"properties": properties}, properties, {})
    known = [Field(name, "string", is_exportable=can) for name, can in fields.items()]
    return LeadsFamily(entry, known, timedelta())


def test_fields_that_differ_in_letter_case_only_are_known_by_their_exact_names() -> None:
    both = {"id": True, "Size": True, "size": True}
    assert family(["id", "Size", "size"], both).fields() == ["id", "Size", "size"]
    # Which of the two was meant is not certain.
    assert family(["id", "SIZE"], both).fields() == ["id"]
    assert family(["id", "Size", "size"], {"id": True, "size": True}).fields() == ["id", "size"]


def test_a_field_that_the_catalog_spells_otherwise_is_asked_for_as_marketo_has_it() -> None:
    assert family(["id", "EMAIL"], {"id": True, "email": True}).fields() == ["id", "email"]


def test_a_formula_is_not_taken_for_a_field_of_another_letter_case() -> None:
    fields = {"id": True, "total": False, "Total": True}
    assert family(["id", "total"], fields).fields() == ["id"]


def test_a_file_lacks_a_column_although_it_has_one_of_another_letter_case() -> None:
    asked = family(["id", "Size", "size"], {"id": True, "Size": True, "size": True})
    assert missing_columns(asked, ["id", "size"]) == ["Size"]
    assert missing_columns(asked, ["ID", "size", "SIZE"]) == []


def test_columns_without_a_field_are_in_no_message_but_keys_are() -> None:
    asked = family(["id", "gone", "formula", "email"], {"formula": False, "email": True, "x": True})
    assert list(asked.streams["leads"].columns) == ["id", "email"]


def test_of_two_fields_that_differ_in_letter_case_only_the_one_that_is_named_is_left_out() -> None:
    asked = family(["id", "Size", "size"], {"id": True, "Size": True, "size": True})
    asked.do_without_field(FieldNotFoundError("POST create", "Field 'size' not found", "1006"))
    assert asked.fields() == ["id", "Size"]
