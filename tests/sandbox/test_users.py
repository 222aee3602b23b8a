"""Users, roles and workspaces: no /rest, and no envelope (user-management.md)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import NOW, Client

USERS = "/userservice/management/v1/users"


def answer(client: Client, path: str, **query: Any) -> tuple[int, Any]:
    """Status and content of an answer."""
    got = client.http.get(client.sandbox.base + USERS + path, params=query, timeout=60)
    return got.status_code, got.json() if got.content else None


@pytest.mark.parametrize("name", ["roles", "workspaces"])
def test_a_list_is_a_bare_array_with_times_of_its_own(client: Client, name: str) -> None:
    table = {"roles": "user_roles"}.get(name, name)
    status, rows = answer(client, f"/{name}.json")
    assert (status, rows) == (200, client.control(f"truth/{table}")["rows"])
    assert rows[0]["createdAt"].endswith(".0t+0000")
    assert "-" not in rows[0]["createdAt"]


def test_users_come_in_pages(client: Client) -> None:
    truth = client.control("truth/users")["rows"]
    _, usual = answer(client, "/allusers.json")
    _, first = answer(client, "/allusers.json", pageSize=500)
    _, second = answer(client, "/allusers.json", pageSize=200, pageOffset=200)
    assert usual == truth[:20]
    assert (first, second) == (truth[:200], truth[200:])
    assert answer(client, "/allusers.json", pageOffset=205) == (200, [])


def test_one_user_is_an_object_and_one_who_was_only_invited_is_not_there(client: Client) -> None:
    listed = client.control("truth/users")["rows"]
    details = {row["userid"]: row for row in client.control("truth/users_details")["rows"]}
    for user in listed[:10]:
        status, found = answer(client, f"/{quote(user['userid'], safe='')}/user.json")
        if user["id"] % 10 == 9:
            assert (status, found["errors"][0]["code"]) == (404, 1013)
        else:
            assert (status, found) == (200, {**user, **details[user["userid"]]})


@pytest.mark.parametrize("lacking", ["Access User Management Api", "Access Users"])
@pytest.mark.parametrize("is_bare", [True, False])
def test_a_refusal_is_a_status(lacking: str, is_bare: bool) -> None:
    options = Options(seed=7, leads=2, activities=2, now=NOW, bare_errors=is_bare, lacks=lacking)
    with Sandbox(options) as sandbox:
        client = Client(sandbox)
        errors = {"errors": [{"code": 603, "message": "Access denied"}]}
        assert answer(client, "/roles.json") == (403, None if is_bare else errors)
        client.http.headers["Authorization"] = "Bearer nobody"
        errors = {"errors": [{"code": 601, "message": "Access token invalid"}]}
        assert answer(client, "/roles.json") == (401, None if is_bare else errors)
        # All other calls are as ever.
        assert client.get("/rest/v1/lists.json")["success"] is False


def test_a_fault_takes_the_form_of_these_calls(client: Client) -> None:
    for code, status in (("611", 500), ("607", 429), ("1003", 400)):
        client.control("faults", {"call": "user_roles", "kind": "error", "code": code})
        found, content = answer(client, "/roles.json")
        assert (found, content["errors"][0]["code"]) == (status, int(code))
    assert answer(client, "/roles.json")[0] == 200
