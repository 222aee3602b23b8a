"""Permissions, the schema of the lead fields, usage, partitions, custom objects, export lists."""

from __future__ import annotations

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import NOW, Client, code
from tests.sandbox.paging import DATED, Place, make_token

FORMS = "/rest/asset/v1/forms.json"
SCHEMA = "/rest/v1/leads/schema/fields.json"

TOKEN = make_token(Place(DATED, (1_781_000_000, -1)), 0)

CALLS = {
    "Read-Only Asset": [
        FORMS,
        "/rest/asset/v1/programs.json",
        "/rest/asset/v1/folders.json",
        "/rest/asset/v1/program/1001.json",
        "/rest/asset/v1/folder/1/tokens.json",
    ],
    "Read-Only Redirect Rules": [
        "/rest/asset/v1/redirectRules.json",
        "/rest/asset/v1/landingPageDomains.json",
    ],
    "Read-Only Lead": [
        "/rest/v1/leads/describe.json",
        "/rest/v1/leads/partitions.json",
        "/rest/v1/programs/members/describe.json",
        "/rest/v1/lists.json",
        "/rest/v1/lists/3001/leads.json",
        "/rest/v1/leads.json?filterType=id&filterValues=1001",
        "/bulk/v1/leads/export.json",
        "/bulk/v1/program/members/export.json",
    ],
    "Read-Only Activity": [
        "/rest/v1/activities/types.json",
        f"/rest/v1/activities.json?activityTypeIds=1&nextPageToken={TOKEN}",
        "/bulk/v1/activities/export.json",
    ],
    "Read-Only Campaign": ["/rest/v1/campaigns.json"],
    "Read-Only Custom Object": [
        "/rest/v1/customobjects.json",
        "/rest/v1/customobjects/car_c/describe.json",
        "/bulk/v1/customobjects/car_c/export.json",
    ],
}


@pytest.mark.parametrize("lacking", CALLS)
def test_a_call_without_its_permission_is_denied(client: Client, lacking: str) -> None:
    assert client.control("permissions", {"lacks": [lacking]}) == {"lacks": [lacking]}
    for permission, paths in CALLS.items():
        for path in paths:
            answer = client.get(path)
            if permission == lacking:
                assert (code(answer), answer["errors"][0]["message"]) == ("603", "Access denied")
            else:
                assert answer["success"], path
    client.control("permissions", {"lacks": []})
    assert all(client.get(path)["success"] for path in CALLS[lacking])


def test_usage_needs_no_permission(client: Client) -> None:
    client.control("permissions", {"lacks": [*CALLS, "Read-Write Schema Custom Field"]})
    for name in ("usage", "errors"):
        assert client.get(f"/rest/v1/stats/{name}/last7days.json")["success"]


def test_role_may_lack_permissions_from_the_start() -> None:
    options = Options(now=NOW, scale=0, leads=1, lacks="Read-Only Assets,Read Only Redirect Rules")
    with Sandbox(options) as sandbox:
        client = Client(sandbox)
        assert code(client.get(FORMS)) == "603"
        assert code(client.get("/rest/asset/v1/redirectRules.json")) == "603"
        assert "no such permission" in client.control("permissions", {"lacks": ["All"]})["error"]


def test_schema_shows_what_the_role_may_see(client: Client) -> None:
    everything = client.get(SCHEMA)["result"]
    assert everything == client.control("truth/lead_schema_fields")["rows"]
    assert {each["isCustom"] for each in everything} == {True, False}
    assert any(each["isHidden"] for each in everything)
    for lacks, custom in (("Custom", {False}), ("Standard", {True})):
        client.control("permissions", {"lacks": [f"Read-Write Schema {lacks} Field"]})
        assert {each["isCustom"] for each in client.get(SCHEMA)["result"]} == custom
    both = [f"Read-Write Schema {each} Field" for each in ("Standard", "Custom")]
    client.control("permissions", {"lacks": both})
    assert code(client.get(SCHEMA)) == "603"


def test_schema_comes_in_pages(client: Client) -> None:
    found, query = [], {"batchSize": "30"}
    while True:
        page = client.get(SCHEMA, **query)
        found.extend(page["result"])
        if not page["moreResult"]:
            break
        query["nextPageToken"] = page["nextPageToken"]
    assert found == client.control("truth/lead_schema_fields")["rows"]
    assert client.control("counters")["calls"]["schema_fields"] == 3


def test_week_of_usage_and_errors(client: Client) -> None:
    client.get("/rest/v1/nothing.json")
    client.control("usage", {"foreign_calls": 7})
    days = client.get("/rest/v1/stats/usage/last7days.json")["result"]
    assert [day["date"] for day in days] == [f"2026-06-{number:02d}" for number in range(9, 16)]
    assert all(day["total"] == sum(user["count"] for user in day["users"]) for day in days)
    assert days[-1]["total"] == 2 + 7
    assert client.get("/rest/v1/stats/usage.json")["result"][0]["total"] == 3 + 7
    errors = client.get("/rest/v1/stats/errors/last7days.json")["result"]
    assert errors[-1] == {
        "date": "2026-06-15",
        "total": 1,
        "errors": [{"errorCode": "610", "count": 1}],
    }
    assert client.get("/rest/v1/stats/errors.json")["result"] == errors[-1:]
    assert errors == client.control("truth/daily_errors")["rows"]
    client.advance(86_400)
    later = client.get("/rest/v1/stats/errors/last7days.json")["result"]
    assert later[:-1] == errors[1:]


def test_partitions_and_custom_object_types(client: Client) -> None:
    partitions = client.get("/rest/v1/leads/partitions.json")["result"]
    assert partitions == client.control("truth/lead_partitions")["rows"]
    types = client.get("/rest/v1/customobjects.json")["result"]
    assert types == client.control("truth/custom_object_types")["rows"]
    assert [each["name"] for each in types] == ["car_c", "visit_c"]
    for details in client.control("truth/custom_object_types_details")["rows"]:
        (shown,) = client.get(f"/rest/v1/customobjects/{details['name']}/describe.json")["result"]
        assert shown["fields"] == details["fields"]
    assert code(client.get("/rest/v1/customobjects/nothing_c/describe.json")) == "1013"


def test_native_crm_sync() -> None:
    with Sandbox(Options(now=NOW, scale=0, leads=1, crm_sync=True)) as sandbox:
        client = Client(sandbox)
        names = [row["name"] for row in client.get("/rest/v1/customobjects.json")["result"]]
        (crm,) = set(names) - {"car_c", "visit_c"}
        (shown,) = client.get(f"/rest/v1/customobjects/{crm}/describe.json")["result"]
        assert all(field["crmManaged"] for field in shown["fields"])
        assert code(client.get(f"/bulk/v1/customobjects/{crm}/export.json")) == "1018"
        assert client.get("/bulk/v1/customobjects/car_c/export.json")["success"]


def test_exports_of_all_objects(client: Client) -> None:
    client.exported()
    for name in ("program/members", "customobjects/car_c"):
        client.control("finished_jobs", {"object": name, "bytes": 10, "minutes_ago": 5})
    rows = client.control("truth/bulk_exports")["rows"]
    assert [row["object"] for row in rows] == ["leads", "program/members", "customobjects/car_c"]
    for row in rows:
        listed = client.get(f"/bulk/v1/{row['object']}/export.json")["result"]
        assert [{"object": row["object"], **each} for each in listed] == [row]


def test_attribute_that_no_definition_names(client: Client) -> None:
    request = {"activity_type": 1, "name": "Webpage URL"}
    assert client.control("change", {"untold_attribute": request}) == {"untold_attribute": request}
    kinds = client.get("/rest/v1/activities/types.json")["result"]
    assert kinds == client.control("truth/activity_types")["rows"]
    (visit,) = [kind for kind in kinds if kind["id"] == 1]
    assert "Webpage URL" not in {each["name"] for each in visit["attributes"]}
    rows = [row for row in client.control("truth/activities")["rows"] if row["activityTypeId"] == 1]
    assert any("Webpage URL" in row["attributes"] for row in rows)


def test_metadata_of_activities_and_fields(client: Client) -> None:
    types = client.get("/rest/v1/activities/external/types.json")["result"]
    assert types == client.control("truth/custom_activity_types")["rows"]
    assert {each["status"] for each in types} == {"approved", "draft"}
    path = "/rest/v1/activities/external/type/{}/describe.json"
    for details in client.control("truth/custom_activity_types_details")["rows"]:
        (shown,) = client.get(path.format(details["apiName"]))["result"]
        assert details.items() <= shown.items()
        assert shown["status"] == "approved"
    assert code(client.get(path.format("planVisit"))) == "1013"
    (described,) = client.get("/rest/v1/leads/describe2.json")["result"]
    assert [described] == client.control("truth/lead_describe2")["rows"]
    assert ["email"] in described["searchableFields"]


def test_fields_of_forms_come_in_pages(client: Client) -> None:
    found = []
    for name, call in (("leads", "fields"), ("program_members", "programMemberFields")):
        path, offset = f"/rest/asset/v1/form/{call}.json", 0
        while rows := client.get(path, maxReturn="50", offset=str(offset))["result"]:
            found += [{"object": name, **row} for row in rows]
            offset += len(rows)
    assert found == client.control("truth/form_fields")["rows"]
    assert client.control("counters")["calls"]["lead_form_fields"] == 3


def test_schemas_of_objects_show_what_the_role_may_see(client: Client) -> None:
    path = "/rest/v1/programs/members/schema/fields.json"
    truth = client.control("truth/object_schemas")["rows"]
    shown = client.get(path)["result"]
    assert [{"object": "program_members", **row} for row in shown] == [
        row for row in truth if row["object"] == "program_members"
    ]
    client.control("permissions", {"lacks": ["Read-Write Schema Custom Field"]})
    assert {row["isCustom"] for row in client.get(path)["result"]} == {False}
    described = client.get("/rest/v1/programs/members/describe.json")["result"][0]["fields"]
    told = client.control("truth/object_fields")["rows"]
    named = [row["name"] for row in told if row["object"] == "program_members"]
    assert named == [row["name"] for row in described]
    # Without crm_objects a CRM has charge of the others.
    assert {row["object"] for row in told} == {"named_accounts", "program_members"}
