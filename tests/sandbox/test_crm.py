"""Companies, opportunities and named accounts are answered as Adobe's pages say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import NOW, Client, Json, code, rows_of
from tests.sandbox.crm.kinds import BY_TABLE, DESCRIBED, OBJECTS, ObjectKind

USUAL = Options(now=NOW, scale=0, leads=60, activities=100, crm_objects=True)
DEALS = BY_TABLE["opportunities"]
ROLES = BY_TABLE["opportunity_roles"]


@pytest.fixture(name="crm", scope="module")
def _crm() -> Iterator[Client]:
    with Sandbox(USUAL) as sandbox:
        client = Client(sandbox)
        client.live_long()
        yield client


@pytest.fixture(name="changing")
def _changing() -> Iterator[Client]:
    with Sandbox(USUAL) as sandbox:
        client = Client(sandbox)
        client.live_long()
        yield client


def truth(client: Client, table: str) -> list[Json]:
    return list(client.control(f"truth/{table}")["rows"])


def asked(client: Client, path: str, form: Json) -> Json:
    """Ask by a POST that stands for a GET."""
    return dict(client.http.post(f"{client.sandbox.base}{path}?_method=GET", data=form).json())


def rows(client: Client, kind: ObjectKind, by: str, values: Any, **more: Any) -> list[Json]:
    """All rows that a filter finds, page by page."""
    form = {"filterType": by, "filterValues": ",".join(map(str, values)), **more}
    found: list[Json] = []
    while True:
        page = asked(client, kind.path, form)
        assert page["success"], page
        found += page["result"]
        if "nextPageToken" not in page:
            return found
        form["nextPageToken"] = page["nextPageToken"]


@pytest.mark.parametrize("kind", OBJECTS, ids=lambda kind: kind.table)
def test_rows_by_key_are_the_truth(crm: Client, kind: ObjectKind) -> None:
    table = truth(crm, kind.table)
    names = [name for name in table[0] if name != "_own"]
    by = "idField" if not kind.has_describe else kind.key
    found = rows(crm, kind, by, [row[kind.key] for row in table], fields=",".join(names))
    by_key = {row[kind.key]: row for row in found}
    assert by_key.keys() == {row[kind.key] for row in table}
    assert [row["seq"] for row in found] == list(range(len(found)))
    for row in table:
        shown = {name: by_key[row[kind.key]].get(name) for name in names}
        if shown.get("amount") is not None:
            # As in every example of opportunities.md.
            assert isinstance(shown["amount"], str)
            shown["amount"] = float(shown["amount"])
        assert shown == {name: row[name] for name in names}
    # "A requested field that is not returned has an implied value of null."
    has_nulls = any(value is None for row in table for value in row.values())
    assert any(len(row) < len(names) + 1 for row in found) == has_nulls


@pytest.mark.parametrize("call", DESCRIBED)
def test_describe_names_keys_filters_and_fields(crm: Client, call: str) -> None:
    kind = DESCRIBED[call]
    (described,) = crm.get(kind.describe_path)["result"]
    assert described["idField"] == kind.key
    assert described["dedupeFields"] == [*kind.dedupe]
    assert [kind.key] in described["searchableFields"]
    names = {field["name"] for field in described["fields"]}
    assert {kind.key, *kind.dedupe} <= names
    assert ("createdAt" in names) == (kind.table not in ("opportunity_roles", "named_accounts"))


def test_pages_filters_and_refusals(crm: Client) -> None:
    deals = truth(crm, "opportunities")
    keys = [row["externalOpportunityId"] for row in deals]
    form = {"filterType": "dedupeFields", "filterValues": ",".join(keys), "batchSize": 25}
    page = asked(crm, DEALS.path, form)
    assert (len(page["result"]), page["moreResult"]) == (25, True)
    assert len(rows(crm, DEALS, "dedupeFields", keys, batchSize=25)) == len(deals)
    # The definition of companies' answers has the token alone.
    companies = BY_TABLE["companies"]
    numbers = ",".join(str(row["id"]) for row in truth(crm, "companies"))
    page = asked(crm, companies.path, {"filterType": "id", "filterValues": numbers, "batchSize": 9})
    assert "nextPageToken" in page
    assert "moreResult" not in page
    assert asked(crm, DEALS.path, {**form, "filterValues": "nothing"})["result"] == []
    for refused, number in (
        ({**form, "filterType": "externalCompanyId"}, "1003"),
        ({**form, "fields": "name,nonsense"}, "1006"),
        ({**form, "filterValues": ""}, "1002"),
        ({**form, "filterValues": ",".join(map(str, range(301)))}, "1003"),
        ({**form, "nextPageToken": "x"}, "1003"),
    ):
        assert code(asked(crm, DEALS.path, refused)) == number
    assert code(asked(crm, ROLES.path, {**form, "filterType": "dedupeFields"})) == "1003"


def test_roles_by_the_compound_key(crm: Client) -> None:
    some = truth(crm, "opportunity_roles")[:3]
    inputs = [{name: row[name] for name in ROLES.dedupe} for row in some]
    url = f"{crm.sandbox.base}{ROLES.path}?_method=GET"
    body = {"filterType": "dedupeFields", "fields": ["marketoGuid", "role"], "input": inputs}
    found = crm.http.post(url, json=body).json()["result"]
    assert [(row["marketoGUID"], row["role"]) for row in found] == [
        (row["marketoGUID"], row["role"]) for row in some
    ]
    assert code(crm.http.post(url, json={**body, "input": [{"leadId": 1}]}).json()) == "1003"


def test_leads_are_linked_to_companies_and_sales_persons(crm: Client) -> None:
    leads, companies = truth(crm, "leads"), truth(crm, "companies")
    by_id = {row["id"]: row for row in companies}
    linked = [row for row in leads if row["externalCompanyId"]]
    assert 0 < len(linked) < len(leads)
    for row in leads:
        company = by_id[int(row["contactCompany"])]
        assert company["externalCompanyId"] == row["externalCompanyId"]
        # As in real files: the company of a lead without one has the lead's own id.
        assert (row["contactCompany"] == str(row["id"])) == ("_own" in company)
    owners = {row["externalSalesPersonId"] for row in truth(crm, "sales_persons")}
    assert {row["externalSalesPersonId"] for row in leads} - {None} <= owners
    names = ["id", "contactCompany", "externalCompanyId", "externalSalesPersonId"]
    month = {"startAt": "2026-05-16T00:00:00Z", "endAt": "2026-06-16T00:00:00Z"}
    file = rows_of(crm.file(crm.exported(fields=names, filter={"createdAt": month})).text)
    shown = {int(row["id"]): row for row in file}
    assert shown
    for row in leads:
        if row["id"] in shown:
            assert shown[row["id"]] == {name: str(row[name] or "null") for name in names}


def test_members_of_lists_of_named_accounts(crm: Client) -> None:
    for row in truth(crm, "named_account_lists"):
        own = [
            each["account"]
            for each in truth(crm, "named_account_list_members")
            if each["list"] == row["marketoGUID"]
        ]
        path = f"/rest/v1/namedAccountList/{row['marketoGUID']}/namedAccounts.json"
        page = crm.get(path, fields="name", batchSize=12)
        found = page["result"]
        while page["moreResult"]:
            page = crm.get(path, fields="name", batchSize=12, nextPageToken=page["nextPageToken"])
            found += page["result"]
        assert [each["marketoGUID"] for each in found] == own
    assert code(crm.get("/rest/v1/namedAccountList/nothing/namedAccounts.json")) == "1013"


def test_changes(changing: Client) -> None:
    change = {
        "companies_updated": 3,
        "new_companies": 1,
        "external_id": "with, comma",
        "linked_leads": [[1001, 500_001], [1002, 0]],
        "owned_leads": [[1001, 700_001]],
        "new_opportunity_roles": 2,
    }
    done = changing.control("change", change)
    by_id = {row["id"]: row for row in truth(changing, "companies")}
    assert by_id[done["new_companies"][0]]["externalCompanyId"] == "with, comma"
    assert all(by_id[number]["updatedAt"] == NOW for number in done["companies_updated"])
    first, second = (row for row in truth(changing, "leads") if row["id"] in (1001, 1002))
    assert first["contactCompany"] == "500001"
    assert (second["contactCompany"], second["externalCompanyId"]) == ("1002", None)
    roles = {row["marketoGUID"]: row for row in truth(changing, "opportunity_roles")}
    told = [
        row
        for row in truth(changing, "activities")
        if row["activityTypeId"] == 34 and row["activityDate"] == NOW
    ]
    new = done["new_opportunity_roles"]
    assert [row["leadId"] for row in told] == [roles[key]["leadId"] for key in new]
    gone = changing.control("change", {"opportunity_roles_deleted": new})
    assert gone["opportunity_roles_deleted"] == new
    removed = {"removed_object_fields": [["opportunities", "nextStep"]]}
    changing.control("change", removed)
    (described,) = changing.get(DEALS.describe_path)["result"]
    assert "nextStep" not in {field["name"] for field in described["fields"]}


def test_too_many_matches_and_further_filters() -> None:
    options = {"most_matches": 5, "opportunity_filters": "externalSalesPersonId"}
    with Sandbox(Options(**{**vars(USUAL), **options})) as sandbox:
        client = Client(sandbox)
        keys = [row["externalOpportunityId"] for row in truth(client, "opportunities")]
        form = {"filterType": "dedupeFields", "filterValues": ",".join(keys[:6])}
        answer = asked(client, DEALS.path, form)
        assert code(answer) == "1003"
        assert "Too many results" in answer["errors"][0]["message"]
        assert len(rows(client, DEALS, "dedupeFields", keys[:5])) == 5
        (described,) = client.get(DEALS.describe_path)["result"]
        assert ["externalSalesPersonId"] in described["searchableFields"]
        assert rows(client, DEALS, "externalSalesPersonId", ["nobody"]) == []


def test_a_native_crm_integration_takes_them_away(shared: Client) -> None:
    for kind in OBJECTS:
        form = {"filterType": "idField", "filterValues": "1"}
        answer = asked(shared, kind.path, form)
        assert answer["success"] != kind.is_of_crm
        if kind.is_of_crm:
            assert code(answer) == code(shared.get(kind.describe_path)) == "1018"
    assert "externalCompanyId" not in {
        field.get("rest", {}).get("name")
        for field in shared.get("/rest/v1/leads/describe.json")["result"]
    }


def test_permissions(changing: Client) -> None:
    for kind in OBJECTS:
        changing.control("permissions", {"lacks": [kind.permission]})
        form = {"filterType": "idField", "filterValues": "1"}
        refused = [each for each in OBJECTS if not asked(changing, each.path, form)["success"]]
        assert {each.permission for each in refused} == {kind.permission}
