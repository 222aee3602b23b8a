"""Export files with cells that do not fit their type, with no rows, with hundreds of columns."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import SMALL, START, assert_leads
from tests.end_to_end.replay import (
    EVERY_TYPE,
    FIELDS,
    LEADS,
    STREAMS,
    Recording,
    config,
    record,
    replaying,
)
from tests.harness import Run, Tap, Target, account, select, tap_in_a_directory


@pytest.fixture(scope="module")
def recorded() -> Iterator[Recording]:
    with account(*SMALL, "--export-minutes", "0.5") as marketo, tap_in_a_directory() as tap:
        yield record(marketo, tap, start_date=START)


def sync(told: Recording, tap: Tap, *streams: str) -> tuple[Run, Target]:
    """Sync some streams of a recording."""
    with replaying(told) as replay:
        settings = config(replay, start_date=START)
        chosen = select(tap.discover(settings), streams or STREAMS)
        target = Target()
        return tap.sync(settings, chosen, target), target


def warnings(done: Run, stream: str) -> dict[str, str]:
    """Return what a run said of each column of a stream."""
    start = f"WARNING {stream}."
    told = [x.removeprefix(start) for x in done.stderr.split("\n") if x.startswith(start)]
    return dict(line.split(": ", 1) for line in told)


def lead_file(rows: Sequence[Mapping[str, bytes]]) -> bytes:
    header = ",".join(FIELDS).encode()
    lines = [b",".join(row.get(name, b"null") for name in FIELDS) for row in rows]
    return b"\n".join([header, *lines, b""])


# A cell of a column with what comes of it, and what is said of it if anything is.
CELLS: list[tuple[str, bytes, Any, str]] = [
    ("leadScore", b"12.9", 12, "1 with decimals"),
    ("leadScore", b".5", 0, "1 with decimals"),
    ("leadScore", b"+7", 7, ""),
    ("leadScore", b'"1,234"', 1234, ""),
    ("leadScore", b'"1,23"', None, "1 not a whole number"),
    ("leadScore", b"12%", 12, ""),
    ("leadScore", b"twelve", None, "1 not a whole number"),
    ("leadScore", b"9" * 40, int("9" * 40), "1 beyond 64 bits"),
    ("leadScore", b"9223372036854775808", 2**63, "1 beyond 64 bits"),
    ("leadScore", b"9223372036854775807", 2**63 - 1, ""),
    ("isSubscriber", b"1", True, ""),
    ("isSubscriber", b"0", False, ""),
    ("isSubscriber", b"Yes", True, ""),
    ("isSubscriber", b"maybe", None, "1 "),
    ("updatedAt", b"31/12/2026", None, "1 "),
    ("updatedAt", b"2026-06-01T10:00:00Z+0000", "2026-06-01T10:00:00+00:00", ""),
    ("email", b'"a\rb\r\nc"', "a\rb\r\nc", ""),
    ("email", b"nul\0byte", "nulbyte", ""),
    ("email", "line\u2028separator".encode(), "line\u2028separator", ""),
    ("email", b"half \xe6\xbc of it", "half \ufffd\ufffd of it", "1 "),
    ("email", '"""quoted"", 日本語 😀"'.encode(), '"quoted", 日本語 😀', ""),
    ("interestTags", b"just text", ["just text"], ""),
    ("interestTags", b'"[""a"",1]"', ["a", 1], ""),
]


def in_files() -> list[dict[str, tuple[bytes, Any, str]]]:
    """Return the cells by files, of which each has one cell of a column: it is told by column."""
    files: list[dict[str, tuple[bytes, Any, str]]] = []
    for column, *cell in CELLS:
        free = (file for file in files if column not in file)
        if (file := next(free, None)) is None:
            files.append(file := {})
        file[column] = (cell[0], cell[1], str(cell[2]))
    return files


@pytest.mark.sampled(3)
@pytest.mark.parametrize("cells", in_files())
def test_an_odd_cell_is_read_or_said_to_be_none_and_stops_nothing(
    recorded: Recording, tap: Tap, cells: Mapping[str, tuple[bytes, Any, str]]
) -> None:
    told = copy.deepcopy(recorded)
    rows = [{"id": b"1", "email": b"before@example.com"}]
    for number, (column, (cell, _, _)) in enumerate(cells.items(), 2):
        rows.append({"id": b"%d" % number, column: cell})
    rows.append({"id": b"99", "email": b"after@example.com"})
    told.put_file(LEADS, lead_file(rows), len(rows))
    done, target = sync(told, tap, LEADS)
    table = expected.table(target, LEADS)
    assert (table[1]["email"], table[99]["email"]) == ("before@example.com", "after@example.com")
    summed = warnings(done, LEADS)
    assert set(summed) == {column for column, (_, _, said) in cells.items() if said}
    for number, (column, (_, value, said)) in enumerate(cells.items(), 2):
        assert table[number] == {**dict.fromkeys(FIELDS), "id": number, column: value}
        assert type(table[number][column]) is type(value)
        assert summed.get(column, "").startswith(said)


def test_attributes_of_other_json_types_than_announced_are_read_or_said_to_be_none(
    recorded: Recording, tap: Tap
) -> None:
    told = copy.deepcopy(recorded)
    (kind,) = [
        t for t in told.json("/rest/v1/activities/types.json")["result"] if t["id"] == 100006
    ]
    given = {
        "integer": 12.9,
        "boolean": 1,
        "float": "a dozen",
        "string": {"a": [1.50]},
        "date": 20260601,
    }
    names = {t: next(a["name"] for a in kind["attributes"] if a["dataType"] == t) for t in given}
    attributes = json.dumps({names[t]: value for t, value in given.items()})
    header = "marketoGUID,leadId,activityDate,activityTypeId,campaignId,"
    header += "primaryAttributeValue,primaryAttributeValueId,actionResult,attributes\n"
    quoted = attributes.replace('"', '""')
    row = f'77,1001,2026-06-10T00:00:00Z,100006,,,,skipped,"{quoted}"\n'
    told.put_file("activities", (header + row).encode(), 1)
    done, target = sync(told, tap, EVERY_TYPE)
    record = expected.table(target, EVERY_TYPE)["77"]
    column = {t: name.lower().replace(" ", "_") for t, name in names.items()}
    assert record[column["integer"]] == 12
    assert record[column["boolean"]] is True
    assert record[column["float"]] is None
    assert record[column["string"]] == '{"a":[1.5]}'
    assert record[column["date"]] is None
    summed = warnings(done, EVERY_TYPE)
    assert set(summed) == {column[t] for t in ("integer", "float", "date")}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", (",".join(FIELDS) + "\n").encode()])
def test_a_file_without_rows_moves_the_bookmark(recorded: Recording, tap: Tap, data: bytes) -> None:
    told = copy.deepcopy(recorded)
    told.put_file(LEADS, data, 0)
    _, target = sync(told, tap, LEADS)
    assert target.rows(LEADS) == []
    assert target.state
    assert target.state["bookmarks"][LEADS]["updatedAt"] > START
    assert "exports" not in target.state


def test_every_one_of_hundreds_of_lead_fields_comes(tap: Tap) -> None:
    with account(*SMALL, "--lead-fields", "700") as marketo:
        settings = marketo.config(start_date=START)
        chosen = select(tap.discover(settings), [LEADS])
        target = Target()
        tap.sync(settings, chosen, target)
        assert_leads(marketo, target)
        assert len(target.rows(LEADS)[0]) >= 700
