"""What a sync emits: SCHEMA before records, STATE at a pace.

The only place that moves the state and writes STATE messages. A STATE message holds the whole
state, so that one for each page or parent would be more bytes than their records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tap_marketo.clock import Clock
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.messages import Output
from tap_marketo.protocol.position import Position
from tap_marketo.protocol.state import State

# Least seconds between two STATE messages within a stream: a run that is killed repeats no more.
STATE_SECONDS = 10.0


class Emitter:
    """Emits the messages of one sync.

    Attributes:
        counts: the records emitted, by stream.
    """

    def __init__(self, state: State, output: Output, clock: Clock, pace: float) -> None:
        """Begin with the state that the run has read; ``move_to`` moves it.

        ``pace`` is the least number of seconds between two STATE messages within a stream.
        """
        self._state = state
        self._output = output
        self._clock = clock
        self._pace = pace
        self._written_at = clock.monotonic()
        self._is_behind = False
        self._announced: dict[str, Any] = {}
        self.counts: Counter[str] = Counter()

    def now(self) -> datetime:
        """Return the time (UTC), of which each record says when it was extracted."""
        return self._clock.now()

    def schema(self, entry: CatalogEntry, keys: Sequence[str], bookmarks: Sequence[str]) -> None:
        """Write the SCHEMA message of a selected stream, unless the last one was the same."""
        bookmarks = [column for column in bookmarks if column in entry.columns]
        message = (entry.wire_schema(keys), [*keys], bookmarks)
        if self._announced.get(entry.stream) != message:
            self._announced[entry.stream] = message
            self._output.schema(entry.stream, *message)

    def records(self, lines: bytes, counts: Mapping[str, int]) -> None:
        """Write RECORD lines, and count them by stream."""
        self._output.line(lines)
        self.counts.update(counts)

    def flush(self) -> None:
        """Write what has been collected through to the target."""
        self._output.flush()

    def move_to(self, position: Position, *, at_once: bool = False) -> None:
        """Move the state to a position: everything that leads to it has been emitted.

        STATE is written if the last one is old enough, or ``at_once``.
        """
        self._state.apply(position)
        self._is_behind = True
        if at_once or self._clock.monotonic() - self._written_at >= self._pace:
            self.state()

    def catch_up(self) -> None:
        """Write the state if it has moved since the last STATE message; flush in any case."""
        if self._is_behind:
            self.state()
        else:
            self._output.flush()

    def state(self) -> None:
        """Write the state."""
        self._is_behind = False
        self._written_at = self._clock.monotonic()
        self._output.state(self._state.value)
