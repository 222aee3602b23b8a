"""What a check asks of the account, within a few calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from tap_marketo.errors import (
    DataError,
    ExportQuotaError,
    MarketoError,
    QueueFullError,
    TapError,
)
from tap_marketo.exports.allowance import ExportAllowance
from tap_marketo.marketo.export_calls import (
    ExportApi,
    ExportStatus,
    finished_exports,
    known_statuses,
)
from tap_marketo.streams.account import Account
from tap_marketo.streams.leads import can_filter_by_update
from tap_marketo.streams.permissions import READ_LEAD, try_permission
from tap_marketo.streams.registry import REGISTRY, needed_permissions

T = TypeVar("T")

# Calls made at most, but for repetitions of the last one.
MOST_CALLS = 24


class AccountProbe:
    """The answers to all that is asked; where there is none, the error that was in the way.

    Attributes:
        stopped: the error that ended the asking, or kept it from beginning, as no other call could
            have worked; None if there was none.
        permissions: what came of trying each; None if it is granted.
        filter: whether leads can be filtered by updatedAt; None if that was not asked.
        jobs: the status of each of the API user's jobs of the past seven days.
        seen: bulk objects whose jobs have all been seen.
        unseen: those of which some have not, with the reason.
    """

    def __init__(self, account: Account) -> None:
        """Ask for nothing yet."""
        self.account = account
        self.stopped: TapError | None = None
        self.permissions: dict[str, TapError | None] = {}
        self.filter: bool | TapError | None = None
        self.allowance = ExportAllowance(account.config.daily_export_bytes, {})
        self.jobs: dict[str, ExportStatus] = {}
        self.seen: list[str] = []
        self.unseen: dict[str, TapError] = {}
        self._client = account.client
        self._api = ExportApi(account.client)

    def has(self, permission: str) -> bool:
        """Say whether the role of the API user is known to have a permission."""
        return self.permissions.get(permission) is None

    def begin(self) -> bool:
        """Fetch a token and today's calls, and say whether any call is left."""
        try:
            self._client.start()
        except TapError as error:
            self.stopped = error
            return False
        return not self._client.budget.is_spent

    def ask(self, *, of_filter: bool) -> None:
        """Ask for all there is to know.

        Nothing is exported and no job is left: the one that shows whether Marketo takes the
        filter is cancelled at once, without ever having been enqueued.
        """
        for permission in needed_permissions(self.account):
            attempt = partial(try_permission, self.account, permission)
            self.permissions[permission] = self._ask(attempt)
        if of_filter and self.has(READ_LEAD):
            # A trial job is created and cancelled.
            self.filter = self._ask(partial(can_filter_by_update, self.account), calls=2)
        objects = [
            definition.bulk_objects(self.account)
            for definition in REGISTRY
            if self.has(definition.permission)
        ]
        # Those last that are as many as the account has.
        for own in sorted(objects, key=len):
            for path in own.values():
                self._look_at_jobs(path)

    def _ask(self, attempt: Callable[[], T], calls: int = 1) -> T | TapError:
        """Make calls and return what comes of it, or what was in the way."""
        if self.stopped:
            return self.stopped
        if self._client.calls + calls > MOST_CALLS:
            return TapError(f"a check makes {MOST_CALLS} calls at most")
        try:
            return attempt()
        except (MarketoError, DataError) as error:
            of_exports = isinstance(error, (ExportQuotaError, QueueFullError))
            if error.ends_run and not of_exports:
                self.stopped = error
            return error

    def _look_at_jobs(self, bulk_object: str) -> None:
        pages = self._api.jobs(bulk_object)
        while True:
            page = self._ask(pages.__next__)
            if isinstance(page, TapError):
                self.unseen[bulk_object] = page
                return
            self.jobs.update(known_statuses(page.rows))
            self.allowance.take_over(finished_exports(bulk_object, page.rows))
            if page.next_token is None:
                self.seen.append(bulk_object)
                return
