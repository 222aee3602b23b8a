"""No call is made that is not needed: what discovery, lists and a sync that finds little cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import ceil
from typing import Any

import pytest

from tests import readme
from tests.end_to_end.checks import SMALL, VISITS, calls, discovered, polls
from tests.harness import Account, Tap, Target, account, select

# Before everything there is.
START = "2020-01-01T00:00:00Z"
# The types of the usual account; each is described by a call of its own.
CUSTOM_OBJECTS = 2


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered()


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL, "--export-minutes", "0.5") as running:
        yield running


def test_discovery_asks_for_fields_types_and_the_filter_only(marketo: Account, tap: Tap) -> None:
    tap.discover(marketo.config())
    # One probe for each permission; describe and types are those of leads and of activities.
    probes = (
        *("campaigns", "external_types", "channels"),
        *("landing_page_redirect_rules", "customobjects", "workspaces", "designer_emails"),
    )
    assert calls(marketo) == {
        "usage": 1, "describe": 1, "types": 1, "create": 1, "cancel": 1, **dict.fromkeys(probes, 1),
        "member_describe": 1, "customobject_describe": CUSTOM_OBJECTS,
        # The CRM has charge of them.
        **dict.fromkeys(("companies_describe", "sales_persons_describe"), 1),
        "opportunities_describe": 1,
    }  # fmt: skip


def documented_calls() -> dict[str, tuple[int, int, int]]:
    """Return the documented table: rows, calls of a first sync and of one without changes."""
    return {
        row[0].strip("`"): (int(row[1]), int(row[2]), int(row[3])) for row in readme.table("Calls")
    }


@pytest.fixture(scope="module")
def usual() -> Iterator[Account]:
    with account("--leads", "1", "--activities", "1", "--late-share", "0") as running:
        # No list is so young that its members are read again.
        running.advance(days=2)
        yield running


@pytest.mark.parametrize("stream", documented_calls())
def test_each_list_costs_what_the_docs_say(
    usual: Account, catalog: dict[str, Any], tap: Tap, stream: str
) -> None:
    config, target = usual.config(start_date=START), Target()
    chosen = select(catalog, [stream])
    told = []
    for _ in range(2):
        usual.control("POST", "reset_counters")
        tap.sync(config, chosen, target)
        told += [len(target.rows(stream)), sum(calls(usual).values()) - 1]
        # So long that the look-back reaches no change made just before the first sync.
        usual.advance(hours=2)
    rows, first, _, later = told
    assert (rows, first, later) == documented_calls()[stream]


def test_the_docs_tell_the_calls_of_every_list(usual: Account, tap: Tap) -> None:
    lists = {stream["tap_stream_id"] for stream in tap.discover(usual.config())["streams"]}
    exported = {
        name for name in lists if re.match("activities_|custom_object_(?!types$)", name)
    } | {"leads", "program_members"}
    assert set(documented_calls()) == lists - exported


@pytest.mark.parametrize(("campaigns", "lists"), [(650, 601), (600, 300), (1, 299)])
def test_lists_cost_one_call_a_page(
    catalog: dict[str, Any], tap: Tap, campaigns: int, lists: int
) -> None:
    counts = ("--campaigns", str(campaigns), "--lists", str(lists))
    with account(*SMALL, *counts) as marketo:
        streams = ["campaigns", "lists", "activity_types"]
        tap.sync(marketo.config(start_date=START), select(catalog, streams), Target())
        assert calls(marketo) == {
            "usage": 1,
            "types": 1,
            "campaigns": ceil(campaigns / 300),
            "lists": ceil(lists / 300),
        }


@pytest.mark.parametrize(("programs", "pages"), [(0, 1), (1, 2), (200, 2), (201, 3), (450, 4)])
def test_programs_cost_one_call_a_page_and_one_that_proves_the_end(
    catalog: dict[str, Any], tap: Tap, programs: int, pages: int
) -> None:
    with account(*SMALL, "--programs", str(programs)) as marketo:
        tap.sync(marketo.config(start_date=START), select(catalog, ["programs"]), Target())
        assert calls(marketo) == {"usage": 1, "programs": pages}


def test_a_sync_that_finds_little_makes_one_job_of_each_object(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config = marketo.config(start_date="2026-05-20T00:00:00Z")
    chosen = select(catalog, ["leads", VISITS])
    target = Target()
    tap.sync(config, chosen, target)
    for _ in range(2):
        marketo.advance(hours=24)
        marketo.change(updated_leads=1, new_activities=1)
        marketo.control("POST", "reset_counters")
        tap.sync(config, chosen, target)
        counted = calls(marketo)
        # The day's bytes are counted from the jobs of leads, activities, program members and two
        # custom objects; then the jobs are looked at.
        assert counted.pop("list") == 5 + len(polls(marketo))
        assert counted == {
            "usage": 1,
            "describe": 1,
            "types": 1,
            "customobjects": 1,
            "create": 2,
            "enqueue": 2,
            "file": 2,
        }
