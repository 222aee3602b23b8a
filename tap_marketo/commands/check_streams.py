"""The part of the check that is about the streams to read: catalog, state and permissions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tap_marketo.commands.account_probe import AccountProbe
from tap_marketo.commands.check_results import CheckResult, Verdict, brief_and_remedy
from tap_marketo.commands.preparation import HOW_TO_SELECT
from tap_marketo.errors import (
    CRM_ENABLED,
    NOT_HERE,
    AccessDeniedError,
    MarketoError,
    RequestRefusedError,
    StateError,
)
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import ANEW
from tap_marketo.log import some_of
from tap_marketo.marketo.retention import Gap
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.state import State
from tap_marketo.protocol.state_file import check_past
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.lead_changes import LeadChangesRead
from tap_marketo.streams.leads import LEADS_STREAM, goes_by_creation
from tap_marketo.streams.permissions import (
    DESIGN_STUDIO,
    FEATURE_PERMISSIONS,
    MANAGE_USERS,
    RARE_PERMISSIONS,
    READ_ASSET,
    READ_CAMPAIGNS,
)
from tap_marketo.streams.registry import REGISTRY, definition_of
from tap_marketo.times import whole_seconds

# The names that Admin has for permissions, where they differ from those of endpoint-reference.md
# (custom-services.md, Permission List).
_IN_ADMIN = {
    READ_ASSET: "Read-Only Assets",
    READ_CAMPAIGNS: "Read-Only Campaign",
    DESIGN_STUDIO: f"Read-Only Assets, and {DESIGN_STUDIO} > Access Email, Access Email Template, "
    "Access Snippet",
    MANAGE_USERS: f"{MANAGE_USERS}, and Access Admin > Access Users",
}


@dataclass(frozen=True)
class _Streams:
    """The wanted streams of one definition; without a catalog it stands for all of them."""

    definition: StreamDefinition
    entries: Sequence[CatalogEntry] = ()

    @property
    def names(self) -> list[str]:
        return [entry.stream for entry in self.entries] or [self.definition.name]

    @property
    def label(self) -> str:
        """The same for a person, who knows that there are many types of activities."""
        number = len(self.entries)
        return f"{self.definition.name} ({number})" if number > 1 else self.names[0]


class WantedStreams:
    """The streams that a sync is to read.

    Attributes:
        entries: those selected in a catalog; None without a catalog, for all there are.
        have_leads: whether the stream of leads is one of them.
        lead_by_creation: whether the catalog has leads exported by createdAt.
        if_refused: what it means that some are refused. Without a catalog they can be left out.
    """

    def __init__(self, entries: Sequence[CatalogEntry] | None, probe: AccountProbe) -> None:
        """Take the answers of a probe, which need not be there yet."""
        self.entries = entries
        self._probe = probe
        of_each = (
            (kind, [e for e in entries or () if definition_of(e) is kind]) for kind in REGISTRY
        )
        self._streams = [_Streams(kind, own) for kind, own in of_each if own or entries is None]
        self.are_exported = any(each.definition.is_exported for each in self._streams)
        self.need_permissions = any(each.definition.permission for each in self._streams)
        self.have_leads = any(LEADS_STREAM in each.names for each in self._streams)
        leads = [entry for entry in entries or () if entry.stream == LEADS_STREAM]
        self.lead_by_creation = any(map(goes_by_creation, leads))
        self.if_refused = Verdict.NOTE if entries is None else Verdict.WRONG

    def catalog(self) -> CheckResult:
        """Return how many are selected, and which of these Marketo no longer has."""
        name, entries = "Catalog", self.entries
        if entries is None:
            return CheckResult(name, Verdict.OK, "none is given: all streams are checked")
        gone = dict(self._gone(entries))
        values = {"selected": len(entries), "gone": [*gone]}
        if not entries:
            return CheckResult(name, Verdict.WRONG, "no stream is selected", HOW_TO_SELECT, values)
        message = f"{len(entries):,} streams are selected"
        if not gone:
            return CheckResult(name, Verdict.OK, message, values=values)
        named = some_of([f"{stream} ({what})" for stream, what in gone.items()], most=5)
        message += f"; of these a sync skips what Marketo no longer has: {named}"
        verdict = Verdict.WRONG if len(gone) == len(entries) else Verdict.NOTE
        return CheckResult(name, verdict, message, "Run discovery again", values)

    def _gone(self, entries: Sequence[CatalogEntry]) -> Iterator[tuple[str, str]]:
        """Yield selected streams that Marketo no longer has, and what of them."""
        for entry in entries:
            definition = definition_of(entry)
            if definition is None:
                yield entry.stream, "no such stream"
            elif self._probe.has(definition.permission):
                what = definition.missing(entry, self._probe.account)
                if what:
                    yield entry.stream, what

    def state(self, state: State | StateError) -> CheckResult:
        """Return the result for a state: whether a sync accepts it, and what it reads again."""
        name, account = "State", self._probe.account
        now = whole_seconds(account.clock.now())
        try:
            if isinstance(state, StateError):
                raise state
            check_past(state, now, abs(account.clock.marketo_ahead or timedelta()))
            gaps = dict(self._gaps(SyncContext(account.config, state, now, lambda: ())))
        except StateError as error:
            return CheckResult(name, Verdict.WRONG, str(error))
        values = {"read_anew": [*gaps]}
        if not gaps:
            return CheckResult(name, Verdict.OK, "a sync reads what is new", values=values)
        message = "; ".join(f"{stream} is read {ANEW}, as {gap}" for stream, gap in gaps.items())
        remedy = "See what that costs with --plan"
        return CheckResult(name, Verdict.NOTE, message, remedy, values)

    def _gaps(self, context: SyncContext) -> Iterator[tuple[str, Gap]]:
        for definition in (each.definition for each in self._streams):
            gap = definition.gap(context)
            # Where they can be filtered by updatedAt, no activities are needed.
            if gap and (definition.name != LEADS_STREAM or self._probe.filter is False):
                yield definition.name, gap

    def permission(self, permission: str) -> CheckResult:
        """Return the result for a permission of the role of the API user."""
        probe = self._probe
        error = probe.permissions[permission]
        own, others = self._needing(permission)
        needing = [*own, *others]
        is_known = error is None or isinstance(error, AccessDeniedError)
        user = probe.account.client.api_user or "the API user"
        name_in_admin = _IN_ADMIN.get(permission, permission)
        place = f"Admin > Users & Roles > Roles > the role of {user} > Access API > {name_in_admin}"
        values = {
            "granted": error is None if is_known else None,
            "streams": [name for each in needing for name in each.names],
            "grant_in": place,
        }
        needed = f"needed by {_labels(needing)}" if needing else "no selected stream needs it"
        if error is None:
            use = f"for {_labels(needing)}" if needing else needed
            return CheckResult(permission, Verdict.OK, f"granted; {use}", values=values)
        problem, remedy = brief_and_remedy(error)
        if isinstance(error, AccessDeniedError):
            reason = f"error {error.code}" if error.code else error.reason
            problem, remedy = f"denied ({reason})", f"Grant it: {place}"
            if self.entries is None and permission in RARE_PERMISSIONS:
                left_out = f"discovery leaves out {_labels(own)}, which are off by default"
                return CheckResult(permission, Verdict.OK, f"{problem}; {left_out}", values=values)
        if self._is_left_to_crm(permission):
            problem = f"the account's CRM has charge of it (error {CRM_ENABLED})"
            left_out = f"discovery leaves out {_labels(own)}"
            return CheckResult(permission, Verdict.OK, f"{problem}; {left_out}", values=values)
        if error is probe.stopped or not needing:
            verdict = Verdict.OK if is_known else Verdict.UNKNOWN
            return CheckResult(permission, verdict, f"{problem}; {needed}", values=values)
        uses = [needed]
        if self.entries is None:
            uses = [f"discovery leaves out {_labels(own)}"] if own else []
            uses += [f"a sync cannot read {_labels(others)}"] if others else []
        is_not_here = isinstance(error, NOT_HERE) or (
            self.entries is None
            and permission in FEATURE_PERMISSIONS
            and isinstance(error, RequestRefusedError)
        )
        verdict = self.if_refused if is_not_here else Verdict.WRONG
        return CheckResult(permission, verdict, "; ".join([problem, *uses]), remedy, values)

    def _needing(self, permission: str) -> tuple[list[_Streams], list[_Streams]]:
        """Return the streams that a permission is for, and those that need it beside another."""
        own = [
            each
            for each in self._streams
            if each.definition.permission == permission
            and (each.entries or each.definition.is_offered(self._probe.account))
        ]
        others = [
            needing
            for each in self._streams
            if (needing := self._needing_further(permission, each))
            and not self._is_left_to_crm(each.definition.permission)
        ]
        return own, others

    def _needing_further(self, permission: str, streams: _Streams) -> _Streams | None:
        """Return which of some streams need a permission beside that of their definition."""
        probe, definition = self._probe, streams.definition
        by_creation = probe.filter is False or self.lead_by_creation
        further = definition.further_permissions
        if definition.name == LEADS_STREAM and by_creation and probe.account.config.lead_changes:
            further = LeadChangesRead.further_permissions
        if permission in further:
            return streams
        if not streams.entries or not probe.has(definition.permission):
            return None
        own = [
            entry
            for entry in streams.entries
            if permission in definition.permissions_of(entry, probe.account)
        ]
        return _Streams(definition, own) if own else None

    def _is_left_to_crm(self, permission: str) -> bool:
        """Say whether discovery leaves a permission's streams to a native CRM integration."""
        error = self._probe.permissions.get(permission)
        is_of_crm = isinstance(error, MarketoError) and error.code == CRM_ENABLED
        return is_of_crm and self.entries is None


def _labels(needing: Iterable[_Streams]) -> str:
    return ", ".join(each.label for each in needing)
