"""What is special about single streams of assets."""

from __future__ import annotations

from typing import Any

import pytest

from tap_marketo.streams.assets import list_of_text
from tap_marketo.streams.folders import prepared


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("[a, b]", ["a", "b"]),
        ("[program,event]", ["program", "event"]),
        ("[]", []),
        ("[ ]", []),
        ("[one two]", ["one two"]),
        ("no list", "no list"),
        ("[", "["),
        (None, None),
        (["a"], ["a"]),
    ],
)
def test_a_list_written_as_text_becomes_one(text: Any, items: Any) -> None:
    assert list_of_text(text) == items


def test_a_folder_and_a_program_of_one_number_are_two_rows() -> None:
    rows = [
        {"id": 5, "folderId": {"id": 5, "type": kind}, "parent": {"id": 1, "type": kind}}
        for kind in ("FOLDER", "Folder", "PROGRAM", "Program")
    ]
    shown = [prepared(row) for row in rows]
    assert [row["type"] for row in shown] == ["Folder", "Folder", "Program", "Program"]
    for row in shown:
        assert row["folderId"]["type"] == row["parent"]["type"] == row["type"]
    assert prepared({"id": 5, "parent": None}) == {"id": 5, "parent": None, "type": None}
