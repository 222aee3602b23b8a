"""Which way program members are read: page by page, or by exports."""

from __future__ import annotations

from tap_marketo.config import BY_EXPORTS
from tap_marketo.exports.family import SyncContext
from tap_marketo.protocol.marks import PagesMark
from tap_marketo.streams.account import Account
from tap_marketo.streams.increments import CALLS_SPENT, calls_left
from tap_marketo.streams.member_handover import PAGES
from tap_marketo.streams.member_pages import EVERYONE
from tap_marketo.times import to_marketo


class MembersWay:
    """What the settings, the state, the day's calls, and Marketo say of it, whenever asked."""

    def __init__(self, account: Account, context: SyncContext) -> None:
        """Ask for nothing yet."""
        self._account = account
        self._context = context

    @property
    def can_read_all(self) -> bool:
        """Whether pages can be asked for all members of a program (program-members.md, Query).

        ``statusName`` does not find all of them: a member keeps a status that the channel no longer
        lists (channels.md).
        """
        return EVERYONE in self._account.members.filters

    @property
    def mark(self) -> PagesMark:
        """What the state says of passes by pages."""
        return self._context.state.mark(PagesMark, PAGES)

    def reason_for_exports(self) -> str:
        """Say why exports, and not pages, read what they can; empty where pages do."""
        spent = "" if calls_left(self._account.client) > 0 else CALLS_SPENT
        return self.reason_against_pages() or spent

    def reason_against_pages(self) -> str:
        """Say why nothing is read by pages; empty where something may be."""
        if self._context.config.increments == BY_EXPORTS:
            return "increments says so"
        if differ := self.mark.differ:
            return f"pages were found to differ from an export at {to_marketo(differ)}"
        return ""
