"""What happens to leads and lists leaves activities, as Adobe's pages say; some things do not."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.sandbox import Options, Sandbox
from tests.sandbox.activity_types import (
    ABOUT_LEADS,
    ADD_TO_LIST,
    CHANGE_DATA_VALUE,
    CHANGE_OWNER,
    CHANGE_PARTITION,
    CHANGE_SCORE,
    CHANGE_STAGE,
    MERGE_LEADS,
    NEW_LEAD,
    REMOVE_FROM_LIST,
)
from tests.sandbox.client import NOW, Client, Json, code
from tests.sandbox.test_activity_pages import JUST_BEFORE, pages, rows, token

UPDATES = (CHANGE_DATA_VALUE, CHANGE_SCORE, CHANGE_OWNER, CHANGE_STAGE, CHANGE_PARTITION)
Pair = tuple[int, int]


def activities(client: Client, *kinds: int) -> list[Json]:
    """All activities of some types, in the order in which they were recorded."""
    return [row for row in truth_of_activities(client) if row["activityTypeId"] in kinds]


def truth_of_activities(client: Client) -> list[Json]:
    found: list[Json] = client.control("truth/activities")["rows"]
    return found


def memberships(client: Client) -> set[Pair]:
    held = client.control("truth/list_memberships")["rows"]
    return {(row["listId"], row["leadId"]) for row in held}


def last_words(found: list[Json]) -> dict[Pair, bool]:
    """Whether each lead is on a list, as its last activity about it says."""
    ordered = sorted(found, key=lambda row: (row["activityDate"], int(row["marketoGUID"])))
    return {
        (row["primaryAttributeValueId"], row["leadId"]): row["activityTypeId"] == ADD_TO_LIST
        for row in ordered
    }


def change(client: Client, **request: Any) -> Json:
    done = client.control("change", request)
    assert "error" not in done, done
    return done


def new_since(client: Client, before: list[Json], *kinds: int) -> list[Json]:
    known = {row["marketoGUID"] for row in before}
    return [row for row in activities(client, *kinds) if row["marketoGUID"] not in known]


def test_past_of_leads(past: Client) -> None:
    leads = {row["id"]: row for row in past.control("truth/leads")["rows"]}
    created = {(row["leadId"], row["activityDate"]) for row in activities(past, NEW_LEAD)}
    # The others are those of leads that were merged into these.
    assert created > {(number, row["createdAt"]) for number, row in leads.items()}
    assert {number for number, _ in created} == leads.keys()
    told = {(row["leadId"], row["activityDate"]) for row in activities(past, *UPDATES)}
    changed = [row for row in leads.values() if row["_changedAt"] > row["createdAt"]]
    assert len(changed) > 300
    assert told >= {(row["id"], row["_changedAt"]) for row in changed}
    assert told >= {
        (row["id"], row["updatedAt"]) for row in changed if row["updatedAt"] > row["createdAt"]
    }


def test_past_of_lists(past: Client) -> None:
    found = activities(past, ADD_TO_LIST, REMOVE_FROM_LIST)
    held, lists = memberships(past), past.control("truth/lists")["rows"]
    names = {row["id"]: row["name"] for row in lists}
    assert all(
        row["primaryAttributeValue"] == names[row["primaryAttributeValueId"]] for row in found
    )
    words = last_words(found)
    assert {pair for pair, there in words.items() if there} <= held
    left = {pair for pair, there in words.items() if not there}
    assert len(left) > 50
    assert not left & held
    # Members that were merged into another came by their activities.
    assert held == {pair for pair, there in words.items() if there}
    by_pair: dict[Pair, list[Json]] = {}
    for row in found:
        by_pair.setdefault((row["primaryAttributeValueId"], row["leadId"]), []).append(row)
    assert any(len(each) == 3 for each in by_pair.values())
    assert any(len({row["activityDate"] for row in each}) < len(each) for each in by_pair.values())


def test_activities_in_all() -> None:
    for options in (
        Options(),
        Options(leads=30, activities=200),
        Options(leads=1, activities=1),
        Options(leads=600, activities=10),
    ):
        with Sandbox(options) as sandbox:
            table = sandbox.database.activities
            assert len(table.kind) == options.activities + options.deleted_leads
            told = sum(kind in ABOUT_LEADS for kind in table.kind)
            assert told <= options.activities // 3


def test_updates_leave_activities(punctual: Client) -> None:
    before = activities(punctual, *ABOUT_LEADS, CHANGE_SCORE)
    punctual.advance(600)
    done = change(punctual, new_leads=3, updated_leads=100, custom_only_updates=5)
    new = new_since(punctual, before, *ABOUT_LEADS, CHANGE_SCORE)
    assert {row["activityDate"] for row in new} == {"2026-06-15T12:10:00Z"}
    by_kind = {kind: [r["leadId"] for r in new if r["activityTypeId"] == kind] for kind in UPDATES}
    assert [r["leadId"] for r in new if r["activityTypeId"] == NEW_LEAD] == done["new_leads"]
    updated = sorted(done["updated_leads"] + done["custom_only_updates"])
    assert sorted(lead for ids in by_kind.values() for lead in ids) == updated
    assert all(by_kind.values())
    fields = {each["id"]: each for each in punctual.control("truth/lead_fields")["rows"]}
    leads = {row["id"]: row for row in punctual.control("truth/leads")["rows"]}
    for row in new:
        if row["activityTypeId"] in (CHANGE_DATA_VALUE, CHANGE_SCORE):
            field = fields[row["primaryAttributeValueId"]]
            assert row["primaryAttributeValue"] == field["displayName"]
            value = leads[row["leadId"]][field["rest"]["name"]]
            shown = row["attributes"].get("New Value")
            once = updated.count(row["leadId"]) == 1
            if field["dataType"] in ("string", "phone", "score", "date") and once:
                assert shown == value
            if row["activityTypeId"] == CHANGE_DATA_VALUE:
                assert shown != row["attributes"].get("Old Value")


def test_silent_updates_leave_none(punctual: Client) -> None:
    everything = activities(punctual, *ABOUT_LEADS, CHANGE_SCORE)
    punctual.advance(600)
    done = change(punctual, silent_updates=4)["silent_updates"]
    assert not new_since(punctual, everything, *ABOUT_LEADS, CHANGE_SCORE)
    leads = {row["id"]: row for row in punctual.control("truth/leads")["rows"]}
    assert len(done) == 4
    assert all(leads[lead]["updatedAt"] == "2026-06-15T12:10:00Z" for lead in done)


def test_what_others_tell_of_is_never_recorded_by_itself(client: Client) -> None:
    before = activities(client, *ABOUT_LEADS)
    client.control("change", {"new_activities": 300, "late_activities": 100})
    assert not new_since(client, before, *ABOUT_LEADS)
    for kind in ABOUT_LEADS:
        answer = client.control("change", {"new_activities": 1, "activity_type": kind})
        assert "come with the change" in answer["error"]


def test_members_come_and_go(punctual: Client) -> None:
    punctual.advance(60)
    before, held = activities(punctual, ADD_TO_LIST, REMOVE_FROM_LIST), memberships(punctual)
    added = change(punctual, list_members_added=40)["list_members_added"]
    removed = change(punctual, list_members_removed=30)["list_members_removed"]
    new = new_since(punctual, before, ADD_TO_LIST, REMOVE_FROM_LIST)
    assert memberships(punctual) == (held | set(map(tuple, added))) - set(map(tuple, removed))
    assert len(added) == 40
    assert len(removed) == 30
    assert sorted(
        [row["primaryAttributeValueId"], row["leadId"]]
        for row in new
        if row["activityTypeId"] == ADD_TO_LIST
    ) == sorted(added)
    assert all(there == (pair in memberships(punctual)) for pair, there in last_words(new).items())


def test_members_of_chosen_lists(punctual: Client) -> None:
    done = change(punctual, list_members_added=12, list_members_removed=3, lists=[3002, 3005])
    for pairs in done.values():
        assert {list_id for list_id, _ in pairs} <= {3002, 3005}
    assert [len(pairs) for pairs in done.values()] == [12, 3]
    # No more than there are leads.
    change(punctual, list_members_added=9999, lists=[3005])
    assert sum(list_id == 3005 for list_id, _ in memberships(punctual)) == 500
    assert (
        "no such lists"
        in punctual.control("change", {"list_members_added": 1, "lists": [9]})["error"]
    )


def test_in_and_out_and_in_within_a_second(punctual: Client) -> None:
    pair = [3005, 1001]
    before = activities(punctual, ADD_TO_LIST, REMOVE_FROM_LIST)
    start = token(punctual, JUST_BEFORE)
    for name in ("list_members_added", "list_members_removed", "list_members_added"):
        assert change(punctual, **{name: [pair], "at": NOW}) == {name: [pair]}
    assert change(punctual, list_members_added=[pair]) == {"list_members_added": []}
    shown = rows(pages(punctual, start, activityTypeIds="24,25"))
    assert [row["activityTypeId"] for row in shown] == [ADD_TO_LIST, REMOVE_FROM_LIST, ADD_TO_LIST]
    assert [row["id"] for row in shown] == sorted(row["id"] for row in shown)
    assert {row["activityDate"] for row in shown} == {NOW}
    assert last_words(new_since(punctual, before, ADD_TO_LIST, REMOVE_FROM_LIST)) == {
        (3005, 1001): True
    }


def test_activities_that_come_late(punctual: Client) -> None:
    start = token(punctual, JUST_BEFORE)
    pair = change(punctual, list_members_added=1, late_hours=5)["list_members_added"][0]
    (lead,) = change(punctual, updated_leads=1, late_hours=5)["updated_leads"]
    assert tuple(pair) in memberships(punctual)
    kinds = ",".join(map(str, (ADD_TO_LIST, *UPDATES)))
    punctual.advance(5 * 3600 - 1)
    assert not rows(pages(punctual, start, activityTypeIds=kinds))
    punctual.advance(1)
    shown = rows(pages(punctual, start, activityTypeIds=kinds))
    assert sorted(row["leadId"] for row in shown) == sorted([pair[1], lead])
    assert {row["activityDate"] for row in shown} == {NOW}


def test_lists_come_with_members_and_go_without_a_word(punctual: Client) -> None:
    made = change(punctual, new_lists=2, members=7)["new_lists"]
    assert [sum(pair[0] == each for pair in memberships(punctual)) for each in made] == [7, 7]
    before = activities(punctual, *ABOUT_LEADS)
    assert {row["primaryAttributeValueId"] for row in before} >= set(made)
    change(punctual, lists_deleted=[made[0], 3001])
    assert not {list_id for list_id, _ in memberships(punctual)} & {made[0], 3001}
    assert activities(punctual, *ABOUT_LEADS) == before
    assert code(punctual.get("/rest/v1/lists/3001/leads.json")) == "1013"
    (made_again,) = change(punctual, new_lists=1)["new_lists"]
    assert punctual.get(f"/rest/v1/lists/{made_again}/leads.json")["result"] == []


def test_deleted_leads_leave_their_lists(punctual: Client) -> None:
    before = activities(punctual, ADD_TO_LIST, REMOVE_FROM_LIST)
    gone = set(change(punctual, deleted_leads=50)["deleted_leads"])
    assert not {lead for _, lead in memberships(punctual)} & gone
    assert activities(punctual, ADD_TO_LIST, REMOVE_FROM_LIST) == before


def test_these_leads_are_deleted(punctual: Client) -> None:
    before = {row["id"] for row in punctual.control("truth/leads")["rows"]}
    assert change(punctual, deleted_leads=[1007, 1003])["deleted_leads"] == [1003, 1007]
    assert {row["id"] for row in punctual.control("truth/leads")["rows"]} == before - {1003, 1007}


def test_past_merges(past: Client) -> None:
    found = activities(past, MERGE_LEADS)
    leads = {row["id"] for row in past.control("truth/leads")["rows"]}
    assert len(found) == 12
    winner_of: dict[int, int] = {}
    dates: dict[int, str] = {}
    for row in found:
        for loser in row["attributes"]["Merge IDs"]:
            winner_of[loser] = row["primaryAttributeValueId"]
            dates[loser] = row["activityDate"]
    assert len(winner_of) > len(found)
    assert not winner_of.keys() & leads
    chained = {loser: winner for loser, winner in winner_of.items() if winner in winner_of}
    assert len(chained) > 2
    assert all(dates[loser] <= dates[winner] for loser, winner in chained.items())
    # What losers did is told of the last winner, an earlier merge as well.
    for row in found:
        first = row["primaryAttributeValueId"]
        assert row["leadId"] == winner_of.get(first, first)
    assert not {row["leadId"] for row in activities(past, *ABOUT_LEADS)} & winner_of.keys()


def test_merges(punctual: Client) -> None:
    punctual.advance(60)
    (listed,) = change(punctual, new_leads=1)["new_leads"]
    change(punctual, list_members_added=[[3005, listed]])
    before, held = activities(punctual, *ABOUT_LEADS), memberships(punctual)
    everything = truth_of_activities(punctual)
    start = token(punctual, JUST_BEFORE)
    merges = [[1001, listed], [1002, 1001, 1003]]
    assert change(punctual, merged_leads=merges)["merged_leads"] == merges
    new = new_since(punctual, before, *ABOUT_LEADS)
    assert [
        (row["leadId"], row["primaryAttributeValueId"], row["attributes"]["Merge IDs"])
        for row in new
    ] == [(1002, 1001, [listed]), (1002, 1002, [1001, 1003])]
    shown = rows(pages(punctual, start, activityTypeIds=MERGE_LEADS))
    assert [row["leadId"] for row in shown] == [1002, 1002]
    # All that they have ever done is the winner's.
    of_losers = {row["marketoGUID"] for row in everything if row["leadId"] in (1001, 1003, listed)}
    after = {row["marketoGUID"]: row["leadId"] for row in truth_of_activities(punctual)}
    assert len(of_losers) > 10
    assert {after[guid] for guid in of_losers} == {1002}
    assert all(
        after[row["marketoGUID"]] == row["leadId"]
        for row in everything
        if row["marketoGUID"] not in of_losers
    )
    leads = {row["id"]: row for row in punctual.control("truth/leads")["rows"]}
    assert not {listed, 1001, 1003} & leads.keys()
    answer = punctual.get(
        "/rest/v1/leads.json", filterType="id", filterValues=f"1001,1002,1003,{listed}"
    )
    assert [row["id"] for row in answer["result"]] == [1002]
    # No deletion is told of.
    deleted = rows(pages(punctual, start, activityTypeIds="37"))
    assert not deleted
    expected = {(list_id, 1002 if lead in (1001, 1003, listed) else lead) for list_id, lead in held}
    assert memberships(punctual) == expected
    assert (3005, 1002) in expected
    updated = new[-1]["attributes"]["Master Updated"]
    assert (leads[1002]["_changedAt"] == "2026-06-15T12:01:00Z") == updated


def test_merges_by_number(punctual: Client) -> None:
    before = activities(punctual, MERGE_LEADS)
    many = len(punctual.control("truth/leads")["rows"])
    done = change(punctual, merged_leads=9, merge_chains=2)["merged_leads"]
    assert len(done) == len(new_since(punctual, before, MERGE_LEADS)) == 9
    losers = [loser for _, *losers in done for loser in losers]
    assert len(losers) > 9
    assert sum(winner in losers for winner, *_ in done) == 2
    assert len(punctual.control("truth/leads")["rows"]) == many - len(losers)
    updated = {
        row["attributes"]["Master Updated"] for row in new_since(punctual, before, MERGE_LEADS)
    }
    assert updated == {True, False}


@pytest.mark.parametrize(
    "change",
    [
        {"deleted_leads": [1001, 99]},
        {"merged_leads": [[1001, 99]]},
        {"merged_leads": [[1001]]},
        {"merged_leads": [[1001, 1001]]},
        {"merged_leads": [[1001, 1002], [1003, 1002]]},
        {"list_members_added": [[3005, 99]]},
        {"list_members_added": [[99, 1001]]},
        {"list_members_removed": 1, "lists": [99]},
    ],
)
def test_changes_that_make_no_sense(shared: Client, change: Json) -> None:
    answer = requests.post(shared.sandbox.control + "/change", json=change, timeout=5)
    assert answer.status_code == 400


def test_types_that_the_account_lacks() -> None:
    with Sandbox(Options(now=NOW, scale=0, activity_types=13)) as sandbox:
        client = Client(sandbox)
        client.live_long()
        before = activities(client, *ABOUT_LEADS)
        assert {row["activityTypeId"] for row in before} == {NEW_LEAD, CHANGE_DATA_VALUE}
        change(client, updated_leads=50, list_members_added=5, merged_leads=2)
        new = new_since(client, before, *ABOUT_LEADS, CHANGE_SCORE)
        assert [row["activityTypeId"] for row in new] == [CHANGE_DATA_VALUE] * 50
        change(client, remove_activity_type=NEW_LEAD)
        change(client, new_leads=2)
        assert len(activities(client, NEW_LEAD)) == sum(
            row["activityTypeId"] == NEW_LEAD for row in before
        )


@pytest.mark.soak
def test_many_changes_at_once() -> None:
    options = Options(now=NOW, scale=0, leads=20_000, lists=500, list_memberships=100_000)
    with Sandbox(options) as sandbox:
        database, now = sandbox.database, sandbox.clock.now()
        assert len(database.change({"updated_leads": 20_000}, now)["updated_leads"]) == 20_000
        done = database.change({"list_members_added": 20_000, "merged_leads": 1000}, now)
        assert [len(each) for each in done.values()] == [20_000, 1000]
        assert len(database.activities.kind) == 5000 + 45 + 41_000
