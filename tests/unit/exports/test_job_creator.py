"""Which job comes next: all families by turns, or in date order where the day is too small."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.exports.export_run import ExportRun
from tap_marketo.exports.family import BulkFamily, ExportPlan, RecordBlock, SyncContext
from tap_marketo.exports.job_creator import JobChooser
from tap_marketo.exports.job_queue import Job
from tap_marketo.exports.windows import Plan
from tap_marketo.failures import Failures
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.export_calls import ExportStatus
from tap_marketo.protocol.state import State
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.times import Window

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)
MB = 1_000_000
CONFIG = {
    "endpoint": "https://123-ABC-456.mktorest.com/rest",
    "client_id": "id",
    "client_secret": "secret",
    "start_date": "2026-01-01T00:00:00Z",
}


class Family(BulkFamily):
    """Rows of which only the size matters."""

    keys = ("id",)
    replication_key = "updatedAt"

    def __init__(self, name: str) -> None:
        super().__init__([])
        self.name = self.bulk_object = name

    def fields(self) -> list[str]:
        return []

    def filter(self, plan: ExportPlan) -> dict[str, Any]:
        return {}

    def records(
        self, file: CsvFile, plan: ExportPlan, time_extracted: str
    ) -> Iterator[RecordBlock]:
        return iter(())


def days(first: int, last: int) -> Plan[Any]:
    """A stretch of time, in days before now."""
    return Plan(Window(NOW - first * DAY, NOW - last * DAY), ("stream",))


@pytest.mark.parametrize(("limit", "following"), [(121, "others"), (119, "leads")])
def test_what_is_under_way_takes_its_part_of_the_day(limit: int, following: str) -> None:
    leads, others = Family("leads"), Family("others")
    clock = Clock(wall=NOW.timestamp)
    config = Config.from_mapping({**CONFIG, "max_daily_export_mb": limit})
    state = State({"export_bytes_per_day": {"leads": MB, "others": MB}})
    run = ExportRun(
        MarketoClient(config, clock),
        clock,
        SyncContext(config, state, NOW, list),
        Failures(lambda: 0, {}, tolerates_refusals=False),
        lambda position: None,
    )
    # 30 MB are under way, 60 and 30 are left to do.
    under_way = Job(leads, days(90, 60), "1", ExportStatus.PROCESSING)
    run.add(leads).jobs.extend([under_way, Job(leads, days(60, 0))])
    run.add(others).jobs.append(Job(others, days(30, 0)))
    chosen = JobChooser(run, clock).next_job()
    assert chosen
    assert chosen.family.name == following
