"""Activities are gone when their type's time is over: from files, pages and the truth."""

from __future__ import annotations

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import NOW, Client, Json, rows_of
from tests.sandbox.clock import DAY, bulk_time, parse_time

START = parse_time(NOW) or 0.0
NEW_LEAD, OPEN_EMAIL, SEND_EMAIL, DELETE_LEAD = 12, 10, 6, 37
ACTIVITIES = "/rest/v1/activities.json"


def told(client: Client, kind: int) -> list[str]:
    """When activities of a type happened, as the truth has it, the earliest first."""
    rows = client.control("truth/activities")["rows"]
    return sorted(row["activityDate"] for row in rows if row["activityTypeId"] == kind)


def days_ago(days: float) -> str:
    return bulk_time(START - days * DAY)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("kind", "months", "gone", "kept"),
    [
        (DELETE_LEAD, 25, days_ago(14), "2026-06-02"),
        (SEND_EMAIL, 25, days_ago(90), "2026-03-24"),
        (OPEN_EMAIL, 25, "2024-05-15T12:00:00Z", "2024-05-18"),
        (OPEN_EMAIL, 37, "2023-05-15T12:00:00Z", "2023-05-18"),
        (NEW_LEAD, 25, "2022-06-15", "2022-09"),
        (OPEN_EMAIL, 0, "2022-06-15", "2022-09"),
    ],
)
def test_a_type_goes_back_as_far_as_it_is_kept(
    kind: int, months: int, gone: str, kept: str
) -> None:
    options = Options(
        now=NOW, scale=0, leads=100, activities=12_000, activity_types=20, history_days=4 * 365,
        activities_kept_months=months, deleted_leads=400,
    )  # fmt: skip
    with Sandbox(options) as sandbox:
        assert gone <= told(Client(sandbox), kind)[0] < kept


def files(client: Client, window: Json) -> list[str]:
    """When the activities of a window happened, as a file has it."""
    job = client.exported("activities", filter={"createdAt": window, "activityTypeIds": [6]})
    return sorted(row["activityDate"] for row in rows_of(client.file(job, "activities").text))


def test_files_and_pages_have_what_is_left_when_they_are_made() -> None:
    options = Options(
        now=NOW, scale=0, leads=50, activities=3000, history_days=100, activities_kept_months=25
    )
    window = {"startAt": days_ago(91), "endAt": days_ago(61)}
    first_kept = days_ago(90)
    with Sandbox(options) as sandbox:
        client = Client(sandbox)
        client.live_long()
        for _ in range(2):
            since = client.get("/rest/v1/activities/pagingtoken.json", sinceDatetime=days_ago(91))[
                "nextPageToken"
            ]
            page = client.get(ACTIVITIES, nextPageToken=since, activityTypeIds=6, batchSize=300)
            while "result" not in page:
                since = page["nextPageToken"]
                page = client.get(ACTIVITIES, nextPageToken=since, activityTypeIds=6)
            shown = files(client, window)
            left = [date for date in told(client, SEND_EMAIL) if date <= window["endAt"]]
            assert shown == left
            assert page["result"][0]["activityDate"] in left
            assert shown[0] >= first_kept
            first_kept = days_ago(80)
            client.advance(10 * DAY)
        assert len(shown) > 5
