"""Programs whose members are read by pages and by an export, and compared.

Adobe's pages do not promise that Get Program Members shows all that an export does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

# As many as one export may be of (bulk-program-member-extract.md, Filters).
_PROGRAMS = 10
# A program with more members is none of them: the rows are kept.
_MOST_ROWS = 2_000
# So many programs are read once more for them, where a stopped run had read all.
MOST_TRIED = 30

# Of each lead the record, as its RECORD line has it.
_Rows = Mapping[int, str]


class Sample:
    """Ten programs with members, read by pages, then exported.

    The export lies between two readings by pages. A row is judged where both readings agree: what
    changed meanwhile says nothing. The second reading is made where the first one and the export
    differ.

    Attributes:
        programs: those that pages have read, in order.
        began: when the first of them was read (UTC); an export made before is none to compare with.
    """

    def __init__(self, began: datetime, read_again: Callable[[int], Iterable[bytes]]) -> None:
        """Begin without a program.

        Args:
            began: now, UTC.
            read_again: reads a program by pages; returns its RECORD lines.
        """
        self.programs: list[int] = []
        self.began = began
        self._read_again = read_again
        self._pages: dict[int, _Rows] = {}
        self._file: list[bytes] = []

    @property
    def is_full(self) -> bool:
        """Whether no more programs are needed."""
        return len(self.programs) >= _PROGRAMS

    def add(self, program: int, lines: Iterable[bytes]) -> None:
        """Take in what pages gave of a program; one without members is left out."""
        rows = _rows(lines).get(program, {})
        if rows and len(rows) <= _MOST_ROWS and not self.is_full and program not in self._pages:
            self.programs = sorted([*self.programs, program])
            self._pages[program] = rows

    def begin_file(self) -> None:
        """Forget what came of the export's file, as it comes from its beginning."""
        self._file.clear()

    def add_of_file(self, lines: bytes) -> None:
        """Take in RECORD lines of the export."""
        self._file.append(lines)

    def difference(self) -> str:
        """Name what pages and the export do not have in common; empty for nothing.

        Raises:
            MarketoError, DataError: pages could not be read again.
        """
        exported = _rows(self._file)
        for program in self.programs:
            own, first = exported.get(program, {}), self._pages[program]
            if own == first:
                continue
            second = _rows(self._read_again(program)).get(program, {})
            for lead in sorted({*own, *first, *second}):
                shown = first.get(lead)
                if shown == second.get(lead) and shown != own.get(lead):
                    what = _named(shown, own.get(lead))
                    return f"{what} of lead {lead} in program {program}"
        return ""


def _rows(lines: Iterable[bytes]) -> dict[int, dict[int, str]]:
    """Return the records of RECORD lines by program and lead."""
    found: dict[int, dict[int, str]] = {}
    for line in b"".join(lines).splitlines():
        record = json.loads(line)["record"]
        text = json.dumps(record, sort_keys=True)
        found.setdefault(record["programId"], {})[record["leadId"]] = text
    return found


def _named(shown: str | None, exported: str | None) -> str:
    if shown is None:
        return "pages lack the row"
    if exported is None:
        return "the export lacks the row"
    ours: dict[str, Any] = json.loads(shown)
    theirs: dict[str, Any] = json.loads(exported)
    return f"{', '.join(name for name in ours if ours[name] != theirs.get(name))} differs"
