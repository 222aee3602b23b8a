"""The check of --test: whether a sync could run, and what is in its way if not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tap_marketo.clock import NOTABLE_SKEW
from tap_marketo.commands.account_probe import AccountProbe
from tap_marketo.commands.check_results import CheckPage, CheckResult, Verdict, brief_and_remedy
from tap_marketo.commands.check_streams import WantedStreams
from tap_marketo.errors import (
    NOT_HERE,
    AccessDeniedError,
    CallQuotaError,
    ExportQuotaError,
    FilterUnavailableError,
    MarketoError,
    QuotaError,
    StateError,
    TapError,
)
from tap_marketo.log import MEGABYTE, some_of
from tap_marketo.marketo.auth import IDENTITY_CALL
from tap_marketo.marketo.export_calls import QUEUE_SLOTS, ExportStatus
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.state import State
from tap_marketo.streams.account import Account
from tap_marketo.streams.expiry import activity_types, horizons
from tap_marketo.streams.permissions import READ_ACTIVITY, READ_LEAD
from tap_marketo.times import next_allowance_reset, to_marketo

OK, NOTE, UNKNOWN, SPENT, WRONG = Verdict


def check(
    account: Account,
    entries: Sequence[CatalogEntry] | None,
    state: State | StateError | None,
) -> CheckPage:
    """Find out whether a sync could run; nothing is exported, and no state is written.

    Args:
        entries: the selected streams of a catalog; None without a catalog, for all there are.
        state: of the last run, or why it cannot be used; None if none is given.
    """
    endpoint, client = account.config.endpoint, account.client
    probe = AccountProbe(account)
    wanted = WantedStreams(entries, probe)
    run = _Check(account, probe, wanted, state)
    if not probe.begin():
        return CheckPage(endpoint, list(run.of_beginning()), (), client.calls)
    probe.ask(of_filter=wanted.have_leads)
    permissions = list(map(wanted.permission, probe.permissions))
    return CheckPage(endpoint, list(run.of_account()), permissions, client.calls)


@dataclass(frozen=True)
class _Check:
    """The results about the account and what it allows."""

    account: Account
    probe: AccountProbe
    wanted: WantedStreams
    state: State | StateError | None

    def of_beginning(self) -> Iterator[CheckResult]:
        """Yield what is known where nothing could be asked."""
        error = self.probe.stopped
        if isinstance(error, MarketoError) and error.call == IDENTITY_CALL:
            yield CheckResult("Credentials", WRONG, *brief_and_remedy(error))
            yield self._clock_difference()
            yield CheckResult("All else", UNKNOWN, "without a token nothing can be asked")
        else:
            yield from self._access()
            yield self._calls_today(error)
            yield CheckResult("All else", UNKNOWN, "Marketo is not asked for more")

    def of_account(self) -> Iterator[CheckResult]:
        """Yield what was found about the account and what it allows."""
        yield from self._access()
        yield self._calls_today(self.probe.stopped)
        yield from _exports(self)
        yield _lead_filter(self)
        yield self.wanted.catalog()
        if self.state is not None:
            yield self.wanted.state(self.state)
        if self.account.config.start_date > self.account.clock.now():
            moment = to_marketo(self.account.config.start_date)
            yield CheckResult(
                "Start date",
                WRONG,
                f"{moment} lies in the future: a sync would read nothing",
                "Set start_date to the time from which on you want what has changed",
                {"start_date": moment},
            )
        yield from self._horizons()
        if not self.probe.stopped and not any(map(self.probe.has, self.probe.permissions)):
            yield CheckResult(
                "Role",
                WRONG if self.wanted.need_permissions else NOTE,
                "Marketo grants none of the permissions",
                # error-codes.md, 603.
                "Give the API user's role the permissions below, or add this machine to the IP "
                "allow-list of the API (Admin > Web Services > IP Restrictions)",
            )

    def _horizons(self) -> Iterator[CheckResult]:
        """Yield how far back Marketo goes, where start_date lies further back."""
        if not (self.wanted.entries and self.probe.has(READ_ACTIVITY)):
            return
        types = activity_types(self.wanted.entries, self.account)
        begin, now = self.account.config.start_date, self.account.clock.now()
        for text in horizons(types, begin, now):
            yield CheckResult("Start date", NOTE, text, values={"start_date": to_marketo(begin)})

    def reset(self) -> str:
        """Return the remedy for a spent allowance."""
        moment = to_marketo(next_allowance_reset(self.account.clock.now()))
        return f"Come again after {moment}, when Marketo's daily allowances reset"

    def _access(self) -> Iterator[CheckResult]:
        user = self.account.client.api_user
        yield CheckResult("Credentials", OK, "client_id and client_secret are accepted")
        unknown = "Marketo does not say whose credentials these are"
        values = {"user": user or None}
        yield CheckResult("API user", OK if user else UNKNOWN, user or unknown, values=values)
        yield self._clock_difference()

    def _clock_difference(self) -> CheckResult:
        ahead = self.account.clock.marketo_ahead
        if ahead is None:
            return CheckResult("Clock", UNKNOWN, "Marketo's answers do not tell the time")
        difference = timedelta(seconds=round(abs(ahead).total_seconds()))
        values = {"marketo_ahead_seconds": round(ahead.total_seconds())}
        if abs(ahead) <= NOTABLE_SKEW:
            message = f"{difference.seconds} s from Marketo's"
            return CheckResult("Clock", OK, message, values=values)
        side = "behind" if ahead > timedelta(0) else "ahead of"
        message = f"this machine's is {difference} {side} Marketo's; the earlier time is used"
        remedy = "Set this machine's clock: rows newer than the earlier time wait for a later run"
        return CheckResult("Clock", NOTE, message, remedy, values)

    def _calls_today(self, error: TapError | None) -> CheckResult:
        name, budget = "Calls today", self.account.client.budget
        if error and not isinstance(error, CallQuotaError):
            return CheckResult(name, WRONG, *brief_and_remedy(error))
        allowed = f"{budget.allowed:,}"
        message = f"{budget.used:,} of {allowed} (max_daily_calls), by the whole subscription"
        if isinstance(error, CallQuotaError) and not budget.is_spent:
            # Its own allowance is the smaller one, and its count may be unknown.
            spent = f"Marketo's own allowance is spent, before max_daily_calls ({allowed})"
            message = f"{spent}: {error.brief}"
        values = {"used": budget.used, "allowed": budget.allowed}
        if error or budget.is_spent:
            return CheckResult(name, SPENT, message, self.reset(), values)
        return CheckResult(name, OK, message, values=values)


def _exports(run: _Check) -> Iterator[CheckResult]:
    """Yield what is known of the export jobs, their bytes and their queue."""
    unseen = {n: error for n, error in run.probe.unseen.items() if not isinstance(error, NOT_HERE)}
    refused = {
        name: error
        for name, error in run.probe.unseen.items()
        # Not every type of custom objects can be exported (bulk-custom-object-extract.md).
        if name not in unseen and not name.startswith("customobjects/")
    }
    if refused:
        reason, _ = brief_and_remedy(next(iter(refused.values())))
        yield CheckResult(
            "Bulk extract",
            run.wanted.if_refused if run.wanted.are_exported else NOTE,
            f"Marketo refuses the exports of {', '.join(refused)}, as it does where a "
            f"subscription has no bulk extract: {reason}",
            "Ask Marketo Support for bulk extract, or deselect the streams that are exported",
            {"refused": list(refused)},
        )
    if run.probe.seen:
        but = ""
        if unseen:
            reason, _ = brief_and_remedy(next(iter(unseen.values())))
            but = f", without those of {some_of(list(unseen), most=1)} ({reason})"
        yield _export_bytes(run, but, list(unseen))
        yield _export_queue(run, but, list(unseen))
    elif not refused:
        yield CheckResult("Export bytes today", UNKNOWN, "no jobs could be looked at")
        yield CheckResult("Export queue", UNKNOWN, "no jobs could be looked at")


def _export_bytes(run: _Check, but: str, unseen: Sequence[str]) -> CheckResult:
    name, allowance, refusal = "Export bytes today", run.probe.allowance, run.probe.filter
    used = allowance.used(run.account.clock.now())
    values = {"used": used, "allowed": allowance.limit, "not_seen": unseen}
    megabytes = f"{used / MEGABYTE:,.1f} of {allowance.limit / MEGABYTE:,.1f} MB"
    message = f"{megabytes} (max_daily_export_mb), by this API user{but}"
    if isinstance(refusal, ExportQuotaError):
        message += f"; with those of others they are spent: {refusal.brief}"
    elif used < allowance.limit:
        return CheckResult(name, OK, message, values=values)
    verdict = SPENT if run.wanted.are_exported else NOTE
    return CheckResult(name, verdict, message, run.reset(), values)


def _export_queue(run: _Check, but: str, unseen: Sequence[str]) -> CheckResult:
    statuses = list(run.probe.jobs.values())
    counts = {
        "queued": statuses.count(ExportStatus.QUEUED),
        "processing": statuses.count(ExportStatus.PROCESSING),
    }
    taken = sum(counts.values())
    values = {"slots": QUEUE_SLOTS, "taken": taken, **counts, "not_seen": unseen}
    each = ", ".join(f"{number} {status}" for status, number in counts.items())
    message = f"{taken} of {QUEUE_SLOTS} slots taken by this API user"
    message += f" ({each})" if taken else ""
    message += f"{but}; jobs of others do not show"
    if taken < QUEUE_SLOTS:
        return CheckResult("Export queue", OK, message, values=values)
    seconds = f"{run.account.config.job_timeout:,.0f} s"
    remedy = f"A sync waits for a slot, for as long as job_timeout ({seconds}) says"
    return CheckResult("Export queue", NOTE, message, remedy, values)


def _lead_filter(run: _Check) -> CheckResult:
    found, wanted = run.probe.filter, run.wanted
    verdict, remedy = OK, ""
    if found is True:
        message = "leads can be filtered by updatedAt"
        if wanted.lead_by_creation:
            verdict, remedy = NOTE, "Run discovery again"
            message += ", but the catalog has createdAt"
    elif found is False:
        changes = (
            "changed ones are found by their activities"
            if run.account.config.lead_changes
            else "changes to those read before are not seen, as lead_changes is false"
        )
        message = "leads cannot be filtered by updatedAt (error 1035): new ones are exported by "
        message += f"createdAt, {changes}"
        verdict, remedy = NOTE, FilterUnavailableError.remedy
    elif found is None:
        denied = f"{READ_LEAD} is denied"
        verdict, message = (
            UNKNOWN,
            denied if wanted.have_leads else "no stream of leads is selected",
        )
    else:
        message, remedy = brief_and_remedy(found)
        verdict = wanted.if_refused if isinstance(found, AccessDeniedError) else WRONG
        if isinstance(found, QuotaError) or found is run.probe.stopped:
            verdict, message, remedy = UNKNOWN, f"not tried: {message}", ""
    values = {"available": found if isinstance(found, bool) else None}
    return CheckResult("Lead filter", verdict, message, remedy, values)
