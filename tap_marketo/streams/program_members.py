"""Program members: who is in which program."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tap_marketo.errors import NOT_HERE, AccessDeniedError
from tap_marketo.exports.family import BulkFamily, SyncContext
from tap_marketo.log import LOGGER
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.described import described_entry, with_fields
from tap_marketo.streams.log_reach import Gap, find_gap
from tap_marketo.streams.member_exports import (
    ALWAYS,
    KEYS,
    REPLICATION_KEY,
    STREAM,
    SWEEP,
    MembersFamily,
)
from tap_marketo.streams.member_leavers import CHANGE_STATUS
from tap_marketo.streams.members_read import MembersRead
from tap_marketo.streams.permissions import READ_ACTIVITY, READ_ASSET, READ_LEAD
from tap_marketo.streams.stream_read import StreamRead

_AUTOMATIC = frozenset((*KEYS, REPLICATION_KEY, "createdAt"))


class ProgramMembers(StreamDefinition):
    """The stream of program members."""

    name = STREAM
    is_exported = True
    permission = READ_LEAD
    further_permissions = (READ_ACTIVITY, READ_ASSET)
    families = dict.fromkeys((STREAM, SWEEP), MembersFamily.bulk_object)

    def discover(self, account: Account) -> list[dict[str, Any]]:
        try:
            fields = with_fields(account.members.fields, ALWAYS)
        except AccessDeniedError:
            raise
        except NOT_HERE as error:
            LOGGER.warning("%s is left out: Marketo does not describe it. %s", STREAM, error)
            return []
        return [
            described_entry(
                STREAM,
                fields,
                _AUTOMATIC,
                KEYS,
                REPLICATION_KEY,
                account.naming,
                nullable=_AUTOMATIC - {*KEYS},
            )
        ]

    def gap(self, context: SyncContext) -> Gap | None:
        bookmark = context.state.bookmark(STREAM, REPLICATION_KEY)
        lookback = timedelta(hours=context.config.activities_lookback_hours)
        return find_gap(CHANGE_STATUS, bookmark, lookback, context.now)

    def readings(
        self, entries: Sequence[CatalogEntry], account: Account, context: SyncContext
    ) -> Sequence[StreamRead | BulkFamily]:
        return [MembersRead(entry, account, context, self.gap(context)) for entry in entries]
