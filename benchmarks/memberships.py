"""List memberships: 400,000 in 500 lists read once, then a day with 3,000 joins and leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from benchmarks.costs import Cost, calls_by_kind, measure_sync
from benchmarks.environments import Tools
from benchmarks.report import Figure, Measure, at_most
from benchmarks.runs import MeasuredTap, MeasurementError, measured_tap
from benchmarks.settings import Settings
from tests.harness import Account, Target, account, select
from tests.sandbox.activity_types import ADD_TO_LIST, REMOVE_FROM_LIST

STREAM = "list_memberships"
SCALE = 600
START_DATE = "2025-06-15T12:00:00Z"
LISTS, FEW, MANY = 500, 40_000, 400_000
ADDED, REMOVED = 1_500, 1_500
# list-membership.md, activities.md: rows of a page.
_PAGE = 300
# Beside the pages: the count of calls once in 250, the types of activities, a token, the pages that
# days without activities take and the one that proves the end.
MOST_FURTHER = 12
FLAT = 1.1


@dataclass(frozen=True)
class _Syncs:
    """What two syncs cost, and the pages that they cannot do without."""

    memberships: int
    first: Cost
    first_pages: int
    day: Cost
    day_pages: int


def measure(tools: Tools, settings: Settings) -> Figure:
    """Sync an account with few and one with many memberships, and each a day later."""
    scale = settings.scale or SCALE
    few, many = (_sync(tools, scale, count) for count in (FEW, MANY))
    figure = Figure(
        f"List memberships: {many.memberships:,} in {LISTS} lists, then a day with {ADDED:,} who "
        f"join and {REMOVED:,} who leave (clock {scale:g} x)"
    )
    figure.measures = [
        *_calls("first sync", many.first, many.first_pages),
        *_calls("daily sync", many.day, many.day_pages),
        *_peak("first sync", few, many, few.first, many.first),
        *_peak("daily sync", few, many, few.day, many.day),
    ]
    figure.notes = [
        f"The floor of calls is the pages of {_PAGE} rows: of the lists, of the members of each "
        "list, and on the day of the activities of that day and the look-back before it.",
        f"Calls of the first sync: {calls_by_kind(many.first.kinds)}.",
        f"Calls of the day: {calls_by_kind(many.day.kinds)}.",
    ]
    figure.raw = {"scale": scale, "few": asdict(few), "many": asdict(many)}
    return figure


def _calls(what: str, sync: Cost, pages: int) -> list[Measure]:
    return [
        Measure(f"{what}: API calls", {"ours": sync.calls, "floor": pages}),
        at_most("  beside the pages", sync.calls - pages, MOST_FURTHER, digits=0),
        Measure("  bytes of all answers", {"ours": sync.served / 1000}, "kB"),
    ]


def _peak(what: str, few: _Syncs, many: _Syncs, small: Cost, large: Cost) -> list[Measure]:
    peaks = [sync.peak_bytes / 1_000_000 for sync in (small, large)]
    return [
        *(
            Measure(f"{what}: peak memory, {syncs.memberships:,}", {"ours": peak}, "MB", 1)
            for syncs, peak in zip((few, many), peaks, strict=True)
        ),
        at_most("  growth", peaks[1] / peaks[0], FLAT),
    ]


def _sync(tools: Tools, scale: float, count: int) -> _Syncs:
    options = ["--leads", "50000", "--activities", "100000", "--late-share", "0"]
    options += ["--lists", str(LISTS), "--list-memberships", str(count)]
    with (
        account("--scale", str(scale), *options) as marketo,
        measured_tap(tools.ours, marketo, scale) as tap,
    ):
        return _two_syncs(tap, marketo)


def _two_syncs(tap: MeasuredTap, marketo: Account) -> _Syncs:
    config = tap.settings(START_DATE)
    catalog = select(tap.discover(config), [STREAM])
    target = Target()
    sizes = Counter(row["listId"] for row in marketo.truth(STREAM))
    print(f"First sync of {sizes.total():,} memberships ...", flush=True)
    first = measure_sync(tap, marketo, config, catalog, target)
    _check(marketo, target)
    lists = _pages([LISTS])
    # An empty list has a page as well.
    first_pages = lists + _pages(sizes.values()) + LISTS - len(sizes)
    marketo.advance(days=1)
    measure_sync(tap, marketo, config, catalog, target)
    since = target.state["bookmarks"][STREAM]["settled"] if target.state else ""
    marketo.advance(hours=12)
    marketo.change(list_members_added=ADDED, list_members_removed=REMOVED)
    marketo.advance(hours=12)
    print("  and of the day after ...", flush=True)
    day = measure_sync(tap, marketo, config, catalog, target)
    _check(marketo, target)
    told = sum(
        row["activityTypeId"] in (ADD_TO_LIST, REMOVE_FROM_LIST) and row["activityDate"] >= since
        for row in marketo.truth("activities")
    )
    return _Syncs(sizes.total(), first, first_pages, day, lists + _pages([told]))


def _pages(sizes: Iterable[int]) -> int:
    return sum(-(-size // _PAGE) for size in sizes)


def _check(marketo: Account, target: Target) -> None:
    """Stop if the target does not hold the members of all lists.

    Raises:
        MeasurementError: it does not.
    """
    truth = {(row["listId"], row["leadId"]) for row in marketo.truth(STREAM)}
    held = {key for key, row in target.tables[STREAM].items() if row["isMember"]}
    if truth != held:
        raise MeasurementError(f"{len(truth ^ held):,} memberships are not as they are in Marketo")
