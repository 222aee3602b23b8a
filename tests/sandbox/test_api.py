"""The API of the sandbox answers as Adobe's pages say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest
import requests

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import DAY, NOW, Client, Json, code, rows_of
from tests.sandbox.clock import bulk_time, central_midnight, parse_time


def test_token_life() -> None:
    with Sandbox(Options(now=NOW, scale=0)) as sandbox:
        client = Client(sandbox)
        first = client.token()
        assert first["expires_in"] == 3600
        client.advance(600)
        again = client.token("GET")
        assert again["access_token"] == first["access_token"]
        assert again["expires_in"] == 3000
        client.advance(3000)
        assert code(client.get("/rest/v1/stats/usage.json")) == "602"
        client.login()
        assert client.get("/rest/v1/stats/usage.json")["result"][0]["total"] == 1
        calls = client.control("counters")["calls"]
        assert (calls["token_get"], calls["token_post"]) == (1, 3)


def test_bad_credentials_and_tokens(shared: Client) -> None:
    assert shared.token(client_secret="wrong")["error"] == "unauthorized"
    url = shared.sandbox.identity + "/oauth/token"
    bad = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}
    assert requests.post(url, data=bad, timeout=5).status_code == 401
    usage = shared.sandbox.base + "/rest/v1/stats/usage.json"
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        assert code(requests.get(usage, headers=headers, timeout=5).json()) == "601"
    token = shared.token()["access_token"]
    assert code(requests.get(usage, params={"access_token": token}, timeout=5).json()) == "601"


def test_addresses(shared: Client) -> None:
    base = shared.sandbox.base
    assert code(shared.get("/rest/v1/nothing.json")) == "610"
    assert shared.http.get(base + "/rest//v1/lists.json", timeout=5).status_code == 404
    long = shared.http.get(base + "/rest/v1/lists.json?name=" + "x" * 9000, timeout=5)
    assert long.status_code == 414
    form = {"batchSize": "7"}
    posted = shared.http.post(base + "/rest/v1/lists.json?_method=GET", data=form, timeout=5)
    assert len(posted.json()["result"]) == 7
    assert code(shared.http.post(base + "/rest/v1/lists.json", timeout=5).json()) == "605"


def test_date_header_follows_the_simulated_clock(shared: Client) -> None:
    answer = shared.http.get(shared.sandbox.base + "/rest/v1/stats/usage.json", timeout=5)
    shown = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    assert isinstance(shared.sandbox, Sandbox)
    assert shown == int(shared.sandbox.clock.now())


def test_paging_by_token(shared: Client) -> None:
    for name in ("campaigns", "lists"):
        path = f"/rest/v1/{name}.json"
        found: list[Json] = []
        query: dict[str, str] = {}
        while True:
            page = shared.get(path, **query)
            found.extend(page["result"])
            assert len(page["result"]) <= 300
            if not page["moreResult"]:
                break
            query = {"nextPageToken": page["nextPageToken"]}
        assert found == shared.control(f"truth/{name}")["rows"]
        assert len(found) > 600
        assert any(row["updatedAt"] is None for row in found)
        assert code(shared.get(path, nextPageToken="rubbish")) == "1003"


def test_programs_by_offset_and_date(shared: Client) -> None:
    path = "/rest/asset/v1/programs.json"
    assert len(shared.get(path)["result"]) == 20
    found: list[Json] = []
    while rows := shared.get(path, maxReturn=900, offset=len(found)).get("result"):
        assert len(rows) <= 200
        found.extend(rows)
    assert found == shared.control("truth/programs")["rows"]
    end = shared.get(path, offset=5000)
    assert end["success"]
    assert "result" not in end
    assert end["warnings"] == ["No assets found for the given search criteria."]
    assert found[0]["updatedAt"].endswith("Z+0000")
    since = found[0]["updatedAt"].removesuffix("+0000")
    some = shared.get(path, earliestUpdatedAt=since, maxReturn=200)["result"]
    assert found[0] in some
    assert all(row["updatedAt"] >= since for row in some)
    assert code(shared.get(path, earliestUpdatedAt="yesterday")) == "704"


def test_deleted_leads(shared: Client) -> None:
    start = shared.get("/rest/v1/activities/pagingtoken.json", sinceDatetime="2026-05-01T00:00:00Z")
    token, found, pages = start["nextPageToken"], [], 0
    while True:
        page = shared.get(
            "/rest/v1/activities/deletedleads.json", nextPageToken=token, batchSize=10
        )
        found.extend(page.get("result", []))
        token, pages = page["nextPageToken"], pages + 1
        if not page["moreResult"]:
            break
    assert len({row["marketoGUID"] for row in found}) == len(found) == 45
    assert pages > 5
    assert found[0]["activityDate"].endswith("+0000")


def test_the_truth_about_activities_of_some_types(shared: Client) -> None:
    every = shared.control("truth/activities")["rows"]
    some = shared.control("truth/activities?type=1&type=6")["rows"]
    assert some == [row for row in every if row["activityTypeId"] in (1, 6)] != []
    assert "only activities" in shared.control("truth/leads?type=1")["error"]


def test_life_of_a_job(client: Client) -> None:
    made = client.create()["result"][0]
    job_id = made["exportId"]
    assert (made["status"], made["createdAt"], made["format"]) == ("Created", NOW, "CSV")
    assert client.file(job_id).status_code == 404
    assert client.bulk(f"{job_id}/enqueue")["result"][0]["status"] == "Queued"
    client.advance(59)
    # Processing since long, but the status is renewed only once in 60 seconds.
    assert client.status(job_id)["status"] == "Queued"
    client.advance(1)
    shown = client.status(job_id)
    assert shown["status"] == "Processing"
    assert "fileSize" not in shown
    client.advance(240)
    shown = client.status(job_id)
    assert shown["status"] == "Completed"
    client.advance(60)
    answer = client.file(job_id)
    assert answer.headers["Content-Type"] == "text/csv;charset=UTF-8"
    assert shown["fileChecksum"] == "sha256:" + hashlib.sha256(answer.content).hexdigest()
    assert shown["fileSize"] == len(answer.content)
    assert shown["numberOfRecords"] == len(rows_of(answer.content.decode()))
    listed = client.get("/bulk/v1/leads/export.json", status="Completed,Failed")["result"]
    assert listed == [shown]
    assert client.get("/bulk/v1/leads/export.json", status=["Queued", "Created"])["result"] == []
    assert client.get("/bulk/v1/activities/export.json")["result"] == []
    client.advance(8 * 86400)
    assert client.get("/bulk/v1/leads/export.json")["result"] == []
    assert client.file(job_id).status_code == 404


def test_queue_and_workers(client: Client) -> None:
    client.control("queue", {"foreign_jobs": 1, "minutes": 60})
    jobs = [client.queued(kind) for kind in ("leads", "activities") for _ in range(4)]
    last = client.queued()
    extra = client.create()["result"][0]["exportId"]
    refused = client.bulk(f"{extra}/enqueue")
    assert code(refused) == "1029"
    assert refused["errors"][0]["message"] == "Too many jobs in queue"
    again = client.bulk(f"{last}/enqueue")
    assert (code(again), again["errors"][0]["message"]) == ("1029", "Job already queued")
    client.advance(60)
    reports = client.control("counters")["jobs"]
    assert [each["status"] for each in reports].count("Processing") == 2
    assert client.bulk(f"{last}/cancel")["result"][0]["status"] == "Cancelled"
    assert client.bulk(f"{extra}/enqueue")["success"]
    client.advance(7200)
    reports = {each["exportId"]: each for each in client.control("counters")["jobs"]}
    own = [reports[job_id] for job_id in jobs]
    assert all(each["status"] == "Completed" for each in own)
    assert all(120 <= each["finished"] - each["started"] <= 300 for each in own)
    assert [each["started"] for each in own] == sorted(each["started"] for each in own)
    spans = [(each["started"], each["finished"]) for each in reports.values() if each["started"]]
    assert max(sum(a <= t < b for a, b in spans) for t, _ in spans) == 2
    assert client.control("counters")["max_queue_places"] == 10


def test_time_in_the_queue_and_time_by_size() -> None:
    options = Options(now=NOW, scale=0, queue_minutes="1-3", export_minutes="2", minutes_per_mb=50)
    with Sandbox(options) as sandbox:
        client = Client(sandbox)
        client.live_long()
        for kind in ("leads", "activities"):
            client.queued(kind)
            client.advance(7200)
        client.control("next_jobs", [{"minutes": 7}])
        client.queued()
        client.advance(7200)
        *plain, arranged = client.control("counters")["jobs"]
        for job in (*plain, arranged):
            assert 60 <= job["pickup"] <= 180
            assert job["started"] == job["queued"] + job["pickup"]
        for job in plain:
            assert job["bytes"] > 1000
            took = job["finished"] - job["started"]
            assert took == pytest.approx(120 + 50 * 60 * job["bytes"] / 1_000_000)
        assert arranged["finished"] - arranged["started"] == 420


def test_a_clock_that_stands_is_moved_by_calls_and_by_polls_of_unfinished_jobs() -> None:
    options = Options(now=NOW, scale=0, poll_seconds=60, call_seconds=0.5, export_minutes="2")
    with Sandbox(options) as sandbox:
        client = Client(sandbox)

        def seconds(act: Callable[[], object]) -> float:
            before = sandbox.clock.now()
            act()
            return sandbox.clock.now() - before

        def list_jobs(kind: str) -> Json:
            return client.get(f"/bulk/v1/{kind}/export.json")

        # Two calls.
        assert seconds(client.queued) == 1
        assert seconds(client.token) == 0.5
        # No job of this object is waited for.
        assert seconds(lambda: list_jobs("activities")) == 0.5
        polls = []
        while list_jobs("leads")["result"][0]["status"] != "Completed":
            polls.append(seconds(lambda: list_jobs("leads")))
        assert set(polls) == {60}
        assert 1 <= len(polls) <= 2
        assert seconds(lambda: list_jobs("leads")) == 0.5
        # A place is waited for.
        client.control("queue", {"foreign_jobs": 10, "minutes": 100})
        job_id = client.create()["result"][0]["exportId"]
        assert seconds(lambda: client.bulk(f"{job_id}/enqueue")) == 60


def test_daily_byte_quota() -> None:
    with Sandbox(Options(now=NOW, scale=0, daily_export_mb=0.001)) as sandbox:
        client = Client(sandbox)
        waiting = client.create()["result"][0]["exportId"]
        client.queued()
        client.advance(600)
        for refused in (client.create(), client.bulk(f"{waiting}/enqueue")):
            assert code(refused) == "1029"
            assert refused["errors"][0]["message"] == "Export daily quota exceeded"
        # 12:10 UTC is 07:10 in Chicago, where midnight is 05:00 UTC in summer.
        client.control("clock", {"set": "2026-06-16T04:59:59Z"})
        client.login()
        assert code(client.create()) == "1029"
        client.advance(1)
        assert client.create()["success"]


def test_central_midnight_across_daylight_saving() -> None:
    for moment, midnight in (
        ("2026-03-08T12:00:00Z", "2026-03-08T06:00:00Z"),
        ("2026-03-09T04:59:59Z", "2026-03-08T06:00:00Z"),
        ("2026-03-09T05:00:00Z", "2026-03-09T05:00:00Z"),
    ):
        seconds = parse_time(moment)
        assert seconds is not None
        assert bulk_time(central_midnight(seconds)) == midnight


@pytest.mark.parametrize(
    ("kind", "asked", "expected"),
    [
        ("leads", {"fields": ["id", "nope"]}, "1006"),
        ("leads", {"fields": ["fullGreeting"]}, "1003"),
        ("leads", {"fields": []}, "1002"),
        ("leads", {"filter": {}}, "1002"),
        ("leads", {"filter": {"createdAt": DAY, "updatedAt": DAY}}, "1003"),
        ("leads", {"filter": {"createdAt": {"startAt": DAY["startAt"]}}}, "1002"),
        ("leads", {"filter": {"createdAt": {**DAY, "endAt": "2026-06-15T00:00:00.000Z"}}}, "704"),
        ("leads", {"filter": {"createdAt": {**DAY, "endAt": "2026-06-15"}}}, "704"),
        ("leads", {"filter": {"createdAt": {**DAY, "endAt": "2026-02-31T00:00:00Z"}}}, "704"),
        ("leads", {"filter": {"createdAt": {**DAY, "startAt": "2026-05-14T23:59:59Z"}}}, "1003"),
        ("activities", {"filter": {"activityTypeIds": [1]}}, "1002"),
        ("activities", {"filter": {"createdAt": DAY, "activityTypeIds": [1, 37]}}, "1003"),
        ("activities", {"fields": ["nope"]}, "1006"),
    ],
)
def test_refused_export_requests(shared: Client, kind: str, asked: Json, expected: str) -> None:
    assert code(shared.create(kind, **asked)) == expected


def test_31_days_are_allowed_and_bad_bodies_are_not(shared: Client) -> None:
    window = {"startAt": "2026-05-15T00:00:00+00:00", "endAt": "2026-06-15T00:00:00-00:00"}
    assert shared.create(filter={"updatedAt": window})["success"]
    url = shared.sandbox.base + "/bulk/v1/leads/export/create.json"
    assert code(shared.http.post(url, data="{}", timeout=5).json()) == "612"
    typed = {"Content-Type": "application/json"}
    assert code(shared.http.post(url, data="{", headers=typed, timeout=5).json()) == "609"
    assert code(shared.bulk("unknown-id/enqueue")) == "1013"


def test_subscription_without_updated_at() -> None:
    with Sandbox(Options(now=NOW, scale=0, no_updated_at=True, leads=5)) as sandbox:
        client = Client(sandbox)
        refused = client.create(filter={"updatedAt": DAY})
        assert code(refused) == "1035"
        text = "Unsupported filter type for target subscription: updatedAt"
        assert refused["errors"][0]["message"] == text
        assert client.create(filter={"createdAt": DAY})["success"]


def test_ranges(client: Client) -> None:
    job_id = client.exported()
    whole = client.file(job_id).content
    part = client.file(job_id, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    assert client.file(job_id, Range="bytes=100-").content == whole[100:]
    assert client.file(job_id, Range="bytes=-5").content == whole[-5:]
    assert client.file(job_id, Range=f"bytes=5-{len(whole) + 10}").content == whole[5:]
    beyond = client.file(job_id, Range=f"bytes={len(whole)}-")
    assert beyond.status_code == 416
    assert beyond.headers["Content-Range"] == f"bytes */{len(whole)}"


def test_outcomes_of_jobs(client: Client) -> None:
    client.control(
        "next_jobs",
        [
            {"status": "Failed", "errorMsg": "No luck"},
            {"status": "SomethingNew", "stick": "Processing"},
            {"file": "404", "minutes": 1},
            {"stick": "Queued"},
        ],
    )
    failed, new, lost, stuck = (client.queued() for _ in range(4))
    client.advance(1200)
    assert client.status(failed)["errorMsg"] == "No luck"
    assert client.status(new)["status"] == "SomethingNew"
    assert client.status(lost)["status"] == "Completed"
    assert client.file(lost).status_code == 404
    assert client.status(stuck)["status"] == "Queued"
    client.control(f"jobs/{stuck}", {"stick": None})
    client.control(f"jobs/{new}", {"status": "Cancelled", "stick": None})
    client.advance(1200)
    assert client.status(stuck)["status"] == "Completed"
    assert client.status(new)["status"] == "Cancelled"


def test_limits_on_calls() -> None:
    with Sandbox(Options(now=NOW, scale=0, daily_calls=120, leads=1, activities=0)) as sandbox:
        client = Client(sandbox)
        path = "/rest/v1/stats/usage.json"
        answers = [client.get(path) for _ in range(101)]
        assert all(answer["success"] for answer in answers[:100])
        assert code(answers[100]) == "606"
        text = "Max rate limit '100' exceeded with in '20' secs"
        assert answers[100]["errors"][0]["message"] == text
        client.advance(21)
        assert client.get(path)["success"]
        client.control("usage", {"foreign_calls": 50})
        assert code(client.get(path)) == "607"
