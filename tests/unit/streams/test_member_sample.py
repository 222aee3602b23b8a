"""What pages and an export have in common is judged by rows that did not change meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone

import pytest

from tap_marketo.streams.member_handover import Sample

BEGAN = datetime(2026, 6, 1, tzinfo=timezone.utc)
# The status of each member, by lead.
Members = Mapping[int, str]


def lines_of(program: int, members: Members) -> list[bytes]:
    """RECORD lines, as pages and files give them."""
    rows = [{"programId": program, "leadId": lead, "status": s} for lead, s in members.items()]
    return [json.dumps({"type": "RECORD", "record": row}).encode() + b"\n" for row in rows]


def found(first: Members, exported: Members, second: Members) -> str:
    """Return the difference of one program among others that are equal."""
    asked = []

    def read_again(program: int) -> list[bytes]:
        asked.append(program)
        return lines_of(program, second)

    sample = Sample(BEGAN, read_again)
    for program in (9, 7):
        sample.add(program, lines_of(program, first if program == 7 else {1: "a"}))
    # A file is read once more where it came damaged.
    sample.add_of_file(b"".join(lines_of(7, {5: "z"})))
    sample.begin_file()
    sample.add_of_file(b"".join([*lines_of(9, {1: "a"}), *lines_of(7, exported)]))
    difference = sample.difference()
    assert asked == ([] if first == exported else [7])
    return difference


@pytest.mark.parametrize(
    ("first", "exported", "second", "difference"),
    [
        ({1: "a", 2: "b"}, {2: "b", 1: "a"}, {}, ""),
        ({1: "a"}, {1: "a", 2: "b"}, {1: "a"}, "pages lack the row of lead 2 in program 7"),
        ({1: "a", 2: "b"}, {1: "a"}, {1: "a", 2: "b"}, "the export lacks the row of lead 2"),
        ({1: "a"}, {1: "b"}, {1: "a"}, "status differs of lead 1 in program 7"),
        # Who joined, changed, or left meanwhile says nothing.
        ({1: "a"}, {1: "a", 2: "b"}, {1: "a", 2: "b"}, ""),
        ({1: "a"}, {1: "b"}, {1: "b"}, ""),
        ({1: "a"}, {1: "b"}, {1: "c"}, ""),
        ({1: "a", 2: "b"}, {1: "a"}, {1: "a"}, ""),
    ],
)
def test_differences_are_named_and_changes_are_not(
    first: Members, exported: Members, second: Members, difference: str
) -> None:
    assert found(first, exported, second).startswith(difference)
    assert bool(found(first, exported, second)) == bool(difference)


def test_ten_programs_with_members_are_enough() -> None:
    sample = Sample(BEGAN, lambda program: [])
    for program in range(20, 0, -1):
        sample.add(program, lines_of(program, {1: "a"} if program % 2 else {}))
    assert sample.programs == list(range(1, 20, 2))
    assert sample.is_full
    sample.add(30, lines_of(30, {1: "a"}))
    assert 30 not in sample.programs
    huge = Sample(BEGAN, lambda program: [])
    huge.add(1, lines_of(1, dict.fromkeys(range(5_000), "a")))
    assert not huge.programs
