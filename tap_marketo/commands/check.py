"""The check of --test: whether a sync could run, and what is in its way if not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from tap_marketo.clock import NOTABLE_SKEW, Clock
from tap_marketo.commands.findings import Check, Finding, Verdict
from tap_marketo.commands.preparation import HOW_TO_SELECT
from tap_marketo.commands.survey import Survey
from tap_marketo.config import Config
from tap_marketo.errors import (
    NOT_HERE,
    AccessDeniedError,
    CallQuotaError,
    ExportQuotaError,
    FilterUnavailableError,
    MarketoError,
    QuotaError,
    TapError,
)
from tap_marketo.marketo.auth import WHAT as TOKEN_CALL
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.export_calls import QUEUE_SLOTS, ExportStatus
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.lead_changes import LeadChangesRead
from tap_marketo.streams.leads import LEADS_STREAM, goes_by_creation
from tap_marketo.streams.permissions import PERMISSIONS, READ_ASSET, READ_CAMPAIGNS, READ_LEAD
from tap_marketo.streams.registry import REGISTRY, definition_of
from tap_marketo.times import next_allowance_reset, to_marketo

_MEGABYTE = 1_000_000
# How many streams a line names that Marketo no longer has.
_MOST_NAMED = 5
# The names that Admin has for permissions, where they differ from those of endpoint-reference.md
# (custom-services.md, Permission List).
_IN_ADMIN = {READ_ASSET: "Read-Only Assets", READ_CAMPAIGNS: "Read-Only Campaign"}
# error-codes.md, 603.
_ALLOW_LIST = "the IP allow-list of the API (Admin > Web Services > IP Restrictions)"


def check(
    client: MarketoClient,
    clock: Clock,
    config: Config,
    entries: Sequence[CatalogEntry] | None,
) -> Check:
    """Find out whether a sync could run.

    Nothing is exported, and no state is read or written.

    Args:
        client: makes the calls.
        clock: learns Marketo's time from the answers.
        config: the settings.
        entries: the selected streams of a catalog; None without a catalog, for all there are.
    """
    survey = Survey(client, clock, config.daily_export_bytes)
    report = _Report(client, clock, config, entries, survey)
    if not survey.begin():
        return Check(config.endpoint, list(report.of_beginning()), (), client.calls)
    survey.ask(of_filter=report.wants_leads)
    permissions = [report.permission(name) for name in PERMISSIONS]
    return Check(config.endpoint, list(report.of_account()), permissions, client.calls)


@dataclass(frozen=True)
class _Wanted:
    """The wanted streams of one kind.

    Attributes:
        kind: theirs.
        entries: of the catalog; empty without one.
    """

    kind: StreamDefinition
    entries: Sequence[CatalogEntry] = ()

    @property
    def streams(self) -> list[str]:
        """Their names; without a catalog, that of the kind."""
        return [entry.stream for entry in self.entries] or [self.kind.name]

    @property
    def label(self) -> str:
        """The same for a person, who knows that there are many types of activities."""
        number = f" ({len(self.entries)})" if len(self.entries) > 1 else ""
        return f"{self.kind.name}{number}" if number else ", ".join(self.streams)


class _Report:
    """Says what the answers of a survey mean for the streams that are wanted."""

    def __init__(
        self,
        client: MarketoClient,
        clock: Clock,
        config: Config,
        entries: Sequence[CatalogEntry] | None,
        survey: Survey,
    ) -> None:
        self._client = client
        self._clock = clock
        self._config = config
        self._entries = entries
        self._survey = survey
        self._wanted = _by_kind(entries)

    @property
    def wants_leads(self) -> bool:
        """Whether the stream of leads is wanted."""
        return any(LEADS_STREAM in wanted.streams for wanted in self._wanted)

    def of_beginning(self) -> Iterator[Finding]:
        """Yield what is known where nothing could be asked."""
        error = self._survey.not_begun
        if isinstance(error, MarketoError) and error.what == TOKEN_CALL:
            yield _failed("Credentials", Verdict.WRONG, error)
            yield from self._clock_difference()
            yield _unasked("All else", "without a token nothing can be asked")
        else:
            yield from self._access()
            yield self._calls_today(error)
            yield _unasked("All else", "Marketo is not asked for more")

    def of_account(self) -> Iterator[Finding]:
        """Yield what was found about the account and what it allows."""
        yield from self._access()
        yield self._calls_today(self._survey.stopped)
        yield from self._exports()
        yield self._lead_filter()
        yield self._catalog()
        yield from self._start_date()
        if not self._survey.stopped and not any(map(self._survey.has, PERMISSIONS)):
            yield self._no_permission()

    # The account --------------------------------------------------------------------------------

    def _access(self) -> Iterator[Finding]:
        user = self._client.api_user
        yield Finding("Credentials", Verdict.OK, "client_id and client_secret are accepted")
        yield Finding(
            "API user",
            Verdict.OK if user else Verdict.UNKNOWN,
            user or "Marketo does not say whose credentials these are",
            values={"user": user or None},
        )
        yield from self._clock_difference()

    def _clock_difference(self) -> Iterator[Finding]:
        ahead = self._clock.marketo_ahead
        if ahead is None:
            yield _unasked("Clock", "Marketo's answers do not tell the time")
            return
        seconds = round(abs(ahead).total_seconds())
        values = {"marketo_ahead_seconds": round(ahead.total_seconds())}
        if abs(ahead) <= NOTABLE_SKEW:
            yield Finding("Clock", Verdict.OK, f"{seconds} s from Marketo's", values=values)
            return
        side = "behind" if ahead > timedelta(0) else "ahead of"
        yield Finding(
            "Clock",
            Verdict.NOTE,
            f"this machine's is {timedelta(seconds=seconds)} {side} Marketo's; the one behind is "
            "used",
            "Set this machine's clock: rows newer than the one behind wait for a later run",
            values,
        )

    def _calls_today(self, error: TapError | None) -> Finding:
        name, budget = "Calls today", self._client.budget
        if error and not isinstance(error, CallQuotaError):
            return _failed(name, Verdict.WRONG, error)
        message = (
            f"{budget.used:,} of {budget.allowed:,} (max_daily_calls), by the whole subscription"
        )
        values = {"used": budget.used, "allowed": budget.allowed}
        if isinstance(error, CallQuotaError) and not budget.is_spent:
            # Its own allowance is the smaller one, and its count may be unknown.
            message = (
                f"Marketo's own allowance is spent, before max_daily_calls ({budget.allowed:,}): "
                f"{error.brief}"
            )
        if error or budget.is_spent:
            return Finding(name, Verdict.SPENT, message, self._reset(), values)
        return Finding(name, Verdict.OK, message, values=values)

    def _reset(self) -> str:
        moment = to_marketo(next_allowance_reset(self._clock.now()))
        return f"Come again after {moment}, when Marketo's daily allowances reset"

    def _catalog(self) -> Finding:
        if self._entries is None:
            return Finding("Catalog", Verdict.OK, "none is given: all streams are checked")
        gone = list(self._gone())
        values = {"selected": len(self._entries), "gone": [stream for stream, _ in gone]}
        selected = f"{len(self._entries):,} streams are selected"
        if gone:
            more = f" and {len(gone) - _MOST_NAMED} more" if len(gone) > _MOST_NAMED else ""
            named = ", ".join(f"{stream} ({what})" for stream, what in gone[:_MOST_NAMED])
            return Finding(
                "Catalog",
                Verdict.WRONG if len(gone) == len(self._entries) else Verdict.NOTE,
                f"{selected}; of these a sync skips what Marketo no longer has: {named}{more}",
                "Run discovery again",
                values,
            )
        if not self._entries:
            message = "no stream is selected"
            return Finding("Catalog", Verdict.WRONG, message, HOW_TO_SELECT, values)
        return Finding("Catalog", Verdict.OK, selected, values=values)

    def _start_date(self) -> Iterator[Finding]:
        if self._config.start_date > self._clock.now():
            moment = to_marketo(self._config.start_date)
            yield Finding(
                "Start date",
                Verdict.WRONG,
                f"{moment} lies in the future: a sync would read nothing",
                "Set start_date to the time from which on you want what has changed",
                {"start_date": moment},
            )

    def _gone(self) -> Iterator[tuple[str, str]]:
        """Yield selected streams that Marketo no longer has, and what of them."""
        for entry in self._entries or ():
            kind = definition_of(entry)
            if kind is None:
                yield entry.stream, "no such stream"
            elif self._survey.has(kind.permission):
                what = kind.missing(entry, self._survey.account)
                if what:
                    yield entry.stream, what

    # Exports ------------------------------------------------------------------------------------

    @property
    def _wants_exports(self) -> bool:
        return any(wanted.kind.is_exported for wanted in self._wanted)

    def _exports(self) -> Iterator[Finding]:
        survey = self._survey
        refused = {
            name: error
            for name, error in survey.unseen.items()
            # Not every type of custom objects can be exported (bulk-custom-object-extract.md).
            if isinstance(error, NOT_HERE) and not name.startswith("customobjects/")
        }
        if refused:
            verdict = self._lack if self._wants_exports else Verdict.NOTE
            message, _ = _said(next(iter(refused.values())))
            yield Finding(
                "Bulk extract",
                verdict,
                f"Marketo refuses the exports of {', '.join(refused)}, as it does where a "
                f"subscription has no bulk extract: {message}",
                "Ask Marketo Support for bulk extract, or deselect the streams that are exported",
                {"refused": list(refused)},
            )
        if survey.seen:
            yield self._export_bytes()
            yield self._export_queue()
        elif not refused:
            yield _unasked("Export bytes today", "no jobs could be looked at")
            yield _unasked("Export queue", "no jobs could be looked at")

    def _export_bytes(self) -> Finding:
        limit = self._survey.allowance.limit
        used = self._survey.allowance.used(self._clock.now())
        refusal = self._survey.filter
        values = {"used": used, "allowed": limit, "not_seen": list(self._unseen)}
        message = (
            f"{used / _MEGABYTE:,.1f} of {limit / _MEGABYTE:,.1f} MB (max_daily_export_mb), "
            f"by this API user{self._but_unseen()}"
        )
        if isinstance(refusal, ExportQuotaError):
            message = f"{message}; with those of others they are spent: {refusal.brief}"
        elif used < limit:
            return Finding("Export bytes today", Verdict.OK, message, values=values)
        verdict = Verdict.SPENT if self._wants_exports else Verdict.NOTE
        return Finding("Export bytes today", verdict, message, self._reset(), values)

    def _export_queue(self) -> Finding:
        statuses = list(self._survey.jobs.values())
        queued = statuses.count(ExportStatus.QUEUED)
        processing = statuses.count(ExportStatus.PROCESSING)
        taken = queued + processing
        values = {
            "slots": QUEUE_SLOTS,
            "taken": taken,
            "queued": queued,
            "processing": processing,
            "not_seen": list(self._unseen),
        }
        detail = f" ({queued} queued, {processing} processing)" if taken else ""
        message = (
            f"{taken} of {QUEUE_SLOTS} slots taken by this API user{detail}"
            f"{self._but_unseen()}; jobs of others do not show"
        )
        if taken < QUEUE_SLOTS:
            return Finding("Export queue", Verdict.OK, message, values=values)
        return Finding(
            "Export queue",
            Verdict.NOTE,
            message,
            "A sync waits for a slot, for as long as job_timeout "
            f"({self._config.job_timeout:,.0f} s) says",
            values,
        )

    @property
    def _unseen(self) -> dict[str, TapError]:
        """Bulk objects that may have jobs which have not been seen."""
        unseen = self._survey.unseen.items()
        return {n: error for n, error in unseen if not isinstance(error, NOT_HERE)}

    def _but_unseen(self) -> str:
        if not self._unseen:
            return ""
        names, error = list(self._unseen), next(iter(self._unseen.values()))
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        return f", without those of {names[0]}{more} ({_said(error)[0]})"

    def _lead_filter(self) -> Finding:
        name, told = "Lead filter", self._survey.filter
        values = {"available": told if isinstance(told, bool) else None}
        if told is True:
            if self._goes_by_creation:
                message = "leads can be filtered by updatedAt, but the catalog has createdAt"
                return Finding(name, Verdict.NOTE, message, "Run discovery again", values)
            return Finding(name, Verdict.OK, "leads can be filtered by updatedAt", values=values)
        if told is False:
            changes = (
                "changed ones are found by their activities"
                if self._config.lead_changes
                else "changes to those read before are not seen, as lead_changes is false"
            )
            return Finding(
                name,
                Verdict.NOTE,
                "leads cannot be filtered by updatedAt (error 1035): new ones are exported by "
                f"createdAt, {changes}",
                FilterUnavailableError.remedy,
                values,
            )
        if told is None:
            why = "is denied" if self.wants_leads else "is selected"
            subject = READ_LEAD if self.wants_leads else "no stream of leads"
            return _unasked(name, f"{subject} {why}", values)
        if isinstance(told, QuotaError) or told is self._survey.stopped:
            return _unasked(name, f"not tried: {_said(told)[0]}", values)
        denied = isinstance(told, AccessDeniedError)
        return replace(_failed(name, self._lack if denied else Verdict.WRONG, told), values=values)

    @property
    def _goes_by_creation(self) -> bool:
        return any(
            goes_by_creation(entry)
            for wanted in self._wanted
            for entry in wanted.entries
            if entry.stream == LEADS_STREAM
        )

    # Permissions --------------------------------------------------------------------------------

    @property
    def _lack(self) -> Verdict:
        """What it means that wanted streams are refused: without a catalog they can be left out."""
        return Verdict.NOTE if self._entries is None else Verdict.WRONG

    def permission(self, permission: str) -> Finding:
        """Return the finding for a permission."""
        told = self._survey.permissions[permission]
        own = [w for w in self._wanted if w.kind.permission == permission]
        others = [w for w in self._wanted if permission in self._further_permissions(w.kind)]
        needing = [*own, *others]
        is_known = told is None or isinstance(told, AccessDeniedError)
        values = {
            "granted": told is None if is_known else None,
            "streams": [stream for wanted in needing for stream in wanted.streams],
            "grant_in": self._place(permission),
        }
        if told is None:
            use = f"for {_labels(needing)}" if needing else "no selected stream needs it"
            return Finding(permission, Verdict.OK, f"granted; {use}", values=values)
        said, remedy = _said(told)
        if isinstance(told, AccessDeniedError):
            code = f"error {told.code}" if told.code else told.reason
            said, remedy = f"denied ({code})", f"Grant it: {values['grant_in']}"
        if told is self._survey.stopped or not needing:
            use = f"; needed by {_labels(needing)}" if needing else "; no selected stream needs it"
            verdict = Verdict.OK if is_known else Verdict.UNKNOWN
            return Finding(permission, verdict, f"{said}{use}", values=values)
        if self._entries is not None:
            use = f"; needed by {_labels(needing)}"
        else:
            use = f"; discovery leaves out {_labels(own)}" if own else ""
            use += f"; a sync cannot read {_labels(others)}" if others else ""
        verdict = self._lack if isinstance(told, NOT_HERE) else Verdict.WRONG
        return Finding(permission, verdict, f"{said}{use}", remedy, values)

    def _further_permissions(self, kind: StreamDefinition) -> Sequence[str]:
        """Return what streams of a kind need here, beside the kind's own permission."""
        goes_by_creation = self._survey.filter is False or self._goes_by_creation
        if kind.name == LEADS_STREAM and goes_by_creation and self._config.lead_changes:
            return LeadChangesRead.further_permissions
        return kind.further_permissions

    def _place(self, permission: str) -> str:
        user = self._client.api_user or "the API user"
        name = _IN_ADMIN.get(permission, permission)
        return f"Admin > Users & Roles > Roles > the role of {user} > Access API > {name}"

    def _no_permission(self) -> Finding:
        is_needed = any(wanted.kind.permission for wanted in self._wanted)
        return Finding(
            "Role",
            Verdict.WRONG if is_needed else Verdict.NOTE,
            "Marketo grants none of the permissions",
            f"Give the API user's role the permissions below, or add this machine to {_ALLOW_LIST}",
        )


def _by_kind(entries: Sequence[CatalogEntry] | None) -> list[_Wanted]:
    if entries is None:
        return [_Wanted(kind) for kind in REGISTRY]
    own = [(kind, [e for e in entries if definition_of(e) is kind]) for kind in REGISTRY]
    return [_Wanted(kind, found) for kind, found in own if found]


def _labels(needing: Iterable[_Wanted]) -> str:
    return ", ".join(wanted.label for wanted in needing)


def _said(error: TapError) -> tuple[str, str]:
    """Return what an error says, and its remedy."""
    if isinstance(error, MarketoError):
        return error.brief, error.remedy
    return str(error), ""


def _failed(name: str, verdict: Verdict, error: TapError) -> Finding:
    return Finding(name, verdict, *_said(error))


def _unasked(name: str, why: str, values: Mapping[str, Any] | None = None) -> Finding:
    return Finding(name, Verdict.UNKNOWN, why, values=values or {})
