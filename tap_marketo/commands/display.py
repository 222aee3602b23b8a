"""How a person or a log is told how far a sync is."""

from __future__ import annotations

import logging
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, NoReturn

from tap_marketo.exports.progress import Progress
from tap_marketo.log import LOGGER, is_at_a_terminal

if TYPE_CHECKING:
    from tqdm import tqdm

# A display is drawn anew after so many seconds at least.
_REDRAW_SECONDS = 0.2
_MINUTE = 60.0


class Display(ABC):
    """Where it is told.

    Attributes:
        doing: what is being done beside the exports, or what is waited for.
    """

    doing: str = ""

    @abstractmethod
    def show(self, progress: Callable[[], Progress], *, is_news: bool) -> None:
        """Show how far the exports are.

        Args:
            progress: tells; asked only if it is shown.
            is_news: whether Marketo has been asked about jobs.
        """


class LogDisplay(Display):
    """A line in the log whenever there is news."""

    def show(self, progress: Callable[[], Progress], *, is_news: bool) -> None:
        if is_news:
            LOGGER.info("%s", progress())


class LiveDisplay(Display):
    """One line at a terminal, drawn anew all the time; lines of the log stand above it."""

    def __init__(self, bar: tqdm[NoReturn]) -> None:
        """Draw with a bar."""
        self._bar = bar
        self._drawn = float("-inf")

    def show(self, progress: Callable[[], Progress], *, is_news: bool) -> None:
        now = time.monotonic()
        if not is_news and now - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = now
        told = progress()
        self._bar.n, self._bar.total = told.read, told.read + told.to_read
        self._bar.set_postfix_str(f"{_end(told)}{self._doing(told)}; {told.in_short()}")

    def _doing(self, told: Progress) -> str:
        if told.reading:
            return f"reading the {told.reading}"
        if self.doing:
            return self.doing
        return f"{told.under_way} at Marketo, next look in {told.seconds_to_wait:.0f} s"


def _end(told: Progress) -> str:
    if not told.seconds_left or not told.to_read:
        return ""
    hours, minutes = divmod(ceil(told.seconds_left / _MINUTE), 60)
    return f"about {hours} h {minutes} min left, " if hours else f"about {minutes} min left, "


@contextmanager
def open_display() -> Iterator[Display]:
    """Return a live display where stderr is a terminal, and the log elsewhere."""
    if not is_at_a_terminal():
        yield LogDisplay()
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
        bar_format="{bar:10} {n_fmt} of {total_fmt} exports{postfix}",
    )
    with logging_redirect_tqdm([logging.getLogger()]), bar:
        yield LiveDisplay(bar)
