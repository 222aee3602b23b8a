"""Roles in opportunities that come and go without a change of the lead: activities tell of them."""

from __future__ import annotations

from datetime import timedelta

from tap_marketo.errors import DataError, MarketoError
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.exports.windows import Cursor
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import Bookmark, Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.change_events import ChangeEvents
from tap_marketo.streams.key_search import KeySearch
from tap_marketo.streams.stream_read import ACTIVITY_CALLS, Steps
from tap_marketo.times import Window

NAME = "opportunity_role_changes"
"""Where the state has up to when these activities were read."""
ROLES = "opportunity_roles"
LEAD = "lead"
"""What the search calls ids of leads."""
_EVENT_TYPES = ("Add to Opportunity", "Remove from Opportunity")
_KEY = "activityDate"


class RoleChanges:
    """The leads that got or lost a role since the last run: their roles are asked for."""

    def __init__(self, search: KeySearch, account: Account, context: SyncContext) -> None:
        """Ask for nothing yet."""
        self._search = search
        self._account = account
        self._now = context.now
        lookback = timedelta(hours=context.config.activities_lookback_hours)
        bookmark, settled = context.state.bookmark(NAME, _KEY), context.state.settled(NAME)
        self._cursor = Cursor(bookmark, settled, context.earliest, lookback)

    @property
    def calls(self) -> Calls:
        """What it takes to find the leads."""
        return ACTIVITY_CALLS if self._cursor.bookmark else Calls()

    def steps(self, emitter: Emitter) -> Steps:
        """Ask for the leads, and for their roles."""
        window = Window(self._cursor.start(self._now), self._now)
        # At first the roles are found by all else that is read.
        if self._cursor.bookmark is not None:
            try:
                for events in ChangeEvents(self._account, _EVENT_TYPES).pages(window.start):
                    for event in events:
                        self._search.note(LEAD, str(event.lead))
                    yield from self._ask(emitter, to_the_end=False)
                    yield None
            except (MarketoError, DataError) as error:
                if isinstance(error, MarketoError) and error.ends_run:
                    raise
                self._search.fail(ROLES, error)
            yield from self._ask(emitter, to_the_end=True)
        if self._search.asks_by(ROLES, "leadId"):
            settled = self._cursor.after(window, self._now).settled
            bookmark = Bookmark(_KEY, self._now, settled)
            emitter.move_to(Position(bookmarks={NAME: bookmark}))

    def _ask(self, emitter: Emitter, *, to_the_end: bool) -> Steps:
        for block in self._search.blocks(emitter, to_the_end=to_the_end):
            emitter.records(block.lines, block.counts)
            yield None
