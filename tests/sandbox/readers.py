"""Answers of the read endpoints: describe, types, usage, campaigns, lists; what others read."""

from __future__ import annotations

from typing import Any

from tests.sandbox.activity_reader import ACTIVITY_CALLS, ActivityReader
from tests.sandbox.assets.kinds import BY_CALL, SINGLE
from tests.sandbox.assets.reader import AssetReader
from tests.sandbox.assets.table import Asset, AssetTable
from tests.sandbox.calls import OBJECT_ROWS, Call
from tests.sandbox.clock import Clock
from tests.sandbox.crm.kinds import CRM_CALLS
from tests.sandbox.crm.reader import CrmReader
from tests.sandbox.database import Database
from tests.sandbox.fields import schema_of
from tests.sandbox.lead_reader import LEAD_CALLS, LeadReader
from tests.sandbox.member_reader import MEMBERS_CALL, MemberReader
from tests.sandbox.metadata.kinds import CALLS as METADATA_CALLS
from tests.sandbox.metadata.reader import MetadataReader
from tests.sandbox.object_rows import keyed_rows
from tests.sandbox.options import Options
from tests.sandbox.paging import split_values, token_page
from tests.sandbox.permissions import SCHEMA, Permissions
from tests.sandbox.usage import USAGE_CALLS, Usage

ASSET_CALLS = frozenset((*BY_CALL, *SINGLE, "programs", "folders"))


class Readers:
    """The read endpoints. Each method gives the members of the envelope beside requestId."""

    def __init__(
        self,
        options: Options,
        database: Database,
        clock: Clock,
        usage: Usage,
        permissions: Permissions,
    ) -> None:
        self._token_bytes = options.token_bytes
        self._database = database
        self._usage = usage
        self._permissions = permissions
        self._assets = AssetReader(database.assets, options)
        self._leads = LeadReader(options.token_bytes, database)
        self._members = MemberReader(options, database)
        self._activities = ActivityReader(options.token_bytes, database, clock)
        self._crm = CrmReader(options, database.crm, clock.now())
        self._metadata = MetadataReader(database, permissions, options.token_bytes)

    def answer(self, call: Call) -> dict[str, Any]:
        """The answer to a call of one of these kinds."""
        if call.kind in ASSET_CALLS:
            return self._assets.answer(call)
        if call.kind in LEAD_CALLS:
            return self._leads.answer(call)
        if call.kind == MEMBERS_CALL:
            return self._members.answer(call)
        if call.kind in ACTIVITY_CALLS:
            return self._activities.answer(call)
        if call.kind == OBJECT_ROWS:
            return self._crm.rows_of(call, keyed_rows(self._database, call.job_id))
        if call.kind in CRM_CALLS:
            return self._crm.answer(call)
        if call.kind in METADATA_CALLS:
            return self._metadata.answer(call)
        if call.kind in USAGE_CALLS:
            return {"result": self._usage.answer(call.kind)}
        if call.kind == "describe":
            return {"result": [field.described() for field in self._database.leads.fields]}
        if call.kind == "member_describe":
            return {"result": [self._members.described()]}
        if call.kind == "types":
            return {"result": self._database.described_types()}
        if call.kind == "campaigns":
            return self.page_of(call, self._database.campaigns)
        if call.kind == "lists":
            return self.page_of(call, self._database.lists)
        return self.schema_fields(call)

    def page_of(self, call: Call, table: AssetTable) -> dict[str, Any]:
        """A page by token: nextPageToken while moreResult is true (paging-tokens.md)."""
        rows, beside = token_page(
            _filtered(call, table), call.query, call.kind, call.token, self._token_bytes,
            lambda row: row.id,
        )  # fmt: skip
        return {"result": table.shown(list(rows)), **beside}

    def schema_fields(self, call: Call) -> dict[str, Any]:
        """A page of the lead fields that the role may see (leads.md, "Browse")."""
        standard, custom = (self._permissions.grants(name) for name in SCHEMA)
        fields = schema_of(self._database.leads.fields, standard, custom)
        rows, beside = token_page(
            list(enumerate(fields, start=1)), call.query, call.kind, call.token, self._token_bytes,
            lambda row: row[0],
        )  # fmt: skip
        return {"result": [field for _, field in rows], **beside}


def _filtered(call: Call, table: AssetTable) -> list[Asset]:
    """Rows of the ids and names asked for, one or more, comma separated or repeated."""
    rows = table.rows
    ids = split_values(call.query.get("id"))
    if ids:
        rows = [row for row in rows if str(row.id) in ids]
    names = split_values(call.query.get("name"))
    if names:
        rows = [row for row in rows if row.more["name"] in names]
    return rows
