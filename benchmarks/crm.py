"""Companies and opportunities: a first sync and a day's, by each way to opportunities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from benchmarks.costs import Cost, calls_by_kind, measure_sync
from benchmarks.environments import Tools
from benchmarks.report import Figure, Measure, at_most
from benchmarks.runs import MeasuredTap, MeasurementError, measured_tap
from benchmarks.settings import Settings
from tests.end_to_end import expected_crm
from tests.end_to_end.expected_crm import CRM
from tests.harness import Account, Target, account, select

SCALE = 600
START_DATE = "2025-06-15T12:00:00Z"
# A fifth of 50,000 leads with 20,000 companies and 20,000 opportunities.
LEADS, COMPANIES, OPPORTUNITIES, ROLES, OWNERS = 10_000, 4_000, 4_000, 6_000, 60
CHANGED, NEW_ROLES = 100, 10
OPTIONS = [
    *("--leads", str(LEADS), "--activities", "1000", "--late-share", "0", "--crm-objects"),
    *("--companies", str(COMPANIES), "--opportunities", str(OPPORTUNITIES)),
    *("--opportunity-roles", str(ROLES), "--sales-persons", str(OWNERS)),
    *("--export-minutes", "1"),
]
COMPANY, OWNER = "externalCompanyId", "externalSalesPersonId"
# By the filters that Marketo describes beside the opportunities' own keys, and by the setting.
CASES = {
    "by role": ("", "linked"),
    "by owner": (OWNER, "linked"),
    "by company": (COMPANY, "linked"),
    "by company and owner": (f"{COMPANY},{OWNER}", "linked"),
    "by company and owner, all companies": (f"{COMPANY},{OWNER}", "all"),
}
# lead-database.md: so many values a call, and rows of a page.
_KEYS = 300
# Values may lead to rows that came already or to none, and each window's last call is not full.
MOST_OF_PAGES = 2.5


@dataclass(frozen=True)
class _Sync:
    """What a sync cost, and the rows that it emitted, by stream."""

    cost: Cost
    rows: Mapping[str, int]

    @property
    def by_keys(self) -> int:
        """Calls that read rows by keys."""
        return sum(self.cost.kinds.get(name, 0) for name in CRM)


def measure(tools: Tools, settings: Settings) -> Figure:
    """Sync an account and a day after it, by each way to opportunities."""
    scale = settings.scale or SCALE
    syncs = {what: _syncs(tools, scale, what) for what in CASES}
    figure = Figure(
        f"Objects by keys: {LEADS:,} leads, {COMPANIES:,} companies, {OPPORTUNITIES:,} "
        f"opportunities with {ROLES:,} roles, then a day on which {CHANGED:,} leads change "
        f"(clock {scale:g} x)"
    )
    for what, (first, day) in syncs.items():
        figure.measures += [
            *_costs(f"opportunities {what}, first sync", first),
            *_costs(f"opportunities {what}, daily sync", day),
        ]
    figure.notes = [
        "Beside the calls by keys stand those of the exports of references: three a job, and the "
        "looks at them. A first sync makes a job for each month since 2006, most of them empty.",
        "The account is a fifth of one of 50,000 leads with 20,000 companies and 20,000 "
        "opportunities, which has as many jobs, and up to five times as many calls by keys.",
        f"By role, every lead is a key that is asked for, a call for {_KEYS}, though most have no "
        "role: hence the calls beside the pages of the first sync.",
        *(f"Rows {what}: {_told(first.rows)}; on the day {_told(day.rows)}."
          for what, (first, day) in syncs.items()),
        *(f"Calls of the day {what}: {calls_by_kind(day.cost.kinds)}."
          for what, (_, day) in syncs.items()),
    ]  # fmt: skip
    figure.raw = {"scale": scale} | {
        what: [asdict(each) for each in both] for what, both in syncs.items()
    }
    return figure


def _costs(what: str, sync: _Sync) -> list[Measure]:
    pages = sum(-(-count // _KEYS) for count in sync.rows.values())
    return [
        Measure(f"{what}: export jobs", {"ours": sync.cost.job_count}),
        Measure("  API calls", {"ours": sync.cost.calls}),
        Measure("    of them by keys", {"ours": sync.by_keys, "floor": pages}),
        at_most("      of the pages of what came", sync.by_keys / pages, MOST_OF_PAGES),
        Measure("  rows", {"ours": sum(sync.rows.values())}),
        Measure("  bytes of all answers", {"ours": sync.cost.served / 1000}, "kB"),
        Measure("  peak memory", {"ours": sync.cost.peak_bytes / 1_000_000}, "MB", 1),
    ]


def _told(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in rows.items())


def _syncs(tools: Tools, scale: float, what: str) -> tuple[_Sync, _Sync]:
    filters, companies = CASES[what]
    with (
        account("--scale", str(scale), *OPTIONS, "--opportunity-filters", filters) as marketo,
        measured_tap(tools.ours, marketo, scale) as tap,
    ):
        return _two_syncs(tap, marketo, what, filters, companies)


def _two_syncs(
    tap: MeasuredTap, marketo: Account, what: str, filters: str, companies: str
) -> tuple[_Sync, _Sync]:
    config = tap.settings(START_DATE, companies=companies)
    catalog = select(tap.discover(config), CRM)
    print(f"First sync, opportunities {what} ...", flush=True)
    first = Target()
    cost = measure_sync(tap, marketo, config, catalog, first)
    true = expected_crm.tables(
        marketo, catalog, filters=[name for name in filters.split(",") if name], companies=companies
    )
    for name in CRM:
        held = {key[0] for key in first.tables[name]}
        if held != true[name].keys():
            raise MeasurementError(f"{len(held ^ true[name].keys()):,} rows of {name} differ")
    marketo.advance(days=1)
    measure_sync(tap, marketo, config, catalog, first)
    marketo.advance(hours=12)
    marketo.change(updated_leads=CHANGED, new_opportunity_roles=NEW_ROLES)
    marketo.advance(hours=12)
    print("  and of the day after ...", flush=True)
    day = Target(state=first.state)
    return _Sync(cost, _rows(true)), _Sync(
        measure_sync(tap, marketo, config, catalog, day), _rows(day.tables)
    )


def _rows(tables: Mapping[str, Mapping[object, object]]) -> dict[str, int]:
    return {name: len(tables.get(name, ())) for name in CRM}
