"""Files of export jobs, written to disk in the documented form."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.custom_objects import ObjectSelection
from tests.sandbox.database import Database
from tests.sandbox.export_requests import DELIMITERS, ExportRequest
from tests.sandbox.leads import FIRST_ID, LeadSelection
from tests.sandbox.members import MemberSelection
from tests.sandbox.values import Value

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Written:
    """A finished file."""

    rows: int
    size: int
    checksum: str


Selection = LeadSelection | MemberSelection | ObjectSelection | array  # type: ignore[type-arg]


def select(request: ExportRequest, database: Database, moment: float) -> Selection:
    """The records an export request means, fixed as they are at the moment.

    A list filter takes the members "at the time that the job begins processing"
    (bulk-lead-extract.md); the other filters are taken to do the same.
    """
    if request.programs is not None:
        return database.members.select(
            request.programs,
            request.low,
            request.high,
            request.filter.get("statusNames"),
            request.cadence,
            request.filter.get("isExhausted"),
        )
    if request.custom_object is not None:
        table = database.custom_objects.table(request.custom_object)
        if table is None:
            raise KeyError(request.custom_object)
        if request.list_number is None:
            return table.select(request.low, request.high)
        linked = {FIRST_ID + place for place in database.leads.members(request.list_number).index}
        return table.select(leads=linked)
    if request.object == "activities":
        return database.activities.select(request.types, request.low, request.high, moment)
    if request.list_number is not None:
        return database.leads.members(request.list_number)
    return database.leads.select(request.column, request.low, request.high)


def cell_writer(delimiter: str) -> Callable[[Value], str]:
    """A function that writes one cell by RFC 4180.

    "If a requested lead field is empty, then null is placed in the corresponding field"
    (bulk-lead-extract.md, "Retrieving Your Data").
    """
    special = re.compile(f'["\r\n{delimiter}]').search

    def write(value: Value) -> str:
        text = value.text
        if text is None:
            return "null"
        if special(text):
            return '"' + text.replace('"', '""') + '"'
        return text

    return write


def lines(request: ExportRequest, database: Database, chosen: Selection, end: str) -> Iterator[str]:
    """The lines of a file, its header first."""
    delimiter = DELIMITERS[request.format]
    write = cell_writer(delimiter)
    yield delimiter.join(write(Value(name, name)) for name in request.headers) + end
    names = [*request.added, *request.fields]
    if isinstance(chosen, LeadSelection):
        rows = database.leads.rows(chosen, names, write)
    elif isinstance(chosen, (MemberSelection, ObjectSelection)):
        rows = chosen.rows(names, write)
    else:
        rows = database.activities.rows(chosen, names, write)
    for row in rows:
        yield delimiter.join(row) + end


def write_file(
    path: Path, request: ExportRequest, database: Database, chosen: Selection, end: str
) -> Written:
    """Write a file; its checksum is "a SHA-256 hash of the exported file" (bulk-extract.md)."""
    digest = hashlib.sha256()
    size = 0
    with path.open("wb") as file:
        waiting: list[str] = []
        held = 0

        def flush() -> int:
            data = "".join(waiting).encode("utf-8")
            digest.update(data)
            file.write(data)
            waiting.clear()
            return len(data)

        for line in lines(request, database, chosen, end):
            waiting.append(line)
            held += len(line)
            if held >= _CHUNK:
                size += flush()
                held = 0
        size += flush()
    return Written(len(chosen), size, digest.hexdigest())
