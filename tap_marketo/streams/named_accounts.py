"""Named accounts on chosen lists (named-account-lists.md): a list's members come by its id.

Marketo lists neither these lists nor all named accounts: the config names the lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.errors import ConfigError, odd_data
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.by_keys import KeyedRows
from tap_marketo.marketo.describe import DEDUPE_FIELDS
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.pages import Row, query_pages
from tap_marketo.names import find_names
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import NamedListMark
from tap_marketo.protocol.position import Bookmark
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import DeclaredStream, SingleStream
from tap_marketo.streams.details import path_with
from tap_marketo.streams.keyed_object import REPLICATION_KEY, KeyedStream
from tap_marketo.streams.keyed_table import KeyedTable
from tap_marketo.streams.permissions import (
    ACCOUNT_LISTS_PATH,
    ACCOUNTS_PATH,
    READ_NAMED_ACCOUNT,
    READ_NAMED_ACCOUNT_LIST,
)
from tap_marketo.streams.stream_read import (
    IN_FULL,
    ReadEstimate,
    Steps,
    StreamRead,
    log_not_due,
)
from tap_marketo.times import to_marketo

_MEMBERS = "/rest/v1/namedAccountList/{id}/namedAccounts.json"
_KEY, _LIST = "marketoGUID", "namedAccountListId"


class NamedLists:
    """The lists that the config names, and their members: asked for once a run."""

    def __init__(self, account: Account) -> None:
        """Ask for nothing yet.

        Raises:
            ConfigError: no list is named.
        """
        self._account = account
        self._names = account.config.named_account_lists
        self._members: dict[str, list[str]] = {}
        if not self._names:
            raise ConfigError(
                "A stream of named accounts is selected, but the setting named_account_lists names "
                "no list. Name lists there, or deselect the stream."
            )

    @property
    def rows(self) -> list[Row]:
        """The lists, in order of their ids."""
        return self._account.shared(ACCOUNT_LISTS_PATH, self._ask)

    def _ask(self) -> list[Row]:
        names = [name for name in self._names if "," not in name]
        client = self._account.client
        asked = KeyedRows(client, ACCOUNT_LISTS_PATH, "named_account_lists", DEDUPE_FIELDS)
        found = [row for page in asked.pages(names, ()) for row in page]
        there = find_names(self._names, {str(row.get("name")) for row in found})
        if missing := [name for name in self._names if name not in there]:
            LOGGER.warning(
                "named_account_lists: Marketo gives no list %s. The others are read. Correct the "
                "setting; a name with a comma cannot be asked for.",
                ", ".join(map(repr, missing)),
            )  # fmt: skip
        return sorted(found, key=_guid)

    def pages(self, number: str, fields: Sequence[str]) -> Iterator[list[Row]]:
        """Yield the members of a list, a page at a time; one that is gone by now has none."""
        members: list[str] = []
        path, query = path_with(_MEMBERS, number), {"fields": ",".join(fields)}
        for page in query_pages(self._account.client, path, "named_account_list_members", query):
            members += map(_guid, page.rows)
            yield page.rows
        self._members[number] = members

    def members(self, number: str) -> Iterator[list[str]]:
        """Yield the keys of a list's members, without a call if they have been read."""
        if number in self._members:
            yield self._members[number]
            return
        for rows in self.pages(number, [_KEY]):
            yield [_guid(row) for row in rows]


def _guid(row: Row) -> str:
    key = row.get(_KEY)
    if not isinstance(key, str) or not key:
        raise odd_data(f"Marketo sent a named account, or a list of them, without {_KEY}")
    return key


class _NamedRead(StreamRead):
    """One sync of the lists, or of their members."""

    def __init__(
        self, entry: CatalogEntry, stream: SingleStream, account: Account, context: SyncContext
    ) -> None:
        """Prepare to read.

        Raises:
            CatalogError: the entry has no key column.
            ConfigError: no list is named in the config.
        """
        super().__init__(entry, stream.keys, stream.replication_key)
        self._lists = account.shared(NamedLists, lambda: NamedLists(account))
        self._now = context.now


class ListsRead(_NamedRead):
    """One sync of the lists themselves."""

    is_one_call = True

    def steps(self, emitter: Emitter) -> Steps:
        self._announce(emitter)
        rows = [{k: v for k, v in row.items() if k != "seq"} for row in self._lists.rows]
        self._emit(rows, emitter)
        self._move_to(emitter, bookmark=Bookmark(REPLICATION_KEY, self._now))
        yield None

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        return ReadEstimate(how=IN_FULL, calls=Calls(1))


class MembersRead(_NamedRead):
    """One sync of the members of all lists: the two keys of each."""

    def __init__(
        self, entry: CatalogEntry, stream: SingleStream, account: Account, context: SyncContext
    ) -> None:
        super().__init__(entry, stream, account, context)
        self._interval = timedelta(hours=context.config.child_refresh_hours)
        self._mark = context.state.mark(NamedListMark, entry.stream)

    def steps(self, emitter: Emitter) -> Steps:
        mark = self._mark
        if due := self._due:
            log_not_due(self.stream, due - self._interval, self._interval)
            return
        self._announce(emitter)
        began = mark.scan_started or self._now
        reached = mark.list_reached or ""
        left = [key for key in map(_guid, self._lists.rows) if key > reached]
        LOGGER.info("%s: reading the members of %s.", self.stream, counted(len(left), "list"))
        self.parents = len(left)
        yield None
        for number in left:
            for _ in self._read(number, emitter):
                yield None
            self.parents_read += 1
            at = NamedListMark(list_reached=number, scan_started=began, refreshed=mark.refreshed)
            self._move_to(emitter, at)
        bookmark = Bookmark(REPLICATION_KEY, began) if self._replication_key else None
        self._move_to(emitter, NamedListMark(refreshed=began), bookmark)

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        if due := self._due:
            return ReadEstimate(how=f"not before {to_marketo(due)} (child_refresh_hours)")
        calls = Calls(1, "one for 300 members of each list")
        return ReadEstimate(how=f"{IN_FULL}, list by list", calls=calls)

    @property
    def _due(self) -> datetime | None:
        """When all lists are to be read again (UTC); None for now."""
        mark = self._mark
        due = mark.refreshed and mark.refreshed + self._interval
        return due if due and not mark.list_reached and self._now < due else None

    def _read(self, number: str, emitter: Emitter) -> Steps:
        for keys in self._lists.members(number):
            self._emit([{_LIST: number, _KEY: key} for key in keys], emitter)
            yield None


class AccountsRead(MembersRead):
    """One sync of the named accounts on all lists."""

    def __init__(
        self, entry: CatalogEntry, stream: KeyedStream, account: Account, context: SyncContext
    ) -> None:
        super().__init__(entry, stream, account, context)
        self._table = KeyedTable(entry, stream, context.now)
        self.issues = self._table.issues
        self._account = account
        self._fields: list[str] = []

    @property
    def unknown(self) -> set[str]:
        return self._table.unknown

    def _announce(self, emitter: Emitter) -> None:
        declared = self._table.declared
        self._fields = self._table.fit_to(declared.description(self._account))
        self._table.announce(emitter)

    def _read(self, number: str, emitter: Emitter) -> Steps:
        for rows in self._lists.pages(number, self._fields):
            block = self._table.block(rows, emitter.now())
            emitter.records(block.lines, block.counts)
            yield None


_by_config: dict[str, Any] = {"offered": lambda account: account.config.named_account_lists}
_with_lists: dict[str, Any] = {
    "permission": READ_NAMED_ACCOUNT, "further_permissions": (READ_NAMED_ACCOUNT_LIST,),
    **_by_config,
}  # fmt: skip

NAMED_ACCOUNTS = (
    DeclaredStream(
        name="named_account_lists",
        read=ListsRead,
        permission=READ_NAMED_ACCOUNT_LIST,
        keys=(_KEY,),
        **_by_config,
    ),
    KeyedStream(name="named_accounts", path=ACCOUNTS_PATH, read=AccountsRead, **_with_lists),
    DeclaredStream(
        name="named_account_list_members",
        read=MembersRead,
        replication_key=None,
        keys=(_LIST, _KEY),
        **_with_lists,
    ),
)
