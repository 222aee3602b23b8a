"""How far a sync is, shown to a person at a terminal or in the log."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, NoReturn

from tap_marketo.exports.progress import Progress
from tap_marketo.log import LOGGER, counted, is_at_a_terminal

if TYPE_CHECKING:
    from tqdm import tqdm

# A display is drawn again after so many seconds at least.
_REDRAW_SECONDS = 0.2
_MINUTE = 60.0
_BAR_COLUMNS = 10
_USUAL_COLUMNS = 80


class Display:
    """A line in the log whenever there is news of the exports."""

    def begin(self, stream: str) -> None:
        """Note that the reading of a stream begins."""

    def reach(self, rows: int, parents_read: int, parents: int) -> None:
        """Note how far the reading of the stream is.

        ``parents`` is 0 if there are none, or while their number is not known.
        """

    def end(self) -> None:
        """Note that all streams with calls of their own have been read."""

    def show(self, progress: Callable[[], Progress], *, is_news: bool) -> None:
        """Show how far the exports are; there is news where jobs have just been polled."""
        if is_news:
            LOGGER.info("%s", progress())


class LiveDisplay(Display):
    """One line at a terminal, drawn again and again; lines of the log stand above it."""

    def __init__(self, bar: tqdm[NoReturn]) -> None:
        """Draw with a bar."""
        self._bar = bar
        self._drawn = float("-inf")
        self._doing = ""
        self._stream = ""
        self._parents_since: float | None = None
        self._seconds_left = 0.0

    def begin(self, stream: str) -> None:
        self._stream = stream
        self._doing = f"reading {stream}"
        self._parents_since = None
        self._seconds_left = 0.0

    def reach(self, rows: int, parents_read: int, parents: int) -> None:
        if parents:
            now = time.monotonic()
            if self._parents_since is None:
                self._parents_since = now
            self._doing = f"reading {self._stream}: {parents_read:,} of {parents:,}"
            if parents_read:
                each = (now - self._parents_since) / parents_read
                self._seconds_left = each * (parents - parents_read)
        elif rows:
            self._doing = f"reading {self._stream}: {counted(rows, 'row')}"

    def end(self) -> None:
        self._doing = ""
        self._seconds_left = 0.0

    def show(self, progress: Callable[[], Progress], *, is_news: bool) -> None:
        now = time.monotonic()
        if not is_news and now - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = now
        reached = progress()
        self._bar.n, self._bar.total = reached.read, reached.read + reached.to_read
        # tqdm leaves the last column free.
        room = _columns() - _BAR_COLUMNS - 2
        self._bar.set_description_str(_fitted(self._pieces(reached), room), refresh=True)

    def _pieces(self, reached: Progress) -> list[str]:
        """Return what there is to show, the most important first."""
        exports = reached.read + reached.to_read
        jobs = f"{reached.read:,} of {counted(exports, 'export')}" if exports else ""
        left = reached.seconds_left or 0.0 if reached.to_read else 0.0
        return [
            jobs,
            self._now_doing(reached),
            _time_left(max(left, self._seconds_left)),
            *reached.in_short(),
        ]

    def _now_doing(self, reached: Progress) -> str:
        if reached.reading:
            return f"reading the {reached.reading}"
        if self._doing:
            return self._doing
        if not reached.to_read:
            return ""
        return f"{reached.under_way} at Marketo, next poll in {reached.seconds_to_wait:.0f} s"


def _fitted(pieces: Sequence[str], room: int) -> str:
    """Join the pieces that fit into so many columns; what does not fit is left out whole."""
    line = ""
    for piece in filter(None, pieces):
        longer = f"{line}, {piece}" if line else piece
        if len(longer) <= room:
            line = longer
    return line


def _columns() -> int:
    """Return the width of the terminal behind stderr; 80 if it does not say."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
    except (OSError, ValueError):
        return _USUAL_COLUMNS


def _time_left(seconds: float) -> str:
    if not seconds:
        return ""
    hours, minutes = divmod(ceil(seconds / _MINUTE), 60)
    return f"about {hours} h {minutes} min left" if hours else f"about {minutes} min left"


@contextmanager
def open_display() -> Iterator[Display]:
    """Return a live display where stderr is a terminal, and the log elsewhere."""
    if not is_at_a_terminal():
        yield Display()
        return
    # Loaded only where it is used.
    from tqdm import tqdm  # noqa: PLC0415
    from tqdm.contrib.logging import logging_redirect_tqdm  # noqa: PLC0415

    # It is drawn when there is something to show; no thread is needed for that.
    tqdm.monitor_interval = 0
    bar: tqdm[NoReturn] = tqdm(
        file=sys.stderr,
        total=0,
        leave=False,
        dynamic_ncols=True,
        bar_format=f"{{bar:{_BAR_COLUMNS}}} {{desc}}",
    )
    with logging_redirect_tqdm([logging.getLogger()]), bar:
        yield LiveDisplay(bar)
