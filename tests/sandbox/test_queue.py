"""Jobs in the queue: cancelled by their owner, and behind jobs of others (bulk-extract.md)."""

from __future__ import annotations

import pytest

from tests.sandbox.client import Client, code

DAY = 86_400


def cancelled(client: Client) -> dict[str, str | None]:
    """In which status each job was cancelled by a call."""
    return {job["exportId"]: job["cancelled_in"] for job in client.control("counters")["jobs"]}


@pytest.mark.parametrize("kind", ["leads", "activities"])
@pytest.mark.parametrize("status", ["Created", "Queued", "Processing"])
def test_a_job_is_cancelled_in_any_unfinished_status(
    client: Client, kind: str, status: str
) -> None:
    if status == "Queued":
        client.control("queue", {"foreign_jobs": 2, "minutes": 60})
    if status == "Created":
        job_id = client.create(kind)["result"][0]["exportId"]
    else:
        job_id = client.queued(kind)
        client.advance(60)
    other = client.queued(kind)
    assert client.status(job_id, kind)["status"] == status
    places = client.control("queue", {"foreign_jobs": 0})["places"]
    assert client.bulk(f"{job_id}/cancel", kind)["result"][0]["status"] == "Cancelled"
    left = client.control("queue", {"foreign_jobs": 0})["places"]
    assert left == places - (status != "Created")
    assert client.status(job_id, kind)["status"] == "Cancelled"
    path = f"/bulk/v1/{kind}/export.json"
    for name in ("Cancelled", "Canceled"):
        assert [job["exportId"] for job in client.get(path, status=name)["result"]] == [job_id]
    assert cancelled(client) | {job_id: status, other: None} == cancelled(client)
    assert code(client.bulk(f"{job_id}/cancel", kind)) == "1003"
    assert code(client.bulk(f"{job_id}/enqueue", kind)) == "1003"
    client.advance(DAY)
    assert client.status(job_id, kind)["status"] == "Cancelled"
    assert client.file(job_id, kind).status_code == 404
    # What its owner did not cancel is no cancelled job, however it ended.
    assert client.status(other, kind)["status"] == "Completed"
    client.control("next_jobs", [{"status": "Cancelled"}])
    arranged = client.queued(kind)
    client.advance(DAY)
    assert client.status(arranged, kind)["status"] == "Cancelled"
    assert cancelled(client)[arranged] is None
    assert code(client.bulk(f"{other}/cancel", kind)) == "1003"


def test_a_queue_full_for_days_of_jobs_of_others(client: Client) -> None:
    placed = client.control("queue", {"foreign_jobs": 12, "minutes": 5 * 24 * 60})
    assert placed == {"placed": 10, "places": 10}
    waiting = client.create()["result"][0]["exportId"]
    for _ in range(4):
        assert code(client.bulk(f"{waiting}/enqueue")) == "1029"
        client.advance(DAY)
    assert client.status(waiting)["status"] == "Created"
    # Two of them are done after five days: there are places, but all workers are taken again.
    client.advance(1.5 * DAY)
    assert client.bulk(f"{waiting}/enqueue")["success"]
    client.advance(DAY)
    assert client.status(waiting)["status"] == "Queued"
    assert client.bulk(f"{waiting}/cancel")["result"][0]["status"] == "Cancelled"
    assert cancelled(client)[waiting] == "Queued"
    assert client.get("/bulk/v1/leads/export.json")["result"][0]["exportId"] == waiting


def test_an_outcome_may_wait_for_the_next_job_of_an_object(client: Client) -> None:
    client.control("next_jobs", [{"object": "activities", "status": "Failed"}, {"minutes": 1}])
    leads, activities = client.queued("leads"), client.queued("activities")
    client.advance(DAY)
    assert client.status(leads)["status"] == "Completed"
    assert client.status(activities, "activities")["status"] == "Failed"
