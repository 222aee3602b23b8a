"""No call is made that is not needed: what discovery, lists and a sync that finds little cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import ceil
from typing import Any

import pytest

from tests import readme
from tests.end_to_end import crm_accounts
from tests.end_to_end.checks import SMALL, VISITS, calls, discovered, polls
from tests.end_to_end.expected_crm import CRM
from tests.harness import Account, Tap, Target, account, select

# Before everything there is.
START = "2020-01-01T00:00:00Z"
# Before any lead changed.
BEGUN = "2026-05-05T00:00:00+00:00"
# The types of the usual account; each is described by a call of its own.
CUSTOM_OBJECTS = 2


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(**crm_accounts.SETTINGS)


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


@pytest.mark.sampled(3)
@pytest.mark.parametrize("stream", documented_calls())
def test_each_list_costs_what_the_docs_say(
    usual: Account, catalog: dict[str, Any], tap: Tap, stream: str
) -> None:
    config, target = usual.config(start_date=START, **crm_accounts.SETTINGS), Target()
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
    config = usual.config(**crm_accounts.SETTINGS)
    lists = {stream["tap_stream_id"] for stream in tap.discover(config)["streams"]}
    exported = {
        name for name in lists if re.match("activities_|custom_object_(?!types$)", name)
    } | {"leads", "program_members"}
    assert set(documented_calls()) == lists - exported


@pytest.mark.sampled(3)
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


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("programs", "pages"), [(0, 1), (1, 2), (200, 2), (201, 3), (450, 4)])
def test_programs_cost_one_call_a_page_and_one_that_proves_the_end(
    catalog: dict[str, Any], tap: Tap, programs: int, pages: int
) -> None:
    with account(*SMALL, "--programs", str(programs)) as marketo:
        tap.sync(marketo.config(start_date=START), select(catalog, ["programs"]), Target())
        assert calls(marketo) == {"usage": 1, "programs": pages}


def test_objects_by_keys_cost_a_call_for_300_of_them_and_a_job_of_references(tap: Tap) -> None:
    sizes = ("--leads", "600", "--companies", "500", "--opportunities", "400")
    with account(*SMALL, *sizes, *crm_accounts.OPTIONS, "--export-minutes", "0.5") as marketo:
        config, target = marketo.config(), Target(state=crm_accounts.state_of(BEGUN))
        chosen = select(tap.discover(config), CRM)
        counted = []
        for _ in range(2):
            marketo.control("POST", "reset_counters")
            tap.sync(config, chosen, target)
            counted.append(calls(marketo))
            # The look-back reaches some leads, whose companies are asked for again.
            marketo.advance(days=1)
        assert (len(target.rows("companies")), len(target.rows("opportunities"))) == (263, 320)
        # At first two windows each ask for the rest of what they have found.
        by_keys = {"companies": 2, "sales_persons": 1, "opportunities": 3, "opportunity_roles": 2}
        usual = {"usage": 1, "describe": 1, "customobjects": 1, "list": 6}
        usual |= dict.fromkeys((f"{name}_describe" for name in CRM), 1)
        assert counted[0] == {**usual, **by_keys, "create": 2, "enqueue": 2, "file": 2}
        assert counted[1] == {
            **usual, **by_keys, "companies": 1, "opportunities": 2,
            "types": 1, "pagingtoken": 1, "activities_page": 1,
            "create": 1, "enqueue": 1, "file": 1,
        }  # fmt: skip


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
