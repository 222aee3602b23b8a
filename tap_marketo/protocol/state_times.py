"""The times of a state: none may lie in the future, as nothing before it would be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.errors import StateError
from tap_marketo.protocol.failed_marks import AnyMark
from tap_marketo.protocol.position import PendingExport
from tap_marketo.protocol.state import State, unusable
from tap_marketo.times import to_bookmark

# The clock of the run that wrote a state may have been ahead of this one's, but not so far.
_MOST_AHEAD = timedelta(days=1)


def check_past(state: State, now: datetime, skew: timedelta = timedelta()) -> None:
    """Check that no time of a state lies in the future.

    Args:
        state: of the last run.
        now: the time (UTC) by the earlier one of this machine's clock and Marketo's.
        skew: by how much the later one is ahead of it.

    Raises:
        StateError: one lies more than a day after ``now``.
    """
    for key, moment in _times(state.value):
        if moment <= now or moment - now <= _MOST_AHEAD:
            continue
        if moment - now - skew <= _MOST_AHEAD:
            raise StateError(
                f"This machine's clock and Marketo's differ by {skew / timedelta(days=1):.1f} "
                f"days. By the earlier one {key} of the state file {state.path} lies in the "
                f"future, {to_bookmark(moment)!r}. "
                "Set this machine's clock right and run again; leave the state file as it is."
            )
        raise unusable(
            state.path,
            f"{key} lies in the future: {to_bookmark(moment)!r}",
            "Compare this machine's clock first. If it is right, set the key to a time before "
            "which everything has been loaded.",
        )


def _times(state: Mapping[str, Any]) -> Iterator[tuple[str, datetime]]:
    """Yield all times of a state that must lie in the past, each with its key."""
    entries = []
    for stream, marks in state["bookmarks"].items():
        values = AnyMark.values(marks)
        entries.append((f"bookmarks.{stream}", values))
        others = AnyMark.values(values.pop("others", {}))
        entries.append((f"bookmarks.{stream}.others", others))
    for family, jobs in state.get("exports", {}).items():
        for index, job in enumerate(jobs or ()):
            entries.append((f"exports.{family}[{index}]", PendingExport.values(job)))
    for where, values in entries:
        # The other tap may have set it into the future.
        values.pop("export_end", None)
        for key in ("readings", "failed", "listed", "reached_by", "begins_by"):
            times = values.pop(key, {})
            values.update({f"{key}.{name}": time for name, time in times.items()})
        if ahead := values.pop("ahead", None):
            values.update({f"ahead.{key}": time for key, time in vars(ahead).items()})
        for key, value in values.items():
            if isinstance(value, datetime):
                yield f"{where}.{key}", value
