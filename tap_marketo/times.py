"""Points in time and stretches of it: the spellings that are read, and the ones we write.

Inside the program a time is always an aware ``datetime`` in UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pendulum

UTC = timezone.utc

# marketo-integration-best-practices.md and bulk-extract.md: allowances reset at midnight US
# Central time, so daylight saving matters.
_CENTRAL = ZoneInfo("America/Chicago")

_STARTS_WITH_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:$|[T ]\d{2}:)")
# assets.md: asset timestamps look like 2015-05-21T22:45:13Z+0000, an offset given twice.
_DOUBLE_OFFSET = re.compile(r"Z\+00:?00$")
# user-management.md: 20100327T18:27:42.0t+0000, and 2020-12-31T08:00:00.000t+0000 in an example.
_OF_USERS = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})T([\d:.]+)t([+-]\d{4})")


@dataclass(frozen=True, order=True)
class Window:
    """A stretch of time, in UTC and whole seconds, both ends included."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """From start to end."""
        return self.end - self.start

    def first(self, length: timedelta) -> Window:
        """Return the first so much of it, all of it if it is no longer."""
        return Window(self.start, self.start + min(length, self.length))

    def after(self, first: Window) -> Window | None:
        """Return what follows its first part, None if nothing does."""
        return Window(first.end, self.end) if first.end < self.end else None


def parse_utc(text: str) -> datetime:
    """Read a time and convert it to UTC, taking one without an offset as UTC.

    Reads ISO 8601, plain dates (midnight UTC), and Marketo's ``Z+0000`` and ``t+0000``.

    Raises:
        ValueError: the text is no such time, or lies outside the years 1 to 9999 in UTC.
    """
    of_users = _OF_USERS.fullmatch(text)
    usual = "{}-{}-{}T{}{}".format(*of_users.groups()) if of_users else text
    # pendulum also reads durations, weeks, and times of today: none of them is a point in time.
    if not _STARTS_WITH_DATE.match(usual):
        raise ValueError(f"not a date and time: {text!r}")
    try:
        parsed = pendulum.parse(_DOUBLE_OFFSET.sub("Z", usual))
        if not isinstance(parsed, datetime):
            raise ValueError(f"not a date and time: {text!r}")
        moment = parsed.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"not a date and time: {text!r}") from error
    # Plain datetimes compare and subtract faster than pendulum's and pickle to no surprise.
    return datetime(
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second,
        moment.microsecond, tzinfo=UTC,
    )  # fmt: skip


def whole_seconds(moment: datetime) -> datetime:
    """Drop the fraction of a second: Marketo's filters refuse it (bulk-activity-extract.md)."""
    return moment.replace(microsecond=0)


def before(moment: datetime, span: timedelta) -> datetime:
    """Return the time that lies a span before a moment, or the earliest there is."""
    try:
        return moment - span
    except OverflowError:
        # A state may say "since ever" with the year 1.
        return datetime.min.replace(tzinfo=moment.tzinfo)


def to_marketo(moment: datetime) -> str:
    """Write a time the way Marketo's filters take it: whole seconds, UTC, ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)


def to_bookmark(moment: datetime) -> str:
    """Write a time the way the state keeps it: ``2026-01-01T00:00:00+00:00``."""
    return moment.astimezone(UTC).isoformat()


def to_time_extracted(moment: datetime) -> str:
    """Write a time the way singer-python writes time_extracted."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def last_allowance_reset(moment: datetime) -> datetime:
    """Return when Marketo's daily allowances last reset: the midnight before in Chicago."""
    local = moment.astimezone(_CENTRAL)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def next_allowance_reset(moment: datetime) -> datetime:
    """Return when Marketo's daily allowances next reset: the coming midnight in Chicago."""
    local = moment.astimezone(_CENTRAL)
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC)
