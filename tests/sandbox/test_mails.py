"""Activities of mails hang together: each goes back to a mail that was sent to that lead."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest

from tests.sandbox import Options
from tests.sandbox.activity_types import (
    ABOUT_MAILS,
    CLICK_EMAIL,
    EMAIL_BOUNCED,
    EMAIL_BOUNCED_SOFT,
    EMAIL_DELIVERED,
    OPEN_EMAIL,
    SEND_EMAIL,
    UNSUBSCRIBE_EMAIL,
)
from tests.sandbox.client import NOW
from tests.sandbox.clock import parse_time
from tests.sandbox.database import Database

START = parse_time(NOW) or 0
LATER = START + 30 * 86_400
RUN = "Campaign Run ID"

Activity = dict[str, Any]


def assert_coherent(rows: list[Activity]) -> None:
    """Nothing happens to a mail that was not sent, or before it could."""
    first: dict[tuple[int, int, int | None], dict[int, str]] = defaultdict(dict)
    sent = defaultdict(set)
    for row in sorted(rows, key=lambda row: (row["activityDate"], row["activityTypeId"])):
        kind, mail = row["activityTypeId"], row["primaryAttributeValueId"]
        if kind in ABOUT_MAILS and (kind != SEND_EMAIL or row["actionResult"] == "succeeded"):
            run = row["attributes"].get(RUN)
            first[row["leadId"], mail, run].setdefault(kind, row["activityDate"])
        if kind == SEND_EMAIL:
            sent[row["leadId"]].add(mail)
            assert (row["campaignId"] is None) == (RUN not in row["attributes"])
    for (lead, mail, run), dates in first.items():
        assert mail in sent[lead]
        if SEND_EMAIL not in dates:
            # Who unsubscribes by a form is not said to do so because of a run.
            assert (set(dates), run) == ({UNSUBSCRIBE_EMAIL}, None)
            continue
        for kind, date in dates.items():
            assert date >= dates[SEND_EMAIL]
            if kind in (OPEN_EMAIL, CLICK_EMAIL):
                assert date >= dates[EMAIL_DELIVERED]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_to_a_mail_goes_back_to_a_send(seed: int) -> None:
    options = Options(seed=seed, leads=60, activities=1500)
    database = Database(options, START)
    before = list(database.truth("activities", LATER))
    assert_coherent(before)
    for day in range(1, 4):
        moment = START + day * 86_400
        database.change({"new_activities": 80, "late_activities": 20, "merged_leads": 2}, moment)
        for kind in ABOUT_MAILS:
            asked = {"new_activities": 3, "activity_type": kind}
            guids = database.change(asked, moment)["new_activities"]
            assert len({*guids} - {""}) == 3
    after = list(database.truth("activities", LATER))
    assert len(after) > len(before) + 300
    assert_coherent(after)


def test_what_becomes_of_mails() -> None:
    database = Database(Options(), START)
    rows = [r for r in database.truth("activities", LATER) if r["activityTypeId"] in ABOUT_MAILS]
    kinds = Counter(row["activityTypeId"] for row in rows)
    assert all(kinds[kind] >= 10 for kind in ABOUT_MAILS)
    results = Counter(r["actionResult"] for r in rows if r["activityTypeId"] == SEND_EMAIL)
    assert results.keys() == {"succeeded", "skipped", "failed"}
    assert {r["actionResult"] for r in rows if r["activityTypeId"] != SEND_EMAIL} == {"succeeded"}
    for kind in (OPEN_EMAIL, CLICK_EMAIL):
        told = [row["attributes"] for row in rows if row["activityTypeId"] == kind]
        bots = {(each.get("Is Bot Activity"), each.get("Bot Activity Pattern")) for each in told}
        assert bots == {
            (True, "Match with IAB bot list"),
            (True, "Match with proximity pattern"),
            (False, "N/A"),
            (None, None),
        }
    for kind, category in ((EMAIL_BOUNCED, "2"), (EMAIL_BOUNCED_SOFT, "3")):
        told = [row["attributes"] for row in rows if row["activityTypeId"] == kind]
        assert {each["Category"] for each in told} == {category}
    # Some mails are of emails that are gone, some by no campaign, some to the same lead again.
    emails = {row["id"]: row for row in database.truth("emails", LATER)}
    assert 0 < sum(row["primaryAttributeValueId"] not in emails for row in rows) < len(rows) / 4
    assert 0 < sum(row["campaignId"] is None for row in rows) < len(rows) / 4
    campaigns = {row["id"] for row in database.truth("campaigns", LATER)}
    assert {row["campaignId"] for row in rows} - campaigns == {None}
    folders = Counter(
        str(row["folder"]["type"]).lower() for row in emails.values() if row.get("folder")
    )
    assert folders["program"] > 20


def test_mails_are_the_same_for_the_same_seed() -> None:
    one, two = (Database(Options(activities=600), START) for _ in range(2))
    for database in (one, two):
        database.change({"new_activities": 30}, START + 60)
    assert list(one.truth("activities", LATER)) == list(two.truth("activities", LATER))


def test_a_new_attribute_is_in_later_mails_only() -> None:
    database = Database(Options(activities=600), START)
    attribute = {"activity_type": OPEN_EMAIL, "name": "Seat", "dataType": "integer"}
    changes = {"new_attribute": attribute, "new_activities": 20, "activity_type": OPEN_EMAIL}
    guids = set(database.change(changes, START + 60)["new_activities"])
    rows = list(database.truth("activities", LATER))
    seated = {row["marketoGUID"] for row in rows if "Seat" in row["attributes"]}
    assert 0 < len(seated & guids) == len(seated)
