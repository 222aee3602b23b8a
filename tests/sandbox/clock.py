"""The simulated clock and the ways in which Marketo writes a time."""

from __future__ import annotations

import re
import threading
import time
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

CENTRAL = ZoneInfo("America/Chicago")
"""Quotas reset at midnight Central Time (bulk-extract.md, "File Size")."""

DAY = 86_400

_DATETIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:Z|([+-])(\d\d):?(\d\d))", re.ASCII
)


class Clock:
    """A clock that runs `scale` times as fast as the real one and can be pushed forward."""

    def __init__(self, start: float, scale: float) -> None:
        self.start = start
        self.scale = scale
        self._lock = threading.Lock()
        self._base = start
        self._real = time.monotonic()

    def now(self) -> float:
        """Simulated time, in seconds since 1970."""
        return self._base + (time.monotonic() - self._real) * self.scale

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        with self._lock:
            self._base += max(0.0, seconds)

    def advance_to(self, moment: float) -> None:
        """Move the clock forward to a moment; one already past changes nothing."""
        with self._lock:
            self._base += max(0.0, moment - self.now())

    def real_seconds_until(self, moment: float) -> float | None:
        """Real seconds until the simulated moment; None when the clock stands still."""
        if self.scale <= 0:
            return None
        return max(0.0, (moment - self.now()) / self.scale)


@lru_cache(maxsize=8192)
def _day_text(day: int) -> str:
    return (datetime(1970, 1, 1) + timedelta(days=day)).strftime("%Y-%m-%d")


def plain(moment: float) -> str:
    """Date and time in UTC without a zone."""
    day, second = divmod(int(moment // 1), DAY)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return f"{_day_text(day)}T{hour:02d}:{minute:02d}:{second:02d}"


def bulk_time(moment: float) -> str:
    """A time as bulk files, job answers and lead database records have it."""
    return plain(moment) + "Z"


def asset_time(moment: float) -> str:
    """A time as asset records have it: 2015-05-21T22:45:13Z+0000 (programs.md, "Query")."""
    return plain(moment) + "Z+0000"


def activity_time(moment: float) -> str:
    """A time as deleted leads have it: 2013-09-26T06:56:35+0000 (activities.md)."""
    return plain(moment) + "+0000"


def user_time(moment: float) -> str:
    """A time as roles and workspaces have it: 20100327T18:27:42.0t+0000 (user-management.md)."""
    return plain(moment).replace("-", "") + ".0t+0000"


def date_text(moment: float) -> str:
    """The date alone, as fields of type date have it (field-types.md)."""
    return _day_text(int(moment // DAY))


def parse_time(text: object) -> float | None:
    """Read an ISO 8601 time with a zone and without fractions; None when it is anything else.

    "Datetimes should be in an ISO-8601 format, without milliseconds" (bulk-lead-extract.md,
    "Filters"); the two ways to write a zone are those of paging-tokens.md.
    """
    if not isinstance(text, str) or (match := _DATETIME.fullmatch(text)) is None:
        return None
    *numbers, sign, hours, minutes = match.groups()
    offset = timedelta()
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        offset = -offset if sign == "-" else offset
    try:
        year, month, day, hour, minute, second = (int(number) for number in numbers)
        local = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
        return local.timestamp() - offset.total_seconds()
    except (ValueError, OverflowError):
        return None


def central_midnight(moment: float) -> float:
    """The last midnight in Central Time at or before the moment."""
    local = datetime.fromtimestamp(moment, CENTRAL)
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp()


def central_date(moment: float) -> str:
    """The day in Central Time, by which usage is counted (usage.md)."""
    return datetime.fromtimestamp(moment, CENTRAL).strftime("%Y-%m-%d")
