"""Which export jobs are made, how they share Marketo's queue, the day's bytes and the filter.

What a test asserts about jobs is what the sandbox was asked for and did, not what the tap says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import (
    MAILS,
    OPENS,
    SMALL,
    START,
    TYPE_OF,
    VISITS,
    assert_activities,
    assert_all_fired,
    assert_assets,
    assert_leads,
    background,
    discovered,
    jobs,
    log_of,
    release,
    span,
    stopped,
)
from tests.harness import POLL_INTERVAL, Account, Tap, Target, account, select

# Cuts the time since START into three windows.
THREE_WINDOWS = {"max_export_days": 10}


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered()


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL, "--export-minutes", "1-2") as running:
        yield running


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{"start_date": START, **settings})


# How many, for what, and when ------------------------------------------------------------------


def test_one_job_carries_all_activity_types_and_every_row_finds_its_stream(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    names = [stream["tap_stream_id"] for stream in catalog["streams"]]
    wanted = ["leads", *(name for name in names if name.startswith("activities_"))]
    tap.sync(config_of(marketo), select(catalog, wanted), target)
    (_,), (activities,) = jobs(marketo, "leads"), jobs(marketo, "activities")
    types = [t["id"] for t in marketo.truth("activity_types") if t["id"] != 37]
    assert activities["filter"]["activityTypeIds"] == sorted(types)
    truth = expected.activities(marketo, catalog, START)
    assert len(truth) > 20
    assert_activities(marketo, catalog, target, list(truth))
    assert_leads(marketo, target)


def test_the_queue_is_filled_ahead_with_leads_and_activities_side_by_side(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.control("POST", "next_jobs", [{"stick": "Processing"}] * 4)
    config = config_of(marketo, max_export_days=5)
    target = Target()

    def enqueued(count: int) -> bool:
        return [job["enqueues"] for job in jobs(marketo)] == [1] * count

    with background(tap, config, select(catalog, ["leads", VISITS])) as run:
        run.until(lambda: enqueued(4))
        assert sorted(job["object"] for job in jobs(marketo)) == ["activities"] * 2 + ["leads"] * 2
        # It looks at them again and again, and makes no fifth.
        seen = marketo.counters()["polls"]
        run.until(lambda: marketo.counters()["polls"] > seen + 6)
        assert sorted(job["status"] for job in jobs(marketo)) == ["Processing"] * 2 + ["Queued"] * 2
        # One ends: its place is taken again while the others still hold theirs.
        first = next(job for job in jobs(marketo) if job["status"] == "Processing")
        marketo.control("POST", f"jobs/{first['exportId']}", {"stick": None})
        run.until(lambda: enqueued(5))
        assert sorted(job["status"] for job in jobs(marketo)[:4]) == [
            "Completed", "Processing", "Processing", "Queued",
        ]  # fmt: skip
        release(marketo)
        done = run.finish()
    assert done.code == 0, done.stderr
    target.take(done.lines)
    assert marketo.counters()["max_queue_places"] == 4
    assert len(jobs(marketo)) == 12
    assert_leads(marketo, target)
    assert_activities(marketo, catalog, target, [VISITS])


@pytest.mark.parametrize("places", [1, 3])
def test_no_more_places_of_the_queue_are_held_than_allowed_and_few_calls_ask_for_status(
    catalog: dict[str, Any], tap: Tap, places: int
) -> None:
    scale = 1200
    # Marketo's clock runs, as the subject is how often it is asked.
    with account(*SMALL, "--export-minutes", "1-2", "--scale", str(scale)) as marketo:
        config = config_of(marketo, max_queued_exports=str(places), **THREE_WINDOWS)
        config["poll_interval"] = 60 / scale
        target = Target()
        tap.sync(config, select(catalog, ["leads", VISITS]), target)
        counters = marketo.counters()
        assert len(counters["jobs"]) == 6
        assert counters["max_queue_places"] <= places
        # One list call tells of all jobs of an object, once a minute; none is asked for by itself.
        assert counters["calls"]["status"] == {"leads": 0, "activities": 0}
        for what in ("leads", "activities"):
            asked = [entry["at"] for entry in log_of(marketo, "list", what)]
            assert asked
            assert all(later - earlier >= 59.9 for earlier, later in pairwise(asked))
        assert_leads(marketo, target)
        assert_activities(marketo, catalog, target, [VISITS])


def test_windows_are_whole_seconds_utc_without_gap_never_too_long_and_never_in_the_future(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config = config_of(marketo, start_date="2026-05-20T02:00:00.75+02:00", max_export_days="7")
    tap.sync(config, select(catalog, ["leads", VISITS]), Target())
    for what in ("leads", "activities"):
        made = jobs(marketo, what)
        spans = [span(job) for job in made]
        for text in sum(spans, ()):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)
        assert spans[0][0] == START
        assert [start for start, _ in spans[1:]] == [end for _, end in spans[:-1]]
        for start, end in spans:
            days = datetime.fromisoformat(end[:-1]) - datetime.fromisoformat(start[:-1])
            assert timedelta(0) < days <= timedelta(days=7)
        assert spans[-1][1] <= made[0]["createdAt"]
        assert len(spans) == 4


@pytest.mark.parametrize("option", ["--date-offset=86400", "--no-date"])
def test_windows_end_in_nobodys_future_when_a_clock_is_wrong(
    catalog: dict[str, Any], tap: Tap, option: str
) -> None:
    # This machine's clock and, with --date-offset, Marketo's Date header.
    here = datetime.now().astimezone()
    with account(*SMALL, option, "--now", here.isoformat(timespec="seconds")) as marketo:
        start = (here - timedelta(days=5)).isoformat()
        tap.sync(config_of(marketo, start_date=start), select(catalog, ["leads"]), Target())
        (job,) = jobs(marketo)
        assert span(job)[1] <= job["createdAt"]


def test_an_empty_window_moves_the_bookmark(tap: Tap, catalog: dict[str, Any]) -> None:
    with account("--leads", "0", "--activities", "0") as marketo:
        target = Target()
        chosen = select(catalog, ["leads", VISITS])
        tap.sync(config_of(marketo), chosen, target)
        assert [job["rows"] for job in jobs(marketo)] == [0, 0]
        ends = {job["object"]: span(job)[1] for job in jobs(marketo)}
        assert target.state
        marks = target.state["bookmarks"]
        assert expected.as_time(marks["leads"]["updatedAt"]) == expected.as_time(
            ends["leads"].replace("Z", "+00:00")
        )
        assert expected.as_time(marks[VISITS]["activityDate"]) == expected.as_time(
            ends["activities"].replace("Z", "+00:00")
        )
        # The next run begins the look-back before it, not at start_date.
        marketo.control("POST", "reset_counters")
        tap.sync(config_of(marketo), chosen, target)
        assert all(span(job)[0] > "2026-06-14" for job in jobs(marketo))
        assert not target.rows("leads")


def test_a_newly_selected_type_catches_up_by_itself_and_then_travels_with_the_rest(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config = config_of(marketo)
    target = Target()
    tap.sync(config, select(catalog, [VISITS, MAILS]), target)
    (first,) = jobs(marketo)
    marketo.control("POST", "reset_counters")
    tap.sync(config, select(catalog, [VISITS, MAILS, OPENS]), target)
    alone, together = jobs(marketo)
    assert alone["filter"]["activityTypeIds"] == [TYPE_OF[OPENS]]
    assert together["filter"]["activityTypeIds"] == [1, 6, 10]
    assert span(alone)[0] == START
    # It catches up to where the others begin, a little before their bookmark.
    met = datetime.fromisoformat(span(first)[1][:-1]) - timedelta(minutes=15)
    assert span(alone)[1] == span(together)[0] == met.isoformat() + "Z"
    assert_activities(marketo, catalog, target, [VISITS, MAILS, OPENS])


@pytest.mark.parametrize(
    ("bookmark", "filters"),
    [
        ("2026-06-10T09:00:00+00:00", [("2026-06-08T10:00:00Z", [1, 6])]),
        # The same moment, written with another offset.
        ("2026-06-10T14:00:00+05:00", [("2026-06-08T10:00:00Z", [1, 6])]),
        (
            "2026-06-10T11:00:00+00:00",
            [("2026-06-08T10:00:00Z", [1]), ("2026-06-09T11:00:00Z", [1, 6])],
        ),
    ],
)
def test_types_that_stand_within_a_day_share_one_job(
    marketo: Account,
    catalog: dict[str, Any],
    tap: Tap,
    bookmark: str,
    filters: list[tuple[str, list[int]]],
) -> None:
    state = {
        "bookmarks": {
            VISITS: {"activityDate": "2026-06-09T10:00:00+00:00"},
            MAILS: {"activityDate": bookmark},
        }
    }
    target = Target(state=state)
    tap.sync(config_of(marketo), select(catalog, [VISITS, MAILS]), target)
    made = [(span(job)[0], job["filter"]["activityTypeIds"]) for job in jobs(marketo)]
    assert made == filters


# Others use the queue --------------------------------------------------------------------------


def test_a_queue_full_of_other_peoples_jobs_is_waited_for(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.control("POST", "queue", {"foreign_jobs": 10, "minutes": 10_000})
    target = Target()
    with background(tap, config_of(marketo), select(catalog, ["leads", VISITS])) as run:
        run.until(lambda: marketo.counters()["errors"].get("1029", 0) >= 5)
        # A run killed now would leave the next one all the jobs that could be made.
        own = [job for job in jobs(marketo) if job["owner"] == "user"]
        assert run.exports_in_state() == len(own) <= 2
        for job in jobs(marketo):
            if job["owner"] != "user":
                marketo.control("POST", f"jobs/{job['exportId']}", {"status": "Completed"})
        run.until(lambda: {job["status"] for job in jobs(marketo)[:10]} == {"Completed"})
        done = run.finish()
    assert done.code == 0, done.stderr
    target.take(done.lines)
    assert "queue is full" in done.stderr
    # No job was made a second time for it.
    own = [job for job in jobs(marketo) if job["owner"] == "user"]
    assert sorted(job["object"] for job in own) == ["activities", "leads"]
    assert_leads(marketo, target)
    assert_activities(marketo, catalog, target, [VISITS])


def test_a_queue_that_stays_full_is_tried_ever_less_often_and_given_up_after_job_timeout(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.control("POST", "queue", {"foreign_jobs": 10, "minutes": 10_000})
    minute = POLL_INTERVAL
    chosen = select(catalog, ["leads", VISITS, "lists"])
    done = tap.run(config_of(marketo, job_timeout=60 * minute), chosen)
    assert "1029" in stopped(done)
    # Of this machine's seconds, as the run plans its waits: 1, 2, 4, 5, 5 ... minutes, and what is
    # left of the hour.
    waits = [float(each) for each in re.findall(r"queue is full .*? in ([\d.]+) s", done.stderr)]
    tries = len(log_of(marketo, "enqueue"))
    assert tries == len(waits) + 1
    assert waits[:3] == pytest.approx([minute, 2 * minute, 4 * minute])
    assert max(waits) == pytest.approx(5 * minute)
    assert sum(waits) <= 60 * minute
    assert tries <= 2 + 3 + 11
    # All that needs no export has been read.
    target = Target()
    target.take(done.lines)
    assert_assets(marketo, target, "lists")


def test_an_enqueue_that_was_carried_out_though_its_answer_was_lost_is_no_failure(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("enqueue", "reset", executed=True)
    target = Target()
    tap.sync(config_of(marketo), select(catalog, ["leads"]), target)
    assert_all_fired(marketo)
    assert [(job["status"], job["enqueues"]) for job in jobs(marketo)] == [("Completed", 2)]
    assert_leads(marketo, target)


def test_a_create_that_answers_without_an_id_is_asked_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("create", "no_export_id")
    target = Target()
    tap.sync(config_of(marketo), select(catalog, ["leads"]), target)
    assert_all_fired(marketo)
    assert [job["status"] for job in jobs(marketo)] == ["Created", "Completed"]
    assert_leads(marketo, target)


def test_a_create_that_never_gives_an_id_stops_the_run(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("create", "no_export_id", times=None)
    done = tap.run(config_of(marketo), select(catalog, ["leads"]))
    assert "exportId" in stopped(done)
    assert marketo.counters()["calls"]["create"]["leads"] <= 5


# Quota and filter ------------------------------------------------------------------------------


@pytest.mark.sampled(2)
@pytest.mark.parametrize("left", [0, 1])
def test_when_the_days_export_bytes_are_spent_the_rest_is_synced_and_the_next_day_completes(
    marketo: Account, catalog: dict[str, Any], tap: Tap, left: int
) -> None:
    # With a byte left, the first job completes and all after it are refused.
    marketo.control("POST", "usage", {"foreign_bytes": 500_000_000 - left})
    config = config_of(marketo, max_queued_exports=1, **THREE_WINDOWS)
    chosen = select(catalog, ["leads", VISITS, "lists", "programs"])
    target = Target()
    done = tap.run(config, chosen)
    message = stopped(done, code=3)
    for part in ("1029", "quota", "midnight US Central"):
        assert part in message
    target.take(done.lines)
    assert done.messages[-1]["type"] == "STATE"
    assert_assets(marketo, target, "lists")
    assert_assets(marketo, target, "programs")
    assert target.state
    assert set(target.state["bookmarks"]) == {"lists", "programs"} | ({"leads"} if left else set())
    completed = [job for job in jobs(marketo) if job["status"] == "Completed"]
    assert len(completed) == left
    # A refused call is not repeated until the day is over.
    assert marketo.counters()["errors"]["1029"] <= 2

    marketo.advance(hours=24)
    tap.sync(config, chosen, target)
    assert_leads(marketo, target)
    assert_activities(marketo, catalog, target, [VISITS])


@pytest.fixture
def old_marketo() -> Iterator[Account]:
    """A subscription without the updatedAt filter."""
    with account(*SMALL, "--no-updated-at") as running:
        yield running


def created_since(marketo: Account, since: str) -> set[int]:
    return {lead["id"] for lead in marketo.truth("leads") if lead["createdAt"] >= since}


def test_without_the_updated_at_filter_leads_go_by_created_at_and_that_is_said(
    old_marketo: Account, tap: Tap
) -> None:
    found = tap.run(config_of(old_marketo), None, None, "--discover")
    assert "cannot filter lead exports by updatedAt" in found.stderr
    catalog = tap.discover(config_of(old_marketo))
    own = expected.metadata(catalog["streams"][0])[()]
    assert own["valid-replication-keys"] == ["createdAt"]

    old_marketo.control("POST", "reset_counters")
    target = Target()
    config = config_of(old_marketo, lead_changes=False)
    done = tap.sync(config, select(catalog, ["leads"]), target)
    assert "1035" not in old_marketo.counters()["errors"]
    assert len(re.findall("WARNING .*cannot filter", done.stderr)) == 1
    (job,) = jobs(old_marketo)
    assert list(job["filter"]) == ["createdAt"]
    assert set(expected.table(target, "leads")) == created_since(old_marketo, START)
    assert target.schemas["leads"]["bookmark_properties"] == ["createdAt"]
    assert target.state
    assert set(target.state["bookmarks"]["leads"]) == {"createdAt", "settled"}
    old_marketo.control("POST", "reset_counters")
    tap.sync(config, select(catalog, ["leads"]), target)
    (job,) = jobs(old_marketo)
    assert span(job)[0] > "2026-06-14"


@pytest.mark.parametrize(
    ("bookmarks", "start"),
    [
        ({"createdAt": "2026-06-10T00:00:00+00:00"}, "2026-06-09T00:00:00Z"),
        ({"updatedAt": "2026-06-08T00:00:00+00:00"}, "2026-06-07T00:00:00Z"),
        (
            {"createdAt": "2026-06-10T00:00:00+00:00", "updatedAt": "2026-06-01T00:00:00+00:00"},
            "2026-06-09T00:00:00Z",
        ),
    ],
)
def test_a_subscription_that_lost_the_filter_goes_on_from_the_bookmark_it_has(
    old_marketo: Account,
    catalog: dict[str, Any],
    tap: Tap,
    bookmarks: dict[str, str],
    start: str,
) -> None:
    # The catalog still says updatedAt.
    config = config_of(old_marketo, lead_changes=False)
    target = Target(state={"bookmarks": {"leads": dict(bookmarks)}})
    done = tap.sync(config, select(catalog, ["leads"]), target)
    assert old_marketo.counters()["errors"] == {"1035": 1}
    assert len(re.findall("WARNING .*cannot filter", done.stderr)) == 1
    (job,) = jobs(old_marketo)
    assert list(job["filter"]) == ["createdAt"]
    assert span(job)[0] == start
    assert target.state
    assert target.state["bookmarks"]["leads"]["createdAt"] > "2026-06-15"
    # What an updatedAt bookmark says stays true: nothing was read by updatedAt.
    for key in {"updatedAt"} & set(bookmarks):
        assert target.state["bookmarks"]["leads"][key] == bookmarks[key]
