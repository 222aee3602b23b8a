"""Odd answers about what is read by keys, of users, of the Email Designer, and of metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.end_to_end import crm_accounts
from tests.end_to_end.checks import discovered
from tests.end_to_end.expected_assets import DESIGNER
from tests.end_to_end.expected_crm import CRM, NAMED
from tests.end_to_end.replay import record_run, replaying
from tests.end_to_end.servers import Reply
from tests.end_to_end.test_fuzz_answers import TIMES, World, odd_replies, tables_of
from tests.fuzzing import budget
from tests.harness import Tap, account, select

FUZZ = settings(
    max_examples=budget(1, soak=100),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
START = "2026-06-08T00:00:00Z"
SIZES = (
    *("--leads", "12", "--activities", "5", "--history-days", "7", "--late-share", "0"),
    *("--programs", "2", "--users", "5", "--user-roles", "3", "--designer-emails", "6"),
    *("--designer-email-templates", "5", "--designer-fragments", "5", "--crm-objects"),
    *("--export-minutes", "0.5", "--opportunities", "12", "--opportunity-roles", "20"),
)
USERS = ("users", "user_roles", "workspaces")
METADATA = ("custom_activity_types", "object_fields", "form_fields")
V1, V2, OF_USERS = "/rest/v1", "/rest/asset/v2", "/userservice/management/v1/users"
LIST, EXPORT = f"{V1}/namedAccountList", "/bulk/v1/leads/export"
DESCRIBED = ("companies", "opportunities", "opportunities/roles", "salespersons", "namedaccounts")
# Of whose rows the answers to a call tell, and by which column they are known.
ROWS_OF = {
    f"{V1}/companies.json": ("companies", "id"),
    f"{V1}/salespersons.json": ("sales_persons", "id"),
    f"{V1}/opportunities.json": ("opportunities", "marketoGUID"),
    f"{V1}/opportunities/roles.json": ("opportunity_roles", "marketoGUID"),
    f"{LIST}s.json": ("named_account_lists", "marketoGUID"),
    f"{OF_USERS}/allusers.json": ("users", "userid"),
    f"{OF_USERS}/roles.json": ("user_roles", "id"),
    f"{OF_USERS}/workspaces.json": ("workspaces", "id"),
    f"{V2}/email/filter": ("designer_emails", "id"),
    f"{V2}/emailtemplate/filter": ("designer_email_templates", "id"),
    f"{V2}/fragment/filter": ("designer_fragments", "id"),
    f"{V1}/activities/external/types.json": ("custom_activity_types", "apiName"),
}
# What else such an answer leads to.
LEADS_TO = {
    **dict.fromkeys(CRM, CRM), "named_account_lists": NAMED, "workspaces": DESIGNER,
}  # fmt: skip

CALLS = (
    *ROWS_OF, f"{LIST}/", f"{EXPORT}/create.json", f"{EXPORT}/*/file.json",
    *(f"{V1}/{name}/describe.json" for name in (*DESCRIBED, "programs/members")),
    *(f"{V1}/{name}/schema/fields.json" for name in ("companies", "programs/members")),
    *(f"/rest/asset/v1/form/{name}.json" for name in ("fields", "programMemberFields")),
)  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A sync of all these streams, with few rows of each."""
    tap = Tap(tmp_path_factory.mktemp("world"))
    streams = [*CRM, *NAMED, *USERS, *METADATA, *DESIGNER]
    chosen = select(discovered(*SIZES, **crm_accounts.SETTINGS), streams)
    state = crm_accounts.state_of("2026-06-08T00:00:00+00:00")
    more = crm_accounts.SETTINGS
    with account(*SIZES) as marketo:
        told = record_run(marketo, tap, chosen, state, {}, start_date=START, **more)
    with replaying(told) as replay:
        found = World(replay, tap, chosen, state, {}, more)
        done = found.run(catalog=chosen)
        assert done.code == 0, done.stderr
        found.tables = tables_of(done)
        assert found.tables.keys() == {*streams}
        assert all(found.tables.values()), "a test without rows would prove nothing"
        yield found


def affected_by(path: str) -> set[str]:
    """Return the streams of which an odd answer to a call may change rows."""
    if path in ROWS_OF:
        stream, _ = ROWS_OF[path]
        return {stream, *LEADS_TO.get(stream, ())}
    if path.startswith(EXPORT):
        return {*CRM}
    if path.startswith(LIST):
        return {*NAMED}
    if path.endswith("describe.json"):
        return {*CRM, *NAMED, "object_fields"}
    return {"form_fields"} if "form/" in path else {"object_fields"}


def assert_rows_right(
    path: str, world: World, reply: Reply, table: Mapping[Any, Mapping[str, Any]]
) -> None:
    """Rows that came unharmed are in the table as they should be."""
    stream, column = ROWS_OF[path]
    try:
        came = [json.dumps(row) for row in rows_in(json.loads(reply.body))]
    except (ValueError, TypeError, RecursionError):
        return
    for row in rows_in(json.loads(world.replay.told.replies[path].body)):
        twins = [each for each in came if json.dumps(row[column]) in each]
        if twins == [json.dumps(row)] and row[column] in table:
            assert table[row[column]] == world.tables[stream][row[column]]


def rows_in(answer: Any) -> list[Any]:
    """Return the rows of an answer in any of its forms."""
    found = answer.get("result") if isinstance(answer, dict) else answer
    found = found.get("items") if isinstance(found, dict) else found
    return found if isinstance(found, list) else []


@pytest.mark.sampled(3)
@pytest.mark.parametrize("path", CALLS)
def test_a_sync_with_an_odd_answer_is_right_or_says_what_is_wrong(world: World, path: str) -> None:
    told = world.replay.told
    recorded = next(each for each in told.replies if each.startswith(path))

    @FUZZ
    @given(odd_replies(told.replies[recorded]), st.sampled_from(TIMES))
    def sync(reply: Reply, times: float) -> None:
        world.replay.spoil(recorded, reply, times)
        done = world.run(catalog=world.catalog)
        if done.code == 0:
            tables, affected = tables_of(done), affected_by(path)
            for stream, true in world.tables.items():
                assert stream in affected or tables[stream] == true, stream
            if path in ROWS_OF:
                assert_rows_right(path, world, reply, tables[ROWS_OF[path][0]])

    sync()
