"""What a plan says: its lines, their sum, what fits into today; as a page, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from tap_marketo.times import to_marketo

_MEGABYTE = 1_000_000
_HEAD = ("", "from", "to", "jobs", "calls", "MB", "min", "how")
# Which columns hold numbers.
_NUMBERS = range(3, 7)
_GAP = "  "
_NOT_KNOWN = "?"
# Below it MB are written with decimals, and none below the least.
_FEW_MB = 10
_LEAST_MB = 0.01


@dataclass(frozen=True, kw_only=True)
class Left:
    """What of a family is not exported today.

    Attributes:
        since: where it begins, UTC.
        jobs: how many it will take.
        size: their bytes; None where that is not known.
    """

    since: datetime
    jobs: int
    size: float | None


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of a plan: a family that is exported, or a stream that is read by calls.

    Attributes:
        name: of the family or stream.
        streams: those that it is about.
        how: how it is read, in a few words.
        since: from when on what has changed is read today, UTC; None where all is read.
        until: until when; None where all is read.
        is_exported: whether it is exported.
        jobs: how many export jobs are made today; None where that is not known.
        taken_up: how many of an earlier run are taken up.
        calls: what it costs at least.
        each: what costs more calls, and how many; empty if that is all.
        size: bytes of the jobs that are made; None where that is not known.
        time: after how long its last file has been read; None where that is not known.
        guess: what its numbers rest on, where they are guesses; empty where they are not.
        left: what does not fit into today; None if all does.
    """

    name: str
    streams: Sequence[str]
    how: str
    since: datetime | None = None
    until: datetime | None = None
    is_exported: bool = False
    jobs: int | None = 0
    taken_up: int = 0
    calls: int = 0
    each: str = ""
    size: float | None = 0.0
    time: timedelta | None = timedelta()
    guess: str = ""
    left: Left | None = None

    @property
    def is_uncertain(self) -> bool:
        """Whether its jobs, bytes or calls are not known, or known only to be so many at least."""
        return self.jobs is None or self.size is None or bool(self.each)

    def cells(self) -> list[str]:
        """Return its line of the table."""
        mark = "~" if self.guess else ""
        more = "+" if self.each else ""
        exported = ["", "", ""]
        if self.is_exported:
            is_certain = self.jobs is not None and self.jobs < 2
            exported = [
                _number(self.jobs, "" if is_certain else mark),
                _megabytes(self.size, mark if self.size else ""),
                _minutes(self.time, mark if self.time else ""),
            ]
        jobs, size, time = exported
        return [
            self.name,
            *_span(self.since, self.until),
            jobs,
            f"{mark}{self.calls:,}{more}",
            size,
            time,
            self._words(),
        ]

    def _words(self) -> str:
        if not self.taken_up:
            return self.how
        return f"{self.how}; {_count(self.taken_up, 'job')} of an earlier run taken up"

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "name": self.name,
            "streams": list(self.streams),
            "how": self.how,
            "from": _time(self.since),
            "to": _time(self.until),
            "exported": self.is_exported,
            "jobs": self.jobs,
            "jobs_taken_up": self.taken_up,
            "calls": self.calls,
            "more_calls": self.each or None,
            "mb": _rounded(self.size),
            "minutes": _whole_minutes(self.time),
            "guess": self.guess or None,
        }


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a sync would do now.

    Attributes:
        now: when that is, UTC.
        items: what is read, in the order in which it begins.
        first_calls: calls with which the run begins.
        own_calls: calls that this plan has made.
        calls_used: those that the whole subscription has made today.
        calls_allowed: the number at which a run stops.
        calls_a_minute: the most that a run makes.
        bytes_used: what the API user has exported today; None if nothing is to be exported.
        bytes_allowed: what may be exported a day.
        resets_at: when both begin anew, UTC.
        goes_on_at: when what does not fit can go on, UTC.
        notes: what else there is to say.
        failed: the streams that cannot be read, with their reasons; empty if all can.
    """

    now: datetime
    items: Sequence[Item]
    first_calls: int
    own_calls: int
    calls_used: int
    calls_allowed: int
    calls_a_minute: int
    bytes_used: int | None
    bytes_allowed: int
    resets_at: datetime
    goes_on_at: datetime
    notes: Sequence[str] = ()
    failed: str = ""

    @property
    def jobs(self) -> int:
        """How many jobs are made today, as far as is known."""
        return sum(item.jobs or 0 for item in self.items)

    @property
    def calls(self) -> int:
        """How many calls the run takes at least."""
        return self.first_calls + sum(item.calls for item in self.items)

    @property
    def size(self) -> float:
        """How many bytes are exported today, as far as is known."""
        return sum(item.size or 0 for item in self.items)

    @property
    def time(self) -> timedelta:
        """After how long the last file has been read, as far as is known."""
        return max((item.time or timedelta() for item in self.items), default=timedelta())

    @property
    def not_known(self) -> list[str]:
        """Of what the bytes are not known."""
        return [item.name for item in self.items if item.size is None]

    @property
    def left(self) -> list[tuple[str, Left]]:
        """What does not fit into today's bytes, by name."""
        return [(item.name, item.left) for item in self.items if item.left]

    @property
    def days(self) -> int:
        """How many days it takes at least until everything is exported, today among them."""
        if not self.left:
            return 1
        size = sum(left.size or 0 for _, left in self.left)
        return 1 + max(1, ceil(size / self.bytes_allowed))

    @property
    def calls_left(self) -> int:
        """How many calls may be made today."""
        return max(0, self.calls_allowed - self.calls_used)

    @property
    def is_left(self) -> bool:
        """Whether it is known that something does not fit into today."""
        return bool(self.left) or self.calls > self.calls_left

    @property
    def fits(self) -> bool | None:
        """Whether everything fits into today; None where that is not known."""
        if self.is_left:
            return False
        return None if self.uncertain else True

    @property
    def uncertain(self) -> list[str]:
        """Whose jobs, bytes or calls are not known, or known only to be so many at least."""
        return [item.name for item in self.items if item.is_uncertain]

    # As a page ----------------------------------------------------------------------------------

    def text(self) -> str:
        """Return the page for people."""
        parts = [
            [
                f"What a sync would do now, {to_marketo(self.now)}. This plan has made "
                f"{_count(self.own_calls, 'call')} and no export job, and has moved no bookmark."
            ],
            self._table() if self.items else [],
            list(self._legend()) if self.items else [],
            _listed("What a guess rests on:", {i.name: i.guess for i in self.items}),
            _listed("What takes more calls (+):", {i.name: i.each for i in self.items}),
            list(self._today()),
            [f"{note}." for note in self.notes],
            [self.failed] if self.failed else [],
        ]
        return "\n\n".join("\n".join(part) for part in parts if part)

    def _table(self) -> list[str]:
        start = ["start of the run", "", "", "", f"{self.first_calls:,}", "", "", ""]
        exported = [item for item in self.items if item.is_exported]
        total = ["sum", "", "", "", "", "", "", ""]
        is_guess = any(item.guess for item in self.items)
        mark = "~" if is_guess else ""
        total[4] = f"{mark}{self.calls:,}" + ("+" if any(i.each for i in self.items) else "")
        if exported:
            more = "+" if any(item.jobs is None for item in exported) else ""
            total[3] = f"{mark if self.jobs > 1 else ''}{self.jobs:,}{more}"
            more = "+" if self.not_known else ""
            total[5] = _megabytes(self.size, mark if self.size else "") + more
            more = "+" if any(item.time is None for item in exported) else ""
            total[6] = _minutes(self.time, mark if self.time else "") + more
        return _aligned([list(_HEAD), start, *(item.cells() for item in self.items), total])

    def _legend(self) -> Iterator[str]:
        yield "~ is a guess, + is at least so much, ? is not known before."
        if any(item.is_exported for item in self.items):
            yield (
                "Minutes count from the start until the last file of the line has been read: "
                "Marketo works on two jobs at a time. Pages are read meanwhile."
            )
        least = ceil(self.calls / self.calls_a_minute)
        yield (
            f"A run makes {self.calls_a_minute:,} calls a minute at most: these take {least:,} min "
            "or more."
        )

    def _today(self) -> Iterator[str]:
        yield (
            f"Today, until {to_marketo(self.resets_at)}: {self.calls_used:,} of "
            f"{self.calls_allowed:,} calls have been made by the whole subscription, "
            f"{self.calls_left:,} are left."
        )
        if self.bytes_used is not None:
            left = max(0, self.bytes_allowed - self.bytes_used)
            yield (
                f"{_megabytes(self.bytes_used)} of {_megabytes(self.bytes_allowed)} MB have been "
                f"exported by this API user, {_megabytes(left)} MB are left."
            )
        if not self.items:
            return
        if self.calls > self.calls_left:
            yield (
                f"The calls do not fit into today: at least {self.calls:,} are needed. It can go "
                f"on at {to_marketo(self.resets_at)}."
            )
        if self.left:
            yield "Does not fit into today:"
            yield from _aligned(
                [
                    [
                        "",
                        name,
                        f"from {to_marketo(left.since)} on",
                        f"about {_count(left.jobs, 'job')},",
                        "MB not known" if left.size is None else f"{_megabytes(left.size)} MB",
                    ]
                    for name, left in self.left
                ],
                numbers=(),
            )
            least = " at least" if any(left.size is None for _, left in self.left) else ""
            yield (
                f"It can go on at {to_marketo(self.goes_on_at)}, and takes about {self.days:,} "
                f"days in all{least} (a guess)."
            )
        if self.fits:
            yield "Everything fits into today."
        elif not self.is_left:
            yield (
                "What is known fits into today. Whether everything does is not known: more may "
                f"come of {', '.join(self.uncertain)}."
            )
        if self.not_known:
            yield f"Not known before are the bytes of: {', '.join(self.not_known)}."

    # As JSON ------------------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        """Return the same facts as JSON has them."""
        is_exporting = self.bytes_used is not None
        return {
            "now": _time(self.now),
            "calls_of_plan": self.own_calls,
            "items": [item.as_json() for item in self.items],
            "sum": {
                "jobs": self.jobs,
                "calls": self.calls,
                "first_calls": self.first_calls,
                "mb": _rounded(self.size),
                "mb_not_known": self.not_known,
                "minutes": _whole_minutes(self.time),
            },
            "today": {
                "until": _time(self.resets_at),
                "calls_made": self.calls_used,
                "calls_allowed": self.calls_allowed,
                "calls_left": self.calls_left,
                "calls_a_minute": self.calls_a_minute,
                "mb_exported": _rounded(self.bytes_used),
                "mb_allowed": _rounded(self.bytes_allowed) if is_exporting else None,
                "fits": self.fits,
            },
            "left": [
                {
                    "name": name,
                    "from": _time(left.since),
                    "jobs": left.jobs,
                    "mb": _rounded(left.size),
                }
                for name, left in self.left
            ],
            "goes_on_at": _time(self.goes_on_at) if self.is_left else None,
            "days": self.days,
            "notes": list(self.notes),
            "failed": self.failed or None,
        }


def _aligned(rows: Sequence[Sequence[str]], numbers: Sequence[int] = _NUMBERS) -> list[str]:
    """Return lines whose columns are aligned, numbers at their ends."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        _GAP.join(
            cell.rjust(width) if place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _listed(title: str, said: Mapping[str, str]) -> list[str]:
    """Return what is said, each once, with the names of which it is said."""
    names: dict[str, list[str]] = {}
    for name, words in said.items():
        if words:
            names.setdefault(words, []).append(name)
    told = [f"{_GAP}{', '.join(of)}: {words}" for words, of in names.items()]
    return [title, *told] if told else []


def _span(since: datetime | None, until: datetime | None) -> tuple[str, str]:
    return _time(since) or "", _time(until) or ""


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else to_marketo(moment)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _number(number: int | None, mark: str = "") -> str:
    return _NOT_KNOWN if number is None else f"{mark}{number:,}"


def _megabytes(size: float | None, mark: str = "") -> str:
    """Write bytes as MB."""
    if size is None:
        return _NOT_KNOWN
    number = size / _MEGABYTE
    if 0 < number < _LEAST_MB:
        return f"{mark}<{_LEAST_MB}"
    return f"{mark}{number:,.2f}" if 0 < number < _FEW_MB else f"{mark}{number:,.0f}"


def _minutes(time: timedelta | None, mark: str = "") -> str:
    return _number(_whole_minutes(time), mark)


def _whole_minutes(time: timedelta | None) -> int | None:
    return None if time is None else ceil(time / timedelta(minutes=1))


def _rounded(size: float | None) -> float | None:
    return None if size is None else round(size / _MEGABYTE, 6)
