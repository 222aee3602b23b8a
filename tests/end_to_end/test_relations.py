"""An account read whole: messages in order, and rows that name rows of other streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.end_to_end.crm_accounts import BOTH, state_of
from tests.end_to_end.expected_assets import KEYS
from tests.harness import Run, Target, account, select, tap_in_a_directory
from tests.relations import LOST, RELATIONS, UNSEEN, Relation

# Few rows of what takes a call for each; all types of activities, with some of each.
OPTIONS = (
    *("--crm-objects", "--opportunity-filters", BOTH, "--activity-types", "60"),
    *("--leads", "120", "--activities", "2400", "--history-days", "25", "--late-share", "0"),
    *("--list-memberships", "150", "--lists", "20", "--programs", "20", "--folders", "10"),
    *("--tokens", "20", "--segmentations", "3", "--segments", "9", "--forms", "9"),
    *("--email-templates", "9", "--emails", "40", "--users", "12", "--campaigns", "60"),
    *("--smart-lists", "12", "--landing-pages", "20", "--landing-page-redirect-rules", "20"),
    *("--landing-page-templates", "6", "--landing-page-domains", "6", "--snippets", "6"),
    *("--files", "6", "--designer-emails", "20", "--program-members", "300"),
)
BY_GUID = (
    *("opportunities", "opportunity_roles", "named_accounts", "named_account_lists"),
    *("custom_object_car_c", "custom_object_visit_c"),
)
MORE_KEYS = {
    **KEYS,
    **dict.fromkeys(BY_GUID, ("marketoGUID",)),
    "smart_list_memberships": ("smartListId", "leadId"),
    "named_account_list_members": ("namedAccountListId", "marketoGUID"),
}
# Columns that take a call for each row, and name other rows.
DETAILS = {
    "programs": "tags",
    "email_templates": "usedBy",
    "forms": "usedBy",
    "users": "userRoleWorkspaces",
}


@pytest.fixture(scope="module")
def whole() -> Run:
    """A run that reads all streams."""
    with account(*OPTIONS) as marketo, tap_in_a_directory() as tap:
        lists = [f"Named List {number}" for number in (1, 2)]
        config = marketo.config(
            start_date="2026-03-01T00:00:00Z", smart_lists=[1001], named_account_lists=lists
        )
        catalog = select(tap.discover(config))
        for stream in catalog["streams"]:
            for item in stream["metadata"]:
                if item["breadcrumb"][1:] == [DETAILS.get(stream["tap_stream_id"])]:
                    item["metadata"]["selected"] = True
        # Companies and the like have been read before: else twenty years of leads are exported.
        done = tap.run(config, catalog, state_of())
    assert done.code == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def rows(whole: Run) -> Mapping[str, list[dict[str, Any]]]:
    target = Target()
    target.take(whole.lines)
    return {stream: target.rows(stream) for stream in target.tables}


def keys_of(stream: str) -> list[str]:
    usual = ("marketoGUID",) if stream.startswith("activities_") else ("id",)
    return list(MORE_KEYS.get(stream, usual))


def test_messages_are_in_order_and_complete(whole: Run) -> None:
    announced: set[str] = set()
    for message in whole.messages:
        if message["type"] == "SCHEMA":
            announced.add(message["stream"])
            name = message["stream"]
            assert message["key_properties"] == keys_of(name)
        elif message["type"] == "RECORD":
            assert message["stream"] in announced
            assert message["time_extracted"].startswith("2026-06-15T")
    assert whole.messages[-1]["type"] == "STATE"
    assert whole.stdout.endswith("\n")


SEEN = [each for each in RELATIONS if each.columns[-1] not in UNSEEN]


@pytest.mark.parametrize("relation", SEEN, ids=lambda r: f"{r.stream}.{r.columns[-1]}-{r.to}")
def test_what_a_row_names_is_there(
    relation: Relation, rows: Mapping[str, list[dict[str, Any]]]
) -> None:
    """Or the relation says why it need not be."""
    there = {tuple(str(row[key]) for key in relation.keys) for row in rows[relation.to]}
    named = {
        each
        for stream in rows
        if relation.is_of(stream)
        for row in rows[stream]
        for each in relation.found(row)
    }
    assert named
    if relation.why == LOST:
        assert not named & there
    elif relation.why:
        assert named & there
    else:
        assert named <= there
