"""With the documented SQL what targets have loaded is what Marketo has, also after merges."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations, pairwise, permutations
from typing import Any, NamedTuple

import pytest

from tests.end_to_end import expected
from tests.harness import Account, Tap, account, assert_secrets_kept, select
from tests.integration.target_drivers import DATABASES, Database, Row, Rows, database
from tests.readme import code

OPTIONS = (
    *("--leads", "150", "--activities", "1500", "--history-days", "60", "--late-share", "0"),
    *("--lists", "40", "--list-memberships", "300"),
    *("--programs", "40", "--program-members", "500", "--merged-leads", "6"),
)
# Before everything there is.
START = "2026-03-01T00:00:00Z"
ACTIVITIES = (
    "activities_click_email",
    "activities_new_lead",
    "activities_add_to_list",
    "activities_change_data_value",
    "activities_merge_leads",
    "activities_delete_lead",
)
STREAMS = ("leads", "list_memberships", "program_members", *ACTIVITIES)

SQL = code("Deleted and merged leads", "sql")
# The page has the view of one table of activities, the last one.
ONE_TABLE = SQL[SQL.rindex("create or replace view") :]
ALL_SQL = SQL + "".join(ONE_TABLE.replace(ACTIVITIES[0], name) for name in ACTIVITIES[1:])

LEFT = "Not in Program"
CHANGES = {"new_leads": 3, "updated_leads": 10, "new_activities": 40}


def rows_of(tables: Mapping[str, Rows], name: str) -> Rows:
    """Return a table's rows; targets disagree about the case of columns."""
    return [{column.lower(): cell for column, cell in row.items()} for row in tables[name]]


def by_key(rows: Rows, *columns: str) -> dict[Any, Row]:
    """Return the rows by their keys, which must be unique."""
    keyed = {tuple(row[column] for column in columns): row for row in rows}
    assert len(keyed) == len(rows)
    return keyed


class Pipeline:
    """Tap, target, and the SQL behind them."""

    def __init__(self, tap: Tap, driver: Database, marketo: Account) -> None:
        """Load from an account into a place."""
        self._tap = tap
        self._place = driver
        self._marketo = marketo
        self._state: Any = None

    def run(self) -> dict[str, Rows]:
        """Load, run the SQL, and return all tables and views, which must be as Marketo has it."""
        config = self._marketo.config(start_date=START)
        catalog = select(self._tap.discover(config), STREAMS)
        self._state, log = self._place.load(self._tap.command(config, catalog, self._state))
        assert_secrets_kept(config, log)
        tables = self.run_sql()
        self._assert_current(tables)
        return tables

    def run_sql(self) -> dict[str, Rows]:
        """Run the SQL; return all tables and views, with their rows in an order."""
        self._place.execute(ALL_SQL)
        return {name: sorted(rows, key=repr) for name, rows in self._place.tables({}).items()}

    def tell_twice(self) -> None:
        """Let the target hold each merge and each deletion twice, and losers deleted as well."""
        self._place.execute(
            'insert into activities_delete_lead ("marketoGUID", "leadId", "activityDate")'
            """ select 'again ' || cast("leadId" as varchar), "leadId", max("mergedAt")"""
            ' from merged_leads group by "leadId"'
        )
        for name in ("activities_merge_leads", "activities_delete_lead"):
            columns = ["leadId", "activityDate"]
            columns += ["merge_ids"] if name == "activities_merge_leads" else []
            listed = ", ".join(f'"{column}"' for column in columns)
            self._place.execute(
                f'insert into {name} ("marketoGUID", {listed})'
                f""" select 'again ' || "marketoGUID", {listed} from {name}"""
            )
        self._assert_current(self.run_sql())

    def _assert_current(self, tables: Mapping[str, Rows]) -> None:
        self._assert_leads(tables)
        lists = by_key(rows_of(tables, "current_list_memberships"), "listid", "currentleadid")
        assert {key for key, row in lists.items() if row["ismember"]} == {
            (row["listId"], row["leadId"]) for row in self._marketo.truth("list_memberships")
        }
        self._assert_members(tables)
        leads = {row["marketoGUID"]: row["leadId"] for row in self._marketo.truth("activities")}
        for name in ACTIVITIES:
            held = by_key(rows_of(tables, name), "marketoguid")
            for (guid,), row in by_key(rows_of(tables, f"current_{name}"), "marketoguid").items():
                current = row.pop("currentleadid")
                assert row == held.pop((guid,))
                if guid in leads:
                    assert current == leads[guid]
            assert not held

    def _assert_leads(self, tables: Mapping[str, Rows]) -> None:
        held = by_key(rows_of(tables, "leads"), "id")
        current = by_key(rows_of(tables, "current_leads"), "id")
        assert current.keys() == {(row["id"],) for row in self._marketo.truth("leads")}
        assert all(row == held[key] for key, row in current.items())

    def _assert_members(self, tables: Mapping[str, Rows]) -> None:
        current = by_key(rows_of(tables, "current_program_members"), "programid", "currentleadid")
        there = {key: row for key, row in current.items() if row["statusname"] != LEFT}
        truth = {(r["programId"], r["leadId"]): r for r in self._marketo.truth("program_members")}
        assert there.keys() == truth.keys()
        either = unclear_members(tables)
        assert len(either) < len(there) / 10
        for key in there.keys() - either:
            row = there[key]
            assert row["statusname"] == truth[key]["statusName"]
            for column in ("membershipDate", "updatedAt"):
                held = expected.as_time(row[column.lower()])
                assert held == expected.as_time(truth[key][column])


def unclear_members(tables: Mapping[str, Rows]) -> set[Any]:
    """Return the members that got in by two losers: no page says whose status they have then."""
    heirs: dict[int, set[int]] = {}
    for row in rows_of(tables, "merged_leads"):
        heirs.setdefault(row["leadid"], set()).add(row["heirid"])
    current = {row["leadid"]: row["currentleadid"] for row in rows_of(tables, "gone_leads")}
    losers: dict[Any, list[int]] = {}
    for row in rows_of(tables, "program_members"):
        if row["leadid"] in current and row["statusname"] != LEFT:
            key = row["programid"], current[row["leadid"]]
            losers.setdefault(key, []).append(row["leadid"])
    return {
        key
        for key, leads in losers.items()
        for one, two in combinations(leads, 2)
        if two not in heirs.get(one, ()) and one not in heirs.get(two, ())
    }


def programs_by_lead(marketo: Account) -> dict[int, set[int]]:
    """Return the programs of each lead."""
    found: dict[int, set[int]] = {row["id"]: set() for row in marketo.truth("leads")}
    for row in marketo.truth("program_members"):
        found[row["leadId"]].add(row["programId"])
    return found


class Cast(NamedTuple):
    """Leads that something happens to, each another one."""

    heir: int
    loser: int
    leaver: int
    loser_of_leaver: int
    returner: int
    loser_of_returner: int
    # The last has the lowest id, which must not matter.
    last: int
    middle: int
    first: int
    winner_of_two: int
    one: int
    two: int
    short_lived: int
    loser_of_short_lived: int
    deleted: int
    resigned: int


@pytest.mark.parametrize("target", DATABASES)
def test_the_sql_of_the_docs_applies_deletions_and_merges(target: str, tap: Tap) -> None:
    with account(*OPTIONS) as marketo, database(target, tap.directory) as driver:
        pipeline = Pipeline(tap, driver, marketo)
        # One of two members leaves the first, and then wins the other one; the only member of the
        # second loses to one who leaves it then.
        left, only = marketo.change(new_programs=2)["new_programs"]
        marketo.change(new_program_members=1, programs=[only])
        marketo.change(new_program_members=2, programs=[left])
        programs = programs_by_lead(marketo)
        pair = [lead for lead, own in programs.items() if left in own]
        (alone,) = (lead for lead, own in programs.items() if only in own)
        assert alone not in pair
        # What a loser leaves just before the merge looks as if the winner had left it (the page).
        leavers = {
            row["leadId"]
            for row in marketo.truth("activities")
            if row["attributes"].get("New Status") == LEFT
        }
        free = [lead for lead in programs if lead not in {*pair, alone, *leavers}]
        shared = next([a, b] for a, b in permutations(free, 2) if programs[a] & programs[b])
        free = [lead for lead in free if lead not in shared]
        cast, rest = Cast(*free[: len(Cast._fields)]), free[len(Cast._fields) :]
        (on,) = marketo.change(new_lists=1)["new_lists"]
        members = [cast.loser, *shared, cast.loser_of_leaver, cast.returner, cast.deleted]
        members += [cast.loser_of_returner, cast.first, cast.one, cast.two]
        members += [cast.loser_of_short_lived]
        marketo.change(list_members_added=[[on, lead] for lead in members])
        # Longer than the tap looks back: what it loads once it does not load again.
        marketo.advance(days=2)
        tables = pipeline.run()
        # The losers of the past are told of, and were never loaded.
        assert tables["merged_leads"]
        assert len(tables["current_leads"]) == len(tables["leads"])

        marketo.change(list_members_removed=[[on, cast.returner]])
        done = marketo.change(program_members_left=1, programs=[left])["program_members_left"]
        back = done[0][1]
        (stays,) = {*pair} - {back}
        marketo.advance(hours=1)
        marketo.change(
            merged_leads=[
                [cast.heir, cast.loser],
                shared,
                [cast.leaver, cast.loser_of_leaver],
                [cast.returner, cast.loser_of_returner],
                [cast.middle, cast.first],
                [cast.winner_of_two, cast.one, cast.two],
                [cast.short_lived, cast.loser_of_short_lived],
                [back, stays],
                [cast.resigned, alone],
            ],
            deleted_leads=[cast.deleted],
            **CHANGES,
        )
        marketo.advance(days=2)
        tables = pipeline.run()
        assert len(tables["current_leads"]) < len(tables["leads"])
        assert pipeline.run_sql() == tables
        members_now = by_key(
            rows_of(tables, "current_program_members"), "programid", "currentleadid"
        )
        assert members_now[left, back]["leadid"] == stays

        marketo.change(
            merged_leads=[[cast.last, cast.middle]],
            deleted_leads=[cast.short_lived],
            list_members_removed=[[on, cast.leaver]],
            program_members_left=1,
            programs=[only],
            new_lead_field={"name": "shoeSize", "dataType": "integer"},
            **CHANGES,
        )
        marketo.advance(days=2)
        tables = pipeline.run()
        assert pipeline.run_sql() == tables
        assert "shoesize" in rows_of(tables, "current_leads")[0]
        members_now = by_key(
            rows_of(tables, "current_program_members"), "programid", "currentleadid"
        )
        assert members_now[only, cast.resigned]["statusname"] == LEFT
        # Nothing but the chain tells whose that merge is in the end.
        assert cast.middle in [row["leadid"] for row in rows_of(tables, "activities_merge_leads")]
        gone = {row["leadid"]: row["currentleadid"] for row in rows_of(tables, "gone_leads")}
        assert gone[cast.first] == gone[cast.middle] == cast.last
        assert gone[cast.one] == gone[cast.two] == cast.winner_of_two
        listed = {
            row["currentleadid"]: row["ismember"]
            for row in rows_of(tables, "current_list_memberships")
            if row["listid"] == on
        }
        assert listed == {
            **dict.fromkeys(
                [cast.heir, shared[0], cast.returner, cast.last, cast.winner_of_two], True
            ),
            cast.leaver: False,
        }

        chains = [[b, a] for a, b in pairwise(rest[:6])]
        marketo.change(merged_leads=[*chains, [rest[6], *rest[7:10]]], **CHANGES)
        marketo.change(merged_leads=[[rest[10], rest[5], rest[6]]], deleted_leads=5)
        marketo.advance(days=2)
        pipeline.run()
        pipeline.tell_twice()
