"""Answers that anything may have happened to: right rows or one clear line, and never a hang."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_marketo.protocol.catalog import load_catalog
from tests.end_to_end import expected
from tests.end_to_end.checks import SMALL, stopped
from tests.end_to_end.expected import MEMBERS, MEMBERSHIPS
from tests.end_to_end.replay import (
    CARS,
    CHANGED_PROGRAMS,
    EVERY_TYPE,
    FIELDS,
    LEADS,
    LISTS,
    PAGED,
    PROGRAMS,
    STREAMS,
    VISITS,
    Recording,
    Replay,
    config,
    record,
    record_later,
    replaying,
)
from tests.end_to_end.servers import Reply
from tests.fuzzing import budget, json_bytes, spoilt
from tests.harness import Account, Run, Tap, Target, account, assert_secrets_kept, select

FUZZ = settings(
    max_examples=budget(1, soak=100),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
START = "2026-06-08T00:00:00Z"
# No run needs more, whatever is repeated.
MOST_CALLS = 600
ERRORS = ["600", "601", "602", "603", "604", "606", "607", "608", "610", "611", "614", "615", "713",
          "1003", "1006", "1013", "1029", "1035", ""]  # fmt: skip
MESSAGES = ["Access token expired", "Field 'email' not found", "Too many jobs in queue",
            "Export daily quota 500MB exceeded", "Job already queued", "", "{}\n%s"]  # fmt: skip
# How often an answer is odd.
TIMES = (1, float("inf"))
TOKEN, USAGE = "/identity/oauth/token", "/rest/v1/stats/usage.json"
DESCRIBE, TYPES = "/rest/v1/leads/describe.json", "/rest/v1/activities/types.json"
MEMBER_DESCRIBE = "/rest/v1/programs/members/describe.json"
OBJECTS, OBJECT_DESCRIBE = (
    "/rest/v1/customobjects.json",
    "/rest/v1/customobjects/car_c/describe.json",
)
LEADS_EXPORT, MEMBERS_EXPORT = "/bulk/v1/leads/export", "/bulk/v1/program/members/export"
EXPORTS = (
    LEADS_EXPORT, MEMBERS_EXPORT,
    "/bulk/v1/activities/export", "/bulk/v1/customobjects/car_c/export",
)  # fmt: skip
CREATE, CANCEL = f"{LEADS_EXPORT}/create.json", "/*/cancel.json"
# Of the lists that are seen, the one with members; of the programs, one of those that changed.
LIST = "/rest/v1/lists/3001/leads.json"
PAGE_OF = re.compile(r"/rest/v1/programs/(\d+)/members\.json")
SPOILT_PROGRAM = 1002
PAGE = f"/rest/v1/programs/{SPOILT_PROGRAM}/members.json"
# All calls of a first sync and of a discovery that the streams of this one make.
CALLS = {
    TOKEN, USAGE, DESCRIBE, TYPES, *PAGED, PROGRAMS,
    MEMBER_DESCRIBE, OBJECTS, OBJECT_DESCRIBE, LIST, PAGE,
    *(f"{export}{call}" for export in EXPORTS
      for call in ("/create.json", "/*/enqueue.json", ".json", "/*/status.json", "/*/file.json")),
}  # fmt: skip
# What tells of changes to leads, to program members and of lists, and the calls that only a later
# sync makes.
LEAD_SIGNS, MEMBER_SIGNS, LIST_SIGNS = (
    (12, 13, 22, 32, 51, 101, 103), (104, 113, 114, 115, 123), (24, 25),
)  # fmt: skip
ACTIVITIES = "/rest/v1/activities.json?activityTypeIds="
LEAD_LOG, MEMBER_LOG, LIST_LOG = (
    f"{ACTIVITIES}{','.join(map(str, types))}" for types in (LEAD_SIGNS, MEMBER_SIGNS, LIST_SIGNS)
)
BY_ID, PAGING_TOKEN = "/rest/v1/leads.json", "/rest/v1/activities/pagingtoken.json"
PROGRAM, NEW_LIST = "/rest/asset/v1/program/1004.json", "/rest/v1/lists/3013/leads.json"
LATER = {LEAD_LOG, MEMBER_LOG, LIST_LOG, BY_ID, PAGING_TOKEN, PROGRAM, NEW_LIST}
# These tell otherwise of what the first sync has asked for too.
BOTH = {TYPES, LISTS, CHANGED_PROGRAMS, PAGE}
# Of whose rows a call tells the fields.
FIELDS_OF = {
    DESCRIBE: (LEADS,),
    MEMBER_DESCRIBE: (MEMBERS,),
    OBJECT_DESCRIBE: (CARS,),
    OBJECTS: (CARS,),
    TYPES: (VISITS, EVERY_TYPE),
}
SIZES = ("--programs", "12", "--lists", "12", "--list-memberships", "300")

Tables = Mapping[str, Mapping[Any, Mapping[str, Any]]]


@dataclass
class World:
    """A recorded account, the command, and what the right tables are."""

    replay: Replay
    tap: Tap
    catalog: Mapping[str, Any]
    state: Any
    tables: Tables
    more_settings: Mapping[str, Any] = field(default_factory=dict)

    def run(self, *more: str, catalog: Any = None) -> Run:
        """Run the command; however it ends, it ends properly."""
        settings_of_run = config(self.replay, start_date=START, **self.more_settings)
        state = self.state if catalog else None
        done = self.tap.run(settings_of_run, catalog, state, *more)
        assert_ended_properly(done)
        assert len(self.replay.requests) < MOST_CALLS
        assert_secrets_kept(settings_of_run, done.stdout, done.stderr)
        token = self.replay.told.json(TOKEN)["access_token"]
        assert token not in done.stdout + done.stderr
        return done

    def programs_read(self) -> set[int]:
        """Return the programs whose members were asked for by pages."""
        targets = (self.replay.told.path_of(each.target) for each in self.replay.requests)
        return {int(page[1]) for page in map(PAGE_OF.fullmatch, targets) if page}

    def programs_exported(self) -> set[int]:
        """Return the programs whose members were to be exported."""
        bodies = [
            json.loads(request.body)
            for request in self.replay.requests
            if request.target == f"{MEMBERS_EXPORT}/create.json"
        ]
        return {number for body in bodies for number in body["filter"]["programIds"]}

    def leads_asked(self) -> set[int]:
        """Return the leads that were asked for by id."""
        queries = [
            parse_qs(request.body.decode() or urlsplit(request.target).query)
            for request in self.replay.requests
            if self.replay.told.path_of(request.target) == BY_ID
        ]
        return {int(key) for query in queries for key in query["filterValues"][0].split(",")}


def assert_ended_properly(done: Run) -> None:
    assert done.code in (0, 1, 2, 3)
    assert "Traceback" not in done.stderr, done.stderr
    assert "fault of tap-marketo" not in done.stderr
    assert len(done.critical) == (0 if done.code == 0 else 1)
    for line in done.stderr.split("\n"):
        assert re.match(r"(DEBUG|INFO|WARNING|CRITICAL) |$", line), line
    assert done.stdout[-1:] in ("", "\n")


def tables_of(done: Run) -> Tables:
    """Return the tables by key; of memberships without the times, which are those of runs."""
    target = Target()
    target.take(done.lines)
    tables = {
        name: {expected.plain_key(key): row for key, row in rows.items()}
        for name, rows in target.tables.items()
    }
    for row in tables.get(MEMBERSHIPS, {}).values():
        del row["updatedAt"], row["readAt"]
    return tables


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, World]]:
    """A first sync of all kinds of streams, and a later one of those that activities keep fresh."""
    with ExitStack() as stack:
        tap = Tap(tmp_path_factory.mktemp("worlds"))

        def world(told: Recording, catalog: Mapping[str, Any], state: Any = None) -> World:
            replay = stack.enter_context(replaying(told))
            found = World(replay, tap, catalog, state, {})
            if not catalog:
                found.catalog = select(json.loads(found.run("--discover").stdout), STREAMS)
            done = found.run(catalog=found.catalog)
            assert done.code == 0, done.stderr
            found.tables = tables_of(done)
            assert all(found.tables.values()), "a test without rows would prove nothing"
            return found

        with account(*SMALL, *SIZES, "--export-minutes", "0.5") as marketo:
            first = world(record(marketo, tap, START), {})
        assert set(first.tables) == set(STREAMS)
        recorded = first.replay.told.replies
        exports = {f"{export}{CANCEL}" for export in EXPORTS}
        assert {path for path in recorded if not is_of_others(path)} - exports == CALLS
        with account(*SMALL, *SIZES, "--export-minutes", "0.5") as marketo:
            told, catalog, state = later_sync(marketo, tap)
        later = world(told, catalog, state)
        assert set(later.tables) == {LEADS, MEMBERS, MEMBERSHIPS}
        assert set(told.replies) >= LATER | BOTH
        yield {"first": first, "later": later}


def is_of_others(path: str) -> bool:
    """Say whether a call is about another list, program or type than those spoilt."""
    is_of_parent = path.startswith("/rest/v1/lists/") or PAGE_OF.fullmatch(path)
    return "visit_c" in path or (bool(is_of_parent) and path not in (LIST, PAGE))


def later_sync(marketo: Account, tap: Tap) -> tuple[Recording, Any, Any]:
    """Record a sync of what has changed; leads of a catalog without the updatedAt filter."""
    chosen = select(tap.discover(marketo.config()), [LEADS, MEMBERS, MEMBERSHIPS], leads=FIELDS)
    (leads,) = (each for each in chosen["streams"] if each["tap_stream_id"] == LEADS)
    expected.metadata(leads)[()]["valid-replication-keys"] = ["createdAt"]
    target = Target()
    tap.sync(marketo.config(start_date=START), chosen, target)
    marketo.advance(hours=30)
    programs = [row["id"] for row in marketo.truth("programs")]
    marketo.change(program_members_changed=4, programs=[*programs[:2], programs[-1]])
    marketo.change(list_members_added=5)
    marketo.advance(seconds=5)
    marketo.change(program_members_left=4, programs=programs[1:4])
    marketo.change(list_members_removed=4)
    marketo.change(programs_deleted=programs[-1:])
    marketo.change(new_lists=1, members=6)
    marketo.change(updated_leads=6, new_leads=2)
    marketo.advance(hours=1)
    types = frozenset((*LEAD_SIGNS, *MEMBER_SIGNS, *LIST_SIGNS))
    assert target.state
    return record_later(marketo, tap, chosen, target.state, types), chosen, target.state


def error_answers() -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda code, message: {
            "requestId": "e42b#14272d07d78",
            "success": False,
            "errors": [{"code": code, "message": message}],
        },
        st.sampled_from(ERRORS),
        st.sampled_from(MESSAGES),
    )


def odd_replies(true: Reply) -> st.SearchStrategy[Reply]:
    """Return a strategy for what may come in place of a recorded answer."""
    usual: st.SearchStrategy[Any] = error_answers()
    if true.body.startswith((b"{", b"[")):
        usual |= st.just(json.loads(true.body))
    return st.builds(
        lambda body, status: Reply(
            status, body, {**true.headers, "Content-Type": "application/json"}
        ),
        usual.flatmap(spoilt).flatmap(json_bytes),
        st.sampled_from((*[200] * 12, 201, 206, 400, 401, 403, 409, 500)),
    )


def parsed_rows(reply: Reply) -> list[Any] | None:
    """Return the rows of an answer, None if it cannot be known what they are."""
    try:
        envelope = json.loads(reply.body)
        return list(envelope["result"]) if isinstance(envelope["result"], list) else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


@dataclass
class Harm:
    """What came of a list's rows.

    Attributes:
        unharmed: as they were.
        others: rows that did not come, or not as they were, and those that came instead.
    """

    unharmed: list[dict[str, Any]]
    others: list[dict[str, Any]]


def harm_of(world: World, path: str, reply: Reply) -> Harm:
    true: list[dict[str, Any]] = world.replay.told.json(path).get("result", [])
    came = parsed_rows(reply)
    if came is None:
        # Where Marketo leaves the result out, nothing is told; else it was asked for again.
        return Harm([], true)
    texts = [json.dumps(row) for row in came]
    # Of two of a kind it is the later one that may count.
    unharmed = [row for row in true if texts.count(json.dumps(row)) == 1]
    known = {json.dumps(row) for row in unharmed}
    odd = [row for row in came if isinstance(row, dict) and json.dumps(row) not in known]
    return Harm(unharmed, [*(row for row in true if json.dumps(row) not in known), *odd])


def numbers_in(rows: Iterable[Any], member: str) -> set[int]:
    """Return what a member of rows may be taken for as a number."""
    found: set[int] = set()
    for row in rows:
        value = row.get(member) if isinstance(row, dict) else None
        for told in (value, str(value)):
            try:
                found.add(int(told))  # type: ignore[arg-type]
            except (ValueError, TypeError, OverflowError):
                continue
    return found


def pairs_in(rows: Iterable[Mapping[str, Any]]) -> set[tuple[int, int]]:
    """Return the program or list, and the lead, that activities tell of."""
    return {
        (number, lead)
        for row in rows
        for number in numbers_in([row], "primaryAttributeValueId")
        for lead in numbers_in([row], "leadId")
    }


def assert_rows_right(
    world: World, stream: str, path: str, reply: Reply, table: Mapping[Any, Any]
) -> None:
    """What came unharmed is in the table as it should be."""
    true_table = world.tables[stream]
    came = parsed_rows(reply)
    for row in world.replay.told.json(path)["result"]:
        key = row["id"]
        twins = [
            r
            for r in ([row] if came is None else came)
            if isinstance(r, dict) and str(r.get("id")) == str(key)
        ]
        if twins and all(twin == row for twin in twins):
            assert table[key] == true_table[key]
        elif len(twins) == 1 and key in table:
            # Beside a harmed member the others are as they were; what is gone is null.
            (twin,) = twins
            for column, value in table[key].items():
                if column not in twin:
                    assert value in (None, true_table[key][column])
                elif json.dumps(twin[column]) == json.dumps(row.get(column)):
                    assert value == true_table[key][column]


def assert_equal_or_said(table: Mapping[Any, Any], true: Mapping[Any, Any], log: str) -> None:
    """Every value is right, or missing, and then there is a warning or it is kept aside."""
    assert set(table) <= set(true)
    missing = set(table) != set(true)
    for key, row in table.items():
        aside = row.get("unknown_attributes")
        for column, value in row.items():
            if column == "unknown_attributes":
                # What types.json does not name is kept here, and is in no other column then.
                continue
            assert value == true[key][column] or value is None
            missing = missing or (value != true[key][column] and not aside)
    assert not missing or "WARNING" in log


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("run", "path"),
    [
        *(("first", path) for path in sorted(CALLS)),
        *(("later", path) for path in sorted(LATER | BOTH)),
    ],
)
def test_a_sync_with_an_odd_answer_is_right_or_says_what_is_wrong(
    worlds: Mapping[str, World], run: str, path: str
) -> None:
    world = worlds[run]

    @FUZZ
    @given(odd_replies(world.replay.told.replies[path]), st.sampled_from(TIMES))
    def sync(reply: Reply, times: float) -> None:
        world.replay.spoil(path, reply, times)
        done = world.run(catalog=world.catalog)
        tables = tables_of(done)
        if done.code == 0:
            assert_tables_right(world, path, reply, tables, done.stderr)

    sync()


def assert_tables_right(world: World, path: str, reply: Reply, tables: Tables, log: str) -> None:
    for stream, true in world.tables.items():
        table = tables.get(stream, {})
        if stream == PAGED.get(path) or (path == BY_ID and stream == LEADS):
            assert_rows_right(world, stream, path, reply, table)
            assert table.keys() <= true.keys() | numbers_in(parsed_rows(reply) or [], "id")
        elif stream in FIELDS_OF.get(path, ()):
            assert_equal_or_said(table, true, log)
        elif stream == MEMBERSHIPS and path in (LIST, NEW_LIST, LISTS, LIST_LOG):
            harm = harm_of(world, path, reply)
            assert_equal_but(table, true, memberships_of(path, harm.others, true))
        elif stream == MEMBERS and path == PAGE:
            leads = numbers_in(harm_of(world, path, reply).others, "leadId")
            assert_equal_but(table, true, {(SPOILT_PROGRAM, lead) for lead in leads})
        elif stream == MEMBERS and path in (PROGRAMS, PROGRAM, MEMBER_LOG):
            assert_members_right(world, path, reply, table)
        elif stream == LEADS and path == LEAD_LOG:
            assert_leads_asked(world, harm_of(world, path, reply), table)
        else:
            assert table == true, stream


def assert_equal_but(table: Mapping[Any, Any], true: Mapping[Any, Any], others: Set[Any]) -> None:
    """The table is right, but for rows of which something else was told than the truth."""
    assert {key: row for key, row in table.items() if key not in others} == {
        key: row for key, row in true.items() if key not in others
    }


def memberships_of(
    path: str, rows: Iterable[Mapping[str, Any]], true: Mapping[Any, Any]
) -> set[tuple[int, int]]:
    """Return the memberships that rows of a call's answer tell of."""
    if path == LIST_LOG:
        return pairs_in(rows)
    numbers = numbers_in(rows, "id")
    if path == LISTS:
        return {(number, lead) for number, lead in true if number in numbers}
    (number,) = re.findall(r"/lists/(\d+)/", path)
    return {(int(number), lead) for lead in numbers}


def assert_members_right(
    world: World, path: str, reply: Reply, table: Mapping[Any, Mapping[str, Any]]
) -> None:
    """Programs of which something was told are asked for, and who left them is told.

    Of exports all come in one file, which holds what the right run has asked for.
    """
    true = world.tables[MEMBERS]
    harm = harm_of(world, path, reply)
    exported = world.programs_exported()
    asked = exported | world.programs_read()
    if path == MEMBER_LOG:
        others = pairs_in(harm.others)
        # Of what is no more nobody is a member.
        existing = {number for number, _ in true}
        told = existing & numbers_in(harm.unharmed, "primaryAttributeValueId")
    else:
        others = set()
        # Where Marketo tells of another program than the one asked about, it is said.
        rows = harm.others if path == PROGRAM and parsed_rows(reply) else harm.unharmed
        told = numbers_in(rows, "id") & {number for number, _ in true}
    assert told <= asked
    came = {
        key: row
        for key, row in true.items()
        if exported or key[0] in asked or row["createdAt"] is None
    }
    assert_equal_but(table, came, others)


def assert_leads_asked(world: World, harm: Harm, table: Mapping[Any, Any]) -> None:
    """Leads of which something was told are asked for by id: what comes of them is in the table."""
    assert numbers_in(harm.unharmed, "leadId") <= world.leads_asked()
    true = world.tables[LEADS]
    if world.leads_asked():
        assert table == true
    assert all(row == true[key] for key, row in table.items())


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "path",
    [
        TOKEN, USAGE, DESCRIBE, TYPES, CREATE, f"{LEADS_EXPORT}{CANCEL}",
        MEMBER_DESCRIBE, OBJECTS, OBJECT_DESCRIBE,
    ],
)  # fmt: skip
def test_a_discovery_with_an_odd_answer_gives_a_catalog_of_use_or_says_what_is_wrong(
    worlds: Mapping[str, World], path: str
) -> None:
    world = worlds["first"]

    @FUZZ
    @given(odd_replies(world.replay.told.replies[path]), st.sampled_from(TIMES))
    def discover(reply: Reply, times: float) -> None:
        world.replay.spoil(path, reply, times)
        done = world.run("--discover")
        if done.code != 0:
            assert done.stdout == ""
            return
        chosen = select(json.loads(done.stdout))
        names = [stream["tap_stream_id"] for stream in chosen["streams"]]
        wanted = {LEADS, *PAGED.values(), MEMBERS, MEMBERSHIPS}
        if path not in (OBJECTS, OBJECT_DESCRIBE):
            wanted.add(CARS)
        entries = load_catalog(str(world.tap.write("discovered.json", chosen)))
        assert [entry.stream for entry in entries] == names
        # What Marketo denies is left out, with a warning that names the permission.
        assert wanted <= set(names) or "are left out" in done.stderr

    discover()


def test_an_answer_about_another_program_than_the_one_asked_about_loses_no_members_in_silence(
    worlds: Mapping[str, World],
) -> None:
    world = worlds["later"]
    body = json.dumps({"requestId": "", "success": True, "result": [{"id": 17}]}).encode()
    headers = world.replay.told.replies[PROGRAM].headers
    world.replay.spoil(PROGRAM, Reply(200, body, headers), float("inf"))
    done = world.run(catalog=world.catalog)
    assert MEMBERS in stopped(done)
    assert PROGRAM in stopped(done)


@pytest.mark.parametrize("result", [[], [None], [1004]])
def test_a_program_of_which_marketo_shows_nothing_is_looked_for_among_all(
    worlds: Mapping[str, World], result: list[Any]
) -> None:
    world = worlds["later"]
    body = json.dumps({"requestId": "", "success": True, "result": result}).encode()
    headers = world.replay.told.replies[PROGRAM].headers
    world.replay.spoil(PROGRAM, Reply(200, body, headers), float("inf"))
    world.run(catalog=world.catalog)
    targets = [request.target for request in world.replay.requests]
    behind = targets[max(place for place, target in enumerate(targets) if target == PROGRAM) :]
    assert any(target.startswith("/rest/asset/v1/programs.json?") for target in behind)
    assert world.programs_read()
