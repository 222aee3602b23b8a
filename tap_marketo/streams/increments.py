"""Increments: what is new since the last run, by pages as long as that is little.

An export takes Marketo minutes, whatever is in it, and bytes of the day; pages take seconds and
calls. So what is new between two daily exports comes by pages, early, and settles nothing: once a
day late rows, and changes that no activity reports, are exported again.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from math import ceil

from tap_marketo.config import BY_EXPORTS
from tap_marketo.errors import DataError, MarketoError
from tap_marketo.exports.cursors import DEEP_EVERY, Cursor
from tap_marketo.exports.family import BulkFamily, Files, SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.log import LOGGER
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.pages import BATCH_SIZE
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.rows.column_types import ConversionIssues
from tap_marketo.streams.account import Account
from tap_marketo.streams.stream_read import Read, ReadEstimate, Steps
from tap_marketo.times import to_marketo

# At the default pace so many calls take 40 seconds, an export takes minutes. They bring 30,000
# rows.
MOST_CALLS = 100
# Pages take no more calls once so much of max_daily_calls is spent, by whomever: the rest is left
# to exports, to the other streams, and to who comes later in the day.
_MOST_OF_THE_DAY = 0.75
CALLS_SPENT = f"today's calls have passed {_MOST_OF_THE_DAY:.0%} of max_daily_calls"
# A run that comes sooner after the last one does not wait for the daily export.
_CLOSE = timedelta(hours=2)
# Where the daily export is so old, no run has taken up its file in time: it is waited for.
_OLDEST_EXPORT = timedelta(hours=26)
# Nothing is read by pages that lies further back; if the day's bytes are spent, nothing that lies
# further back than a week.
_LONGEST = timedelta(days=1)
_LONGEST_WITHOUT_EXPORTS = timedelta(days=7)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def calls_left(client: MarketoClient) -> int:
    """Return how many calls pages may still take today, over all runs."""
    return int(client.budget.allowed * _MOST_OF_THE_DAY) - client.budget.used


class IncrementRead(Read):
    """Reads what is new of a family by pages, as long as that is little."""

    finds_families = True
    is_increment = True

    def __init__(self, family: BulkFamily, account: Account, context: SyncContext) -> None:
        """Prepare to read what is new of a family."""
        self.family = family
        self.name = family.name
        self._account = account
        self._context = context
        self._now = context.now
        self._is_in_place = False

    @property
    def issues_of(self) -> Mapping[str, ConversionIssues]:
        return self.family.issues

    @abstractmethod
    def _missing(self) -> str:
        """Say what of the selected columns pages do not have, or why else they cannot be read."""

    @abstractmethod
    def _pages(self, emitter: Emitter, since: datetime, most: int) -> Generator[None, None, bool]:
        """Read what is new since a time (UTC) and emit it; one call a step.

        Returns:
            Whether ``most`` calls were enough; if not, what is left is exported.
        """

    @cached_property
    def _reason_for_exports(self) -> str:
        """Why an export brings what is new, by what is known before; empty where pages do."""
        return self._reason_against_pages(_LONGEST) or self._reason_to_prefer_exports()

    @property
    def _reason_for_pages(self) -> str:
        """Why pages bring it, where no reason speaks for an export."""
        rows = self._expected_rows()
        expected = "" if rows is None else f" and some {rows:,} rows are expected"
        hours = (self._now - self._last_export) / _HOUR
        return f"the last export was {hours:.1f} h ago{expected}"

    def readings(self) -> list[Read | BulkFamily]:
        """Return how a sync reads the family."""
        if self._context.config.increments == BY_EXPORTS:
            return [self.family]
        if not any(each.bookmark for each in self._cursors.values()):
            return [self.family]
        why = self.family.why = self._reason_for_exports
        how = f"by exports, as {why}" if why else f"by pages, as {self._reason_for_pages}"
        LOGGER.info("%s: what is new is read %s.", self.name, how)
        # Where the day's bytes are spent, pages may still take the place of exports.
        return [self.family, self] if why else [self]

    def steps(self, emitter: Emitter) -> Steps:
        family, is_in_place = self.family, self._is_in_place
        if is_in_place:
            LOGGER.warning(
                "%s: today's export bytes are spent. What is new is read by pages. Late rows, and "
                "changes that no activity reports, come with the next export.", self.name,
            )  # fmt: skip
        elif self._reason_for_exports:
            return
        elif self._is_exported_beside():
            # What an earlier run has exported is read first: it is older than what pages bring.
            family.files = Files.IF_READY
            yield family
        family.files = Files.LATER
        calls = self._calls_left if is_in_place else min(MOST_CALLS, self._calls_left)
        if not (yield from self._by_pages(emitter, calls)):
            family.files = Files.AWAITED
            if not is_in_place:
                yield family

    def takes_place_of(self, family: BulkFamily) -> bool:
        if family is not self.family or self._is_in_place:
            return False
        self._is_in_place = (
            not self._reason_against_pages(_LONGEST_WITHOUT_EXPORTS)
            and (self._expected_rows() or 0) <= self._calls_left * BATCH_SIZE
        )
        return self._is_in_place

    def estimate(self, sizes: ListSizes) -> ReadEstimate | None:
        if self._reason_for_exports:
            return None
        least = 1 + ceil((self._expected_rows() or 1) / BATCH_SIZE)
        family, calls = self.family, Calls(least, "one for 300 rows")
        how = f"by pages, as {self._reason_for_pages}"
        if not self._is_exported_beside():
            return ReadEstimate(how=how, since=self._start, calls=calls)
        family.files = Files.LATER
        how += "; the daily export is for a later run"
        return ReadEstimate(how=how, since=self._start, calls=calls, families=[family])

    @property
    def _cursors(self) -> Mapping[str, Cursor]:
        return {stream: self.family.cursor(self._context, stream) for stream in self.streams}

    @property
    def _last_export(self) -> datetime:
        """Return when everything was last exported from the settled points on (UTC)."""
        cursors = self._cursors.values()
        return min(each.settled + each.lookback for each in cursors if each.settled)

    @property
    def _start(self) -> datetime:
        """Return where pages begin to read (UTC)."""
        cursors = list(self._cursors.values())
        if self.family.rows_change:
            # A file of an earlier run may bring older rows than pages have brought since.
            jobs = self._context.pending(self.name)
            made = min((job.made or job.end for job in jobs), default=self._now)
            cursors += [
                replace(c, bookmark=made) for c in cursors if c.bookmark and c.bookmark > made
            ]
        return min(each.recent_start for each in cursors)

    def _expected_rows(self) -> int | None:
        rows = self._context.state.rows_per_day().get(self.name)
        return None if rows is None else ceil(rows * ((self._now - self._start) / _DAY))

    @property
    def _calls_left(self) -> int:
        return calls_left(self._account.client)

    def _is_exported_beside(self) -> bool:
        is_due = any(each.rereads(self._now) for each in self._cursors.values())
        return is_due or bool(self._context.pending(self.name))

    def _reason_against_pages(self, longest: timedelta) -> str:
        """Say why pages cannot bring it, the last run lying no further back than so long."""
        cursors = self._cursors.values()
        bookmarks = [each.bookmark for each in cursors if each.bookmark]
        if len(bookmarks) < len(cursors):
            return "not everything has been read before"
        if not all(each.settled for each in cursors):
            return "no run has noted the last export"
        if any(each.ahead for each in cursors):
            return "older ones are still to be read"
        if self._now - min(bookmarks) > longest:
            return f"the last run ended at {to_marketo(min(bookmarks))}"
        return self._missing()

    def _reason_to_prefer_exports(self) -> str:
        """Say why an export is better, although pages could bring it."""
        age, bookmarks = self._now - self._last_export, [c.bookmark for c in self._cursors.values()]
        is_close = self._now - min(filter(None, bookmarks)) < _CLOSE
        if age >= (_OLDEST_EXPORT if is_close else DEEP_EVERY):
            return f"the last export was {age / _HOUR:.1f} h ago"
        rows = self._expected_rows() or 0
        if rows > MOST_CALLS * BATCH_SIZE:
            return f"some {rows:,} rows are expected, more than {MOST_CALLS} calls bring"
        if self._calls_left <= 0:
            return CALLS_SPENT
        return ""

    def _by_pages(self, emitter: Emitter, most: int) -> Generator[None, None, bool]:
        """Read what is new by pages; return whether so many calls were enough."""
        for stream in self.family.streams:
            self.family.announce(stream, emitter)
        try:
            if (yield from self._pages(emitter, self._start, most)):
                return True
        except (MarketoError, DataError) as error:
            if error.ends_run:
                raise
            LOGGER.warning(
                "%s: what is new is exported, as it cannot be read by pages. %s", self.name, error
            )
            return False
        LOGGER.info("%s: what is new is exported, as %d calls do not bring it.", self.name, most)
        return False
