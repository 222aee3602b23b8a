"""Program members of 2,000 programs: the first sync, and a day on which 15 programs changed."""

from __future__ import annotations

from dataclasses import asdict

from benchmarks.costs import Cost, calls_by_kind, measure_sync, minutes
from benchmarks.environments import Tools
from benchmarks.report import Figure, Measure, at_most
from benchmarks.runs import MeasurementError, measured_tap
from benchmarks.settings import Settings
from tests.harness import Account, Target, account, select

STREAM = "program_members"
SCALE = 120
PROGRAMS, MEMBERS, CHANGED = 2_000, 64_000, 15
START_DATE = "2025-06-15T12:00:00Z"
OPTIONS = ["--leads", "25000", "--activities", "60000", "--late-share", "0"]
OPTIONS += ["--programs", str(PROGRAMS), "--program-members", str(MEMBERS)]
# Two jobs of ten programs, and the day in which 300 members changed and 45 joined.
MOST_JOBS, MOST_CALLS = 2, 48
MOST_OF_WORKERS_TIME = 1.15
_CHANGES, _NEW = 300, 45
LEFT = "Not in Program"


def measure(tools: Tools, settings: Settings) -> Figure:
    """Sync all members, then those of a day."""
    scale = settings.scale or SCALE
    with (
        account("--scale", str(scale), *OPTIONS) as marketo,
        measured_tap(tools.ours, marketo, scale) as tap,
    ):
        config = tap.settings(START_DATE)
        catalog = select(tap.discover(config), [STREAM])
        target = Target()
        members = marketo.truth(STREAM)
        print(f"First sync of {len(members):,} members ...", flush=True)
        first = measure_sync(tap, marketo, config, catalog, target)
        _check(marketo, target)
        # What lies before the first sync is read again a day after it; then a usual day begins.
        marketo.advance(days=1)
        measure_sync(tap, marketo, config, catalog, target)
        marketo.advance(hours=12)
        filled = sorted({row["programId"] for row in members})
        changed = filled[:: len(filled) // CHANGED][:CHANGED]
        marketo.change(program_members_changed=_CHANGES, new_program_members=_NEW, programs=changed)
        marketo.advance(hours=12)
        print(f"  and of a day on which {CHANGED} programs changed ...", flush=True)
        day = measure_sync(tap, marketo, config, catalog, target)
        _check(marketo, target)
    return _figure(scale, len(members), len(filled), first, day)


def _figure(scale: float, members: int, filled: int, first: Cost, day: Cost) -> Figure:
    figure = Figure(
        f"Program members: {members:,} in {filled:,} of {PROGRAMS:,} programs, then a day on which "
        f"{CHANGED} programs changed (clock {scale:g} x)"
    )
    figure.measures = [
        minutes("first sync", first.seconds),
        minutes("  its jobs on Marketo's two workers", first.workers),
        at_most("  of the workers' time", first.seconds / first.workers, MOST_OF_WORKERS_TIME),
        *_costs(first),
        minutes("daily sync", day.seconds),
        at_most("  export jobs", day.job_count, MOST_JOBS, digits=0),
        at_most("  API calls", day.calls, MOST_CALLS, digits=0),
        *_costs(day)[2:],
    ]
    figure.notes = [
        f"Calls of the first sync: {calls_by_kind(first.kinds)}.",
        f"Calls of the day: {calls_by_kind(day.kinds)}.",
    ]
    figure.raw = {"scale": scale, "first": asdict(first), "day": asdict(day)}
    return figure


def _costs(sync: Cost) -> list[Measure]:
    return [
        Measure("  export jobs", {"ours": sync.job_count}),
        Measure("  API calls", {"ours": sync.calls}),
        Measure("  bytes exported", {"ours": sync.bytes / 1000}, "kB"),
        Measure("  bytes of all answers", {"ours": sync.served / 1000}, "kB"),
        Measure("  peak memory", {"ours": sync.peak_bytes / 1_000_000}, "MB", 1),
    ]


def _check(marketo: Account, target: Target) -> None:
    """Stop if the target does not hold each member as it is, and of others that they have left.

    Raises:
        MeasurementError: it does not.
    """
    truth = {(row["programId"], row["leadId"]): row["statusName"] for row in marketo.truth(STREAM)}
    held = {key: row["statusName"] for key, row in target.tables[STREAM].items()}
    wrong = len(truth.items() - held.items())
    wrong += sum(held[key] != LEFT for key in held.keys() - truth.keys())
    if wrong:
        raise MeasurementError(f"{wrong:,} members are not as they are in Marketo")
