"""The members of a program are answered page by page as program-members.md says."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import NOW, Client, Json, code, rows_of, same
from tests.sandbox.test_members import KEY, exported, names_of, programs_of, truth

EVERYONE = {"filterType": "reachedSuccess", "filterValues": "true,false"}


def path_of(program: int) -> str:
    return f"/rest/v1/programs/{program}/members.json"


def members(client: Client, program: int, **query: Any) -> list[Json]:
    """All members that a filter means, page by page."""
    found: list[Json] = []
    while True:
        page = client.get(path_of(program), **query)
        found.extend(page["result"])
        assert page["moreResult"] == ("nextPageToken" in page)
        if not page["moreResult"]:
            return found
        query["nextPageToken"] = page["nextPageToken"]


def test_pages_have_the_members_of_an_export_in_every_cell(client: Client) -> None:
    program, other = programs_of(client)[:2]
    names, rows = names_of(client), truth(client)
    asked = {**EVERYONE, "fields": ",".join(names), "batchSize": 7}
    found = {row["leadId"]: row for row in members(client, program, **asked)}
    expected = {lead: row for (own, lead), row in rows.items() if own == program}
    assert found.keys() == expected.keys()
    for lead, row in expected.items():
        assert all(found[lead].get(name) == row[name] for name in names)
    fields = [name for name in names if name != "programId"]
    for row in exported(client, fields, programIds=[program]):
        shown = found[int(row["leadId"])]
        assert all(same(row[name], shown.get(name)) for name in names)
    leads = [lead for own, lead in rows if own == other]
    some = ",".join(map(str, [*leads[:2], 77, *(set(expected) - set(leads))]))
    by_lead = members(client, other, filterType="leadId", filterValues=some)
    assert [row["leadId"] for row in by_lead] == sorted(leads[:2])
    assert {*by_lead[0]} - {"seq"} == {
        "acquiredBy", "leadId", "membershipDate", "programId", "reachedSuccess",
    }  # fmt: skip
    (status, many), *_ = Counter(row["statusName"] for row in expected.values()).most_common()
    if "," not in status:
        by_status = members(client, program, filterType="statusName", filterValues=status)
        assert len(by_status) == many
    logged = client.control("log")["log"]
    assert {each["id"] for each in logged if each["call"] == "members_of_program"} == {
        str(program), str(other),
    }  # fmt: skip


def test_members_by_date(client: Client) -> None:
    program = programs_of(client)[0]
    told = client.control("change", {"program_members_changed": 3, "programs": [program]})
    span = {"startAt": "2026-06-15T11:00:00Z", "endAt": "2026-06-15T13:00:00Z"}
    found = members(client, program, filterType="updatedAt", **span)
    assert {(program, row["leadId"]) for row in found} >= {
        (own, lead) for own, lead in told["program_members_changed"]
    }
    long = {"startAt": "2026-06-01T00:00:00Z", "endAt": "2026-06-08T00:00:01Z"}
    assert code(client.get(path_of(program), filterType="updatedAt", **long)) == "1003"
    assert code(client.get(path_of(program), filterType="updatedAt")) == "1002"
    odd = {**span, "startAt": "2026-06-15T11:00:00.000Z"}
    assert code(client.get(path_of(program), filterType="updatedAt", **odd)) == "704"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"filterValues": "1"}, "1002"),
        ({"filterType": "leadId"}, "1002"),
        ({"filterType": "leadId", "filterValues": ",".join("1" * 301)}, "1003"),
        ({"filterType": "leadId", "filterValues": "x"}, "1001"),
        ({"filterType": "trackName", "filterValues": "A"}, "1003"),
        ({"filterType": "isSpeaker", "filterValues": "true"}, "1003"),
        ({**EVERYONE, "fields": "leadId,nope"}, "1006"),
        ({**EVERYONE, "nextPageToken": "rubbish"}, "1003"),
    ],
)
def test_refused_queries(shared: Client, query: Json, expected: str) -> None:
    assert code(shared.get(path_of(programs_of(shared)[0]), **query)) == expected


def test_who_can_be_asked_for(shared: Client) -> None:
    program = programs_of(shared)[0]
    assert code(shared.get(path_of(99), **EVERYONE)) == "1013"
    url = shared.sandbox.base + path_of(program)
    # That would change them.
    assert code(shared.http.post(url, json={"input": []}).json()) == "605"
    assert shared.http.post(f"{url}?_method=GET", data=EVERYONE).json()["result"]


def test_large_programs_and_pages_that_differ_from_exports() -> None:
    with Sandbox(Options(now=NOW, scale=0, most_members=20)) as sandbox:
        client = Client(sandbox)
        program = programs_of(client)[0]
        refused = client.get(path_of(program), **EVERYONE)
        assert code(refused) == "1003"
        assert "exceeds the limit allowed 20 for the filter" in refused["errors"][0]["message"]
        lead = next(lead for own, lead in truth(client) if own == program)
        asked = {"filterType": "leadId", "filterValues": lead}
        assert client.get(path_of(program), **asked)["result"]
    for kind in ("fewer", "other"):
        with Sandbox(Options(now=NOW, scale=0, member_pages=kind)) as sandbox:
            client = Client(sandbox)
            client.live_long()
            program = programs_of(client)[0]
            names = ",".join([*KEY, "statusReason"])
            found = members(client, program, **EVERYONE, fields=names)
            rows = {lead: row for (own, lead), row in truth(client).items() if own == program}
            assert (len(found) < len(rows)) == (kind == "fewer")
            reasons = {row["leadId"]: row.get("statusReason") for row in found}
            wrong = [each for each, row in rows.items() if row["statusReason"] != reasons.get(each)]
            assert wrong
            assert all(each % 7 == 0 for each in wrong)
            file = rows_of(client.file(client.exported(
                "program/members", fields=["leadId"], filter={"programIds": [program]}
            ), "program/members").text)  # fmt: skip
            assert len(file) == len(rows)
