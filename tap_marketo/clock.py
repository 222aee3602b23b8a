"""What time it is and how to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from tap_marketo.log import LOGGER
from tap_marketo.times import UTC

# A few seconds between two machines are normal; minutes would show in the data.
NOTABLE_SKEW = timedelta(minutes=2)


class Clock:
    """The earlier of Marketo's time and this machine's, and a monotonic clock to wait by.

    A window ends "now", which must not be Marketo's future: a row written later with a date before
    the window's end would never be read. Clocks of containers can be minutes off, so the Date
    header of Marketo's answers counts too. The earlier time costs freshness at worst, never a row.

    Attributes:
        marketo_ahead: how much later Marketo's time is than this machine's; None before Marketo's
            first answer.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Start on this machine's time; ``wall`` returns it as UNIX time in seconds."""
        self.monotonic = monotonic
        self.sleep = sleep
        self._wall = wall
        self.marketo_ahead: timedelta | None = None
        self._warned = False

    def now(self) -> datetime:
        """Return the time in UTC."""
        return self._local() + min(self.marketo_ahead or timedelta(0), timedelta(0))

    def observe(self, date_header: str | None) -> None:
        """Learn Marketo's time from an answer's Date header (RFC 9110, 6.6.1), if it is one."""
        try:
            found = parsedate_to_datetime(date_header or "")
        except ValueError:
            return
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        self.marketo_ahead = found - self._local()
        if not self._warned and abs(self.marketo_ahead) > NOTABLE_SKEW:
            self._warned = True
            LOGGER.warning(
                "This machine's clock and Marketo's differ by %.0f s; the earlier time is used.",
                abs(self.marketo_ahead.total_seconds()),
            )

    def _local(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC)
