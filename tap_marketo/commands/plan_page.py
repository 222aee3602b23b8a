"""A plan as a page, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from tap_marketo.commands.plan import Plan
from tap_marketo.exports.plan_line import Calls, PlanLine
from tap_marketo.log import MEGABYTE, counted
from tap_marketo.times import to_marketo

_GAP = "  "
_NOT_KNOWN = "?"
# Below it MB are written with decimals, and none below the least.
_FEW_MB = 10
_LEAST_MB = 0.01


def page(plan: Plan) -> str:
    """Return a plan as a page for people."""
    parts = [
        [
            f"What a sync would do now, {to_marketo(plan.now)}. This plan has made "
            f"{counted(plan.own_calls, 'call')} and no export job, and has moved no bookmark."
        ],
        _table(plan) if plan.lines else [],
        list(_legend(plan)) if plan.lines else [],
        _listed("Guesses are based on:", {line.name: line.guess for line in plan.lines}),
        _listed("What takes more calls (+):", {line.name: line.calls.each for line in plan.lines}),
        list(_today(plan)),
        [f"{note}." for note in plan.notes],
        [plan.failed] if plan.failed else [],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def as_json(plan: Plan) -> dict[str, Any]:
    """Return the same facts as JSON has them."""
    total = plan.sum
    return {
        "now": _time(plan.now),
        "calls_of_plan": plan.own_calls,
        "items": list(map(_line_as_json, plan.lines)),
        "sum": {
            "jobs": total.jobs,
            "calls": total.calls.least,
            "first_calls": plan.first_calls,
            "mb": _rounded(total.size),
            "mb_not_known": plan.without_size,
            "minutes": _whole_minutes(total.time),
        },
        "today": {
            "until": _time(plan.resets_at),
            "calls_made": plan.calls_used,
            "calls_allowed": plan.calls_allowed,
            "calls_left": plan.calls_left,
            "calls_a_minute": plan.calls_a_minute,
            "mb_exported": _rounded(plan.bytes_used),
            "mb_allowed": None if plan.bytes_used is None else _rounded(plan.bytes_allowed),
            "fits": plan.fits,
        },
        "left": [
            {"name": name, "from": _time(left.since), "jobs": left.jobs, "mb": _rounded(left.size)}
            for name, left in plan.left
        ],
        "goes_on_at": _time(plan.continues_at) if plan.fits is False else None,
        "days": plan.days,
        "notes": list(plan.notes),
        "failed": plan.failed or None,
    }


def _line_as_json(line: PlanLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "streams": list(line.streams),
        "how": line.how,
        "from": _time(line.since),
        "to": _time(line.until),
        "exported": line.is_exported,
        "jobs": line.jobs,
        "jobs_taken_up": line.resumed,
        "calls": line.calls.least,
        "more_calls": line.calls.each or None,
        "mb": _rounded(line.size),
        "minutes": _whole_minutes(line.time),
        "guess": line.guess or None,
    }


# The page --------------------------------------------------------------------------------------


_HEAD = ["", "from", "to", "jobs", "calls", "MB", "min", "how"]
# Which of them hold numbers.
_NUMBERS = range(3, 7)


def _cells(line: PlanLine) -> list[str]:
    guess = "~" if line.guess else ""
    jobs = size = minutes = ""
    if line.is_exported:
        # One job, or none, is certain.
        jobs = _number(line.jobs, guess if line.jobs and line.jobs > 1 else "")
        size = _megabytes(line.size, guess if line.size else "")
        minutes = _number(_whole_minutes(line.time), guess if line.time else "")
    calls = _number(line.calls.least, guess) + ("+" if line.calls.each else "")
    how = line.how
    if line.resumed:
        how += f"; {counted(line.resumed, 'job')} of an earlier run resumed"
    since, until = _time(line.since) or "", _time(line.until) or ""
    return [line.name, since, until, jobs, calls, size, minutes, how]


def _table(plan: Plan) -> list[str]:
    start = _cells(PlanLine(name="start of the run", calls=Calls(plan.first_calls)))
    rows = list(map(_cells, plan.lines))
    total = _cells(plan.sum)
    for place in _NUMBERS:
        if any(row[place].endswith((_NOT_KNOWN, "+")) for row in rows):
            total[place] += "+"
    return _aligned([_HEAD, start, *rows, total])


def _legend(plan: Plan) -> Iterator[str]:
    yield "~ is a guess, + means at least, ? is unknown."
    if plan.sum.is_exported:
        yield (
            "Minutes are from the start until the last file of the line has been read. Marketo "
            "processes two jobs at a time. The run reads pages meanwhile."
        )
    least = ceil(plan.sum.calls.least / plan.calls_a_minute)
    yield (
        f"A run makes at most {plan.calls_a_minute:,} calls a minute: these calls take at least "
        f"{least:,} min."
    )


def _today(plan: Plan) -> Iterator[str]:
    yield (
        f"Today, until {to_marketo(plan.resets_at)}: {plan.calls_used:,} of "
        f"{plan.calls_allowed:,} calls have been made by the whole subscription, "
        f"{plan.calls_left:,} are left."
    )
    if plan.bytes_used is not None:
        left = max(0, plan.bytes_allowed - plan.bytes_used)
        yield (
            f"{_megabytes(plan.bytes_used)} of {_megabytes(plan.bytes_allowed)} MB have been "
            f"exported by this API user, {_megabytes(left)} MB are left."
        )
    if not plan.lines:
        return
    if plan.sum.calls.least > plan.calls_left:
        yield (
            f"The calls do not fit into today: at least {plan.sum.calls.least:,} are needed. A "
            f"run can continue at {to_marketo(plan.resets_at)}."
        )
    if plan.left:
        yield from _left(plan)
    if plan.fits:
        yield "Everything fits into today."
    elif plan.fits is None:
        more = ", ".join(line.name for line in plan.lines if line.is_uncertain)
        yield (f"What is known fits into today. These lines may take more than they show: {more}.")
    if plan.without_size:
        yield f"The bytes of these lines are unknown: {', '.join(plan.without_size)}."


def _left(plan: Plan) -> Iterator[str]:
    yield "Does not fit into today:"
    rows = [
        [
            "",
            name,
            f"from {to_marketo(left.since)} on",
            f"about {counted(left.jobs, 'job')},",
            "MB unknown" if left.size is None else f"{_megabytes(left.size)} MB",
        ]
        for name, left in plan.left
    ]
    yield from _aligned(rows, numbers=())
    least = " at least" if any(left.size is None for _, left in plan.left) else ""
    yield (
        f"A run can continue at {to_marketo(plan.continues_at)}. Everything takes about "
        f"{plan.days:,} days{least} (a guess)."
    )


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


def _listed(title: str, remarks: Mapping[str, str]) -> list[str]:
    """Return a title and each remark once, behind the names of the lines that have it."""
    names: dict[str, list[str]] = {}
    for name, remark in remarks.items():
        if remark:
            names.setdefault(remark, []).append(name)
    lines = [f"{_GAP}{', '.join(of)}: {remark}" for remark, of in names.items()]
    return [title, *lines] if lines else []


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else to_marketo(moment)


def _number(number: int | None, mark: str = "") -> str:
    return _NOT_KNOWN if number is None else f"{mark}{number:,}"


def _megabytes(size: float | None, mark: str = "") -> str:
    """Write bytes as MB."""
    if size is None:
        return _NOT_KNOWN
    number = size / MEGABYTE
    if 0 < number < _LEAST_MB:
        return f"{mark}<{_LEAST_MB}"
    return f"{mark}{number:,.2f}" if 0 < number < _FEW_MB else f"{mark}{number:,.0f}"


def _whole_minutes(time: timedelta | None) -> int | None:
    return None if time is None else ceil(time / timedelta(minutes=1))


def _rounded(size: float | None) -> float | None:
    return None if size is None else round(size / MEGABYTE, 6)
