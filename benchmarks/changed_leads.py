"""A day on which 20,000 of 50,000 leads change, with the updatedAt filter and without it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from benchmarks.costs import Cost, calls_by_kind, measure_sync, minutes
from benchmarks.environments import Tools
from benchmarks.report import Figure, Measure, at_most
from benchmarks.runs import MeasuredTap, MeasurementError, measured_tap
from benchmarks.settings import Settings
from tests.harness import Account, Target, account, select

STREAM = "leads"
SCALE = 30
START_DATE = "2025-06-15T12:00:00Z"
LEADS, CHANGED, NEW = 50_000, 20_000, 100
OPTIONS = ["--leads", str(LEADS), "--activities", "100000", "--late-share", "0"]
# leads.md: so many ids a call.
_IDS = 300
# Beside the calls that read leads by id: those for two jobs, and the few pages that are tried.
MOST_FURTHER = 40
MOST_JOBS = 2


@dataclass(frozen=True)
class _Syncs:
    first: Cost
    day: Cost


def measure(tools: Tools, settings: Settings) -> Figure:
    """Sync a year and the day after it, of a subscription with the filter and of one without."""
    scale = settings.scale or SCALE
    within, without = (_sync(tools, scale, options) for options in ([], ["--no-updated-at"]))
    figure = Figure(
        f"Leads without the updatedAt filter: {LEADS:,} leads, then a day on which {CHANGED:,} "
        f"change and {NEW} are new (clock {scale:g} x)"
    )
    by_id = without.day.kinds.get("leads_by_filter", 0)
    figure.measures = [
        *_costs("first sync, with the filter", within.first),
        *_costs("first sync, without", without.first),
        *_costs("daily sync, with the filter", within.day),
        minutes("daily sync, without", without.day.seconds),
        at_most("  export jobs", without.day.job_count, MOST_JOBS, digits=0),
        *_costs("", without.day)[2:],
        Measure("  calls that read leads by id", {"ours": by_id, "floor": -(-CHANGED // _IDS)}),
        at_most("  other calls", without.day.calls - by_id, MOST_FURTHER, digits=0),
    ]
    figure.notes = [
        f"Calls of the day, with the filter: {calls_by_kind(within.day.kinds)}.",
        f"Calls of the day, without: {calls_by_kind(without.day.kinds)}.",
    ]
    figure.raw = {"scale": scale, "with": asdict(within), "without": asdict(without)}
    return figure


def _costs(what: str, sync: Cost) -> list[Measure]:
    return [
        minutes(what, sync.seconds),
        Measure("  export jobs", {"ours": sync.job_count}),
        Measure("  API calls", {"ours": sync.calls}),
        Measure("  bytes exported", {"ours": sync.bytes / 1000}, "kB"),
        Measure("  bytes of all answers", {"ours": sync.served / 1000}, "kB"),
        Measure("  peak memory", {"ours": sync.peak_bytes / 1_000_000}, "MB", 1),
    ]


def _sync(tools: Tools, scale: float, options: list[str]) -> _Syncs:
    with (
        account("--scale", str(scale), *OPTIONS, *options) as marketo,
        measured_tap(tools.ours, marketo, scale) as tap,
    ):
        return _two_syncs(tap, marketo, "without" if options else "with")


def _two_syncs(tap: MeasuredTap, marketo: Account, how: str) -> _Syncs:
    config = tap.settings(START_DATE)
    catalog = select(tap.discover(config), [STREAM])
    target = Target()
    print(f"First sync {how} the filter ...", flush=True)
    first = measure_sync(tap, marketo, config, catalog, target)
    marketo.advance(days=1)
    measure_sync(tap, marketo, config, catalog, target)
    marketo.advance(hours=12)
    marketo.change(updated_leads=CHANGED, new_leads=NEW)
    marketo.advance(hours=12)
    print("  and of the day after ...", flush=True)
    day = measure_sync(tap, marketo, config, catalog, target)
    _check(marketo, target)
    return _Syncs(first, day)


def _check(marketo: Account, target: Target) -> None:
    """Stop if the target does not hold each lead as it is.

    Raises:
        MeasurementError: it does not.
    """
    truth = {row["id"]: row["email"] for row in marketo.truth(STREAM)}
    held = {key[0]: row["email"] for key, row in target.tables[STREAM].items()}
    if truth != held:
        raise MeasurementError(f"{len(truth.items() ^ held.items()):,} leads are not as they are")
