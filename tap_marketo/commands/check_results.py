"""The results of a check, as a page for a person and as JSON for machines."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tap_marketo import __version__
from tap_marketo.errors import MarketoError, QuotaError, TapError
from tap_marketo.redact import redact

_WIDTH = 100
_MARK_WIDTH = 8
_NAME_WIDTH = 28


class Verdict(Enum):
    """What a result means for a sync."""

    OK = "ok"
    """Nothing is in the way."""
    NOTE = "note"
    """A sync could run; something is worth knowing."""
    UNKNOWN = "unknown"
    """It was not asked, for a reason that the result gives."""
    SPENT = "spent"
    """A daily allowance is spent: a sync could run again tomorrow."""
    WRONG = "wrong"
    """A sync could not run."""


# The mark of each; those which keep a sync from running stand out. At a terminal it has a sign and
# an SGR colour: green, yellow, none, red, red.
_MARKS = {
    Verdict.OK: ("ok", "✓", "32"),
    Verdict.NOTE: ("note", "!", "33"),
    Verdict.UNKNOWN: ("-", " ", "0"),
    Verdict.SPENT: ("SPENT", "✗", "31"),
    Verdict.WRONG: ("WRONG", "✗", "31"),
}


def terminals_take_colour() -> bool:
    """Say whether a terminal is to have colour: it can show it, and NO_COLOR does not forbid it."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


@dataclass(frozen=True)
class CheckResult:
    """What was found about one thing.

    Attributes:
        remedy: what to do, empty where there is nothing to be done.
        values: the same as in the message, for machines.
    """

    name: str
    verdict: Verdict
    message: str
    remedy: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def lines(self, in_colour: bool) -> list[str]:
        """Return the lines of the page."""
        mark, sign, colour = _MARKS[self.verdict]
        if in_colour:
            mark = f"{sign} {mark}"
        head = f"{mark:<{_MARK_WIDTH}}{self.name:<{_NAME_WIDTH}}"
        lines = _wrapped(self.message, head, " " * len(head))
        if self.remedy:
            lines += _wrapped(self.remedy, " " * len(head) + "-> ", " " * (len(head) + 3))
        if in_colour:
            lines[0] = f"\x1b[{colour}m{mark}\x1b[0m{lines[0][len(mark) :]}"
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return it as members of a JSON object."""
        return {
            "name": self.name.lower().replace(" ", "_"),
            "verdict": self.verdict.value,
            "message": _clean(self.message),
            "remedy": _clean(self.remedy) or None,
            **self.values,
        }


@dataclass(frozen=True)
class CheckPage:
    """All that a check has found, and the calls it took, the one for the token among them."""

    endpoint: str
    results: Sequence[CheckResult]
    permissions: Sequence[CheckResult]
    calls: int

    @property
    def exit_code(self) -> int:
        """0 if a sync could run, 3 if only a spent allowance keeps it from running, 1 otherwise."""
        if self._count(Verdict.WRONG):
            return TapError.exit_code
        return QuotaError.exit_code if self._count(Verdict.SPENT) else 0

    def text(self, in_colour: bool) -> str:
        """Return the page for a person, with ticks and in colour where that is asked for."""
        lines = [f"tap-marketo {__version__}, {self.endpoint}", ""]
        for result in self.results:
            lines += result.lines(in_colour)
        if self.permissions:
            lines += ["", "Permissions of the API user's role:", ""]
        for result in self.permissions:
            lines += result.lines(in_colour)
        end = f"{self._verdict()} {self.calls} calls were made, nothing was exported."
        lines += ["", *_wrapped(end)]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return the same as a JSON object."""
        return {
            "passes": self.exit_code == 0,
            "version": __version__,
            "endpoint": self.endpoint,
            "calls": self.calls,
            "findings": [result.as_json() for result in self.results],
            "permissions": [
                {**result.as_json(), "name": result.name} for result in self.permissions
            ],
        }

    def _verdict(self) -> str:
        if wrong := self._count(Verdict.WRONG):
            are = "thing is" if wrong == 1 else "things are"
            return f"A sync could not run: {wrong} {are} wrong."
        if self._count(Verdict.SPENT):
            return "A sync could not run today: a daily allowance is spent."
        return "A sync could run."

    def _count(self, verdict: Verdict) -> int:
        return sum(each.verdict is verdict for each in (*self.results, *self.permissions))


def brief_and_remedy(error: TapError) -> tuple[str, str]:
    """Return an error without its remedy, and the remedy, empty if it has none."""
    return (error.brief, error.remedy) if isinstance(error, MarketoError) else (str(error), "")


def _wrapped(text: str, first: str = "", others: str = "") -> list[str]:
    return textwrap.wrap(
        _clean(text), _WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False
    )


def _clean(text: str) -> str:
    """Return a text in one line, without secrets: it may quote what Marketo or a proxy said."""
    line = redact(" ".join(text.split()))
    return "".join(char if char.isprintable() else "?" for char in line)
