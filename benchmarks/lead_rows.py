"""Rows per CPU second: a file of 200,000 leads with 50 columns."""

from __future__ import annotations

from dataclasses import asdict

from benchmarks.environments import Tool, Tools
from benchmarks.report import Figure, Measure, at_least
from benchmarks.runs import MeasurementError, Usage, measured_tap, select_exports
from benchmarks.settings import Settings
from tests.harness import account

LEADS = 200_000
SCALE = 60
START_DATE = "2026-05-24T12:00:00Z"
# All leads lie within one window of 30 days.
OPTIONS = ["--history-days", "20", "--activities", "0", "--deleted-leads", "0"]
OPTIONS += ["--campaigns", "1", "--lists", "1", "--programs", "1", "--daily-export-mb", "100000"]
# Both look at their jobs as often here, so that neither is charged for waiting.
POLL_SECONDS = 5
# The machine may be busy: of so many runs of each, the one with the least CPU time counts.
RUNS = 3

# The 45 standard fields of the sandbox and five custom ones: 7 integers, 3 numbers, 4 booleans,
# 5 dates and times, an array and 30 texts.
_COLUMN_NAMES = """
id createdAt updatedAt email firstName middleName lastName salutation company title phone
mobilePhone fax website address city state country postalCode dateOfBirth industry
numberOfEmployees annualRevenue leadScore priority relativeScore rating leadStatus leadSource
leadRole leadPartitionId unsubscribed unsubscribedReason emailInvalid doNotCall inferredCompany
inferredCountry originalSourceType originalReferrer anonymousIP mktoIsPartner cookies
contactCompany leadPerson ecids
behaviourScore latitude lifetimeValue lastContactAt renewalDate
"""
COLUMNS = _COLUMN_NAMES.split()


def measure(tools: Tools, settings: Settings) -> Figure:
    """Sync the file with each tap, and an empty one to know what starting up takes."""
    assert len(COLUMNS) == 50
    runs = settings.runs or RUNS
    empty = {tool.name: _best(tool, 0, runs) for tool in tools.both}
    full = {tool.name: _best(tool, LEADS, runs) for tool in tools.both}
    bare = [LEADS / full[tool.name].cpu for tool in tools.both]
    net = [LEADS / (full[tool.name].cpu - empty[tool.name].cpu) for tool in tools.both]
    figure = Figure(f"A leads file of {LEADS:,} rows and {len(COLUMNS)} columns")
    figure.measures = [
        at_least("rows per CPU second", net[0], net[1], 4, more=True),
        Measure("  with start-up counted", bare[0], bare[1], ratio=bare[0] / bare[1], digits=0),
        Measure(
            "CPU time of the run",
            full["ours"].cpu,
            full["incumbent"].cpu,
            "s",
            full["incumbent"].cpu / full["ours"].cpu,
            digits=1,
        ),
        Measure(
            "  of a run that finds nothing",
            empty["ours"].cpu,
            empty["incumbent"].cpu,
            "s",
            digits=2,
        ),
    ]
    figure.raw = {name: {"full": asdict(full[name]), "empty": asdict(empty[name])} for name in full}
    return figure


def _best(tool: Tool, leads: int, times: int) -> Usage:
    runs = []
    with (
        account("--scale", str(SCALE), "--leads", str(leads), *OPTIONS) as marketo,
        measured_tap(tool, marketo, SCALE) as tap,
    ):
        config = {**tap.settings(START_DATE), "poll_interval": POLL_SECONDS}
        catalog = select_exports(tap.discover(config), marketo, COLUMNS, activities=False)
        for number in range(times):
            print(f"{leads:,} leads with {tool.name}, run {number + 1} ...", flush=True)
            marketo.control("POST", "reset_counters")
            usage = tap.measure(config, catalog)
            jobs = marketo.counters()["jobs"]
            exported = sum(job["rows"] for job in jobs)
            if exported != leads or usage.lines < leads:
                raise MeasurementError(
                    f"{tool.name}: {exported:,} rows exported and {usage.lines:,} messages "
                    f"written for {leads:,} leads"
                )
            runs.append(usage)
    return min(runs, key=lambda usage: usage.cpu)
