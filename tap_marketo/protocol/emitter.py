"""What a sync emits: SCHEMA before records, positions applied to the state, STATE behind them.

The only place that applies positions to the state and writes STATE messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.messages import Output
from tap_marketo.protocol.position import Position
from tap_marketo.protocol.state import State


class Emitter:
    """Emits the messages of one sync.

    Attributes:
        counts: records emitted so far, by stream.
    """

    def __init__(self, state: State, output: Output) -> None:
        """Emit to an output, from a state on."""
        self._state = state
        self._output = output
        self._announced: dict[str, Any] = {}
        self.counts: Counter[str] = Counter()

    def schema(self, entry: CatalogEntry, keys: Sequence[str], bookmarks: Sequence[str]) -> None:
        """Write the SCHEMA message of a stream, unless it has been written as it is now.

        Args:
            entry: the selected stream.
            keys: its key columns.
            bookmarks: its replication key, if it has one.
        """
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
        """Write through to the target what has been collected."""
        self._output.flush()

    def move_to(self, position: Position) -> None:
        """Apply a position to the state: everything that leads to it has been emitted."""
        self._state.apply(position)
        self.state()

    def remember_costs(self, bytes_per_day: Mapping[str, int]) -> None:
        """Keep what a day of each bulk family costs, in bytes of export files."""
        self._state.remember_costs(bytes_per_day)

    def state(self) -> None:
        """Write the state."""
        self._output.state(self._state.value)
