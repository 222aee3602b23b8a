"""Export files that arrive in pieces, damaged, late, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.checks import (
    SMALL,
    START,
    assert_all_fired,
    assert_leads,
    discovered,
    jobs,
    log_of,
    span,
    stopped,
)
from tests.harness import Account, Tap, Target, account, select

Faults = list[dict[str, Any]]

# Every lead has 20 kB of text: an export file is far larger than all other answers together.
OPTIONS = (*SMALL, "--text-bytes", "20000", "--export-minutes", "0.5")
# A byte within the text of some lead.
HERE = 300_000

CLOSED: dict[str, Any] = {"kind": "close_after", "after_bytes": HERE}


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    return select(discovered(*OPTIONS), ["leads"])


@pytest.fixture(scope="module")
def running() -> Iterator[Account]:
    with account(*OPTIONS) as marketo:
        yield marketo


@pytest.fixture
def marketo(running: Account) -> Account:
    running.heal()
    running.control("POST", "reset_counters")
    return running


def named(value: object) -> str | None:
    """Name a test by its faults."""
    if isinstance(value, list) and isinstance(value[0], dict):
        return "+".join(fault["kind"] for fault in value)
    return ""


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{"start_date": START, **settings})


def answers(marketo: Account) -> list[int]:
    """Return the HTTP statuses of all calls for a file."""
    return [entry["status"] for entry in log_of(marketo, "file")]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("faults", "statuses"),
    [
        ([CLOSED], [200, 206]),
        ([{"kind": "reset_body", "after_bytes": HERE}], [200, 206]),
        # Neither of these two shows in HTTP: only the job's fileSize tells.
        ([{"kind": "cut", "after_bytes": HERE, "content_length": "absent"}], [200, 206]),
        ([{"kind": "cut", "after_bytes": HERE, "content_length": "match"}], [200, 206]),
        ([{**CLOSED, "times": 2}], [200, 206, 206]),
        ([{"kind": "close_after", "after_bytes": 0}], [200, 200]),
        ([CLOSED, {"kind": "reset"}], [200, 200, 206]),
        ([CLOSED, {"kind": "http", "status": 503}], [200, 503, 206]),
        ([CLOSED, {"kind": "envelope_file", "code": "611"}], [200, 200, 206]),
        ([CLOSED, {"kind": "expire_token"}], [200, 200, 206]),
    ],
    ids=named,
)
def test_an_interrupted_download_goes_on_from_the_byte_reached(
    marketo: Account,
    chosen: dict[str, Any],
    tap: Tap,
    faults: Faults,
    statuses: list[int],
) -> None:
    for fault in faults:
        marketo.fault("file", **fault)
    target = Target()
    done = tap.sync(config_of(marketo), chosen, target)
    assert_all_fired(marketo)
    assert answers(marketo) == statuses
    (job,) = jobs(marketo)
    assert job["bytes"] > 2 * HERE
    # Hardly a byte came twice. A reset takes away what was sent and not read yet, which on a busy
    # machine is much.
    if faults[0]["kind"] != "reset_body":
        assert marketo.counters()["bytes_served"] < 1.3 * job["bytes"]
    assert len(done.records("leads")) == job["rows"]
    assert_leads(marketo, target)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("faults", "statuses"),
    [
        # The known part is skipped.
        ([CLOSED, {"kind": "ignore_range"}], [200, 200]),
        # Bytes from elsewhere than asked for, as Content-Range says.
        ([CLOSED, {"kind": "bad_range", "truthful": True}], [200, 206, 206]),
        # Bytes from elsewhere than Content-Range says: the end lacks one, and the whole is wrong.
        ([CLOSED, {"kind": "bad_range"}], [200, 206, 206, 200]),
        ([{"kind": "flip_byte", "at": HERE}], [200, 200]),
        ([{"kind": "html_200"}], [200, 200]),
        ([{"kind": "empty_200"}], [200, 200]),
    ],
    ids=named,
)
def test_a_download_with_wrong_bytes_ends_in_the_right_table(
    marketo: Account,
    chosen: dict[str, Any],
    tap: Tap,
    faults: Faults,
    statuses: list[int],
) -> None:
    for fault in faults:
        marketo.fault("file", **fault)
    target = Target()
    done = tap.sync(config_of(marketo), chosen, target)
    assert_all_fired(marketo)
    assert answers(marketo) == statuses
    (job,) = jobs(marketo)
    # The file is small enough to be checked before a row of it is emitted.
    assert len(done.records("leads")) == job["rows"]
    assert_leads(marketo, target)


@pytest.mark.parametrize("content_type", ["json", "csv"])
def test_an_error_in_place_of_the_file_is_not_taken_for_rows(
    marketo: Account, chosen: dict[str, Any], tap: Tap, content_type: str
) -> None:
    marketo.fault("file", "envelope_file", code="611", content_type=content_type)
    target = Target()
    done = tap.sync(config_of(marketo), chosen, target)
    assert_all_fired(marketo)
    assert "error 611" in done.stderr
    (job,) = jobs(marketo)
    assert job["downloads"] == 1
    assert_leads(marketo, target)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("content_type", ["json", "csv"])
@pytest.mark.parametrize(
    ("code", "said", "made"), [("603", "permission", 1), ("610", "no file", 4), ("1003", "1003", 1)]
)
def test_a_refusal_in_place_of_the_file_stops_the_run(
    marketo: Account,
    chosen: dict[str, Any],
    tap: Tap,
    content_type: str,
    code: str,
    said: str,
    made: int,
) -> None:
    marketo.fault("file", "envelope_file", None, code=code, content_type=content_type)
    target = Target()
    done = tap.run(config_of(marketo), chosen)
    assert said in stopped(done)
    # A file that does not exist is asked of a new job; any other refusal is final.
    assert len(jobs(marketo)) == made
    assert answers(marketo) == [200] * made
    assert not done.records("leads")
    target.take(done.lines)
    assert "leads" not in (target.state or {}).get("bookmarks", {})
    marketo.heal()
    tap.sync(config_of(marketo), chosen, target)
    assert_leads(marketo, target)


@pytest.mark.parametrize("kind", ["file_404", "envelope_file"])
def test_a_completed_job_without_a_file_is_created_again(
    marketo: Account, chosen: dict[str, Any], tap: Tap, kind: str
) -> None:
    more: dict[str, Any] = {"code": "610"} if kind == "envelope_file" else {}
    marketo.fault("file", kind, **more)
    target = Target()
    tap.sync(config_of(marketo), chosen, target)
    assert_all_fired(marketo)
    assert [job["downloads"] for job in jobs(marketo)] == [0, 1]
    assert_leads(marketo, target)


def test_a_file_that_is_always_damaged_stops_the_run_and_moves_no_bookmark(
    marketo: Account, chosen: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("file", "flip_byte", None, at=HERE)
    target = Target()
    done = tap.run(config_of(marketo), chosen)
    assert "checksum" in stopped(done)
    # Each job's file is fetched twice, each job created again three times.
    assert [job["downloads"] for job in jobs(marketo)] == [2, 2, 2, 2]
    states = [m["value"] for m in done.messages if m["type"] == "STATE"]
    assert all("leads" not in state.get("bookmarks", {}) for state in states)
    target.take(done.lines)
    marketo.heal()
    tap.sync(config_of(marketo), chosen, target)
    assert_leads(marketo, target)


def test_a_download_that_never_gets_past_a_byte_stops_the_run_and_the_next_takes_up_the_job(
    marketo: Account, chosen: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("file", **CLOSED)
    marketo.fault("file", "close_after", None, after_bytes=0)
    target = Target()
    done = tap.run(config_of(marketo), chosen)
    message = stopped(done)
    assert re.search("does not get past byte [1-9]", message)
    assert 3 <= len(answers(marketo)) <= 10
    (job,) = jobs(marketo)
    target.take(done.lines)
    marketo.heal()
    tap.sync(config_of(marketo), chosen, target)
    assert [span(other) for other in jobs(marketo)].count(span(job)) == 1
    assert_leads(marketo, target)


def test_how_far_a_small_file_is_that_only_drips_is_said_again_and_again(
    marketo: Account, chosen: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("file", "drip", bytes_per_second=1_000_000)
    target = Target()
    done = tap.sync(config_of(marketo), chosen, target)
    assert_all_fired(marketo)
    (job,) = jobs(marketo)
    said = re.findall(rf"INFO Download of leads export {job['exportId']}: (.*) bytes", done.stderr)
    sizes = [[int(size.replace(",", "")) for size in each.split(" of ")] for each in said]
    # No row has come meanwhile: the file is checked first.
    assert len(sizes) >= 3
    assert sizes == sorted(sizes)
    assert {whole for _, whole in sizes} == {job["bytes"]}
    assert_leads(marketo, target)


def test_a_server_that_sends_nothing_is_given_up_after_request_timeout(
    marketo: Account, chosen: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("file", **CLOSED)
    marketo.fault("file", "timeout", seconds=5)
    target = Target()
    tap.sync(config_of(marketo, request_timeout=1), chosen, target)
    assert_all_fired(marketo)
    assert answers(marketo) == [200, 200, 206]
    assert_leads(marketo, target)
