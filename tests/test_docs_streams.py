"""What the documents say of streams is true: keys, replication, costs, permissions, columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import NamedTuple

import pytest

from tap_marketo.exports.plan_line import Calls
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.assets_seen import ASSETS_SEEN
from tap_marketo.streams.children import Children
from tap_marketo.streams.definition import DeclaredStream, StreamDefinition
from tap_marketo.streams.descriptions import sentences
from tap_marketo.streams.designer import CALLS_BY_WORKSPACE
from tap_marketo.streams.keyed_object import KeyedStream
from tap_marketo.streams.lead_database import ADMINISTRATION, USERS
from tap_marketo.streams.metadata import LEAD_FIELDS, METADATA
from tap_marketo.streams.named_accounts import NAMED_ACCOUNTS
from tap_marketo.streams.paged import CALLS_BY_OFFSET, CALLS_BY_TOKEN, ONE_CALL, Pages
from tap_marketo.streams.permissions import READ_ACTIVITY, READ_CUSTOM_OBJECT, READ_LEAD
from tap_marketo.streams.registry import REGISTRY, definition_of
from tap_marketo.streams.smart_list_memberships import SMART_LIST_MEMBERSHIPS
from tests import columns_page, dbt_sources, relations_page
from tests.no_relations import NO_RELATIONS, looks_like_a_reference, paths
from tests.readme import section, table
from tests.relations import RELATIONS, UNSEEN, is_named, spelled_out
from tests.sandbox.activity_types import FIRST_CUSTOM

GROUPS = (
    "People",
    "Companies and opportunities",
    "Activities",
    "Programs and campaigns",
    "Assets",
    "Administration",
)


class StreamRow(NamedTuple):
    """A row of the tables of streams."""

    group: str
    key: str
    replication: str
    calls: str
    permission: str


STREAM_ROWS = {
    row[0].strip("`"): StreamRow(group, *row[1:]) for group in GROUPS for row in table(group)
}


def row_name(stream: str) -> str:
    """Return the name of a stream's row; that of one found in the account has a place for it."""
    if stream in STREAM_ROWS:
        return stream
    names = [
        name
        for name in STREAM_ROWS
        if "<" in name and re.fullmatch(re.sub("<.*?>", ".+", name), stream)
    ]
    assert len(names) == 1, f"{stream} has {len(names)} rows"
    return names[0]


RARELY = "at most once in `child_refresh_hours`"
Documented = Sequence[tuple[StreamRow, StreamDefinition, CatalogEntry]]


@pytest.fixture(scope="module")
def documented() -> Documented:
    """Every stream that discovery finds in the usual account, with its row and its kind."""
    found = []
    for entry in columns_page.entries():
        kind = definition_of(entry)
        assert kind
        found.append((STREAM_ROWS[row_name(entry.stream)], kind, entry))
    return found


def group_of(kind: StreamDefinition) -> str:
    """Return the group of a kind of streams, by what it is declared with."""
    if kind in (LEAD_FIELDS, *ADMINISTRATION, *METADATA, *USERS) or kind.name == "bulk_exports":
        return "Administration"
    if isinstance(kind, DeclaredStream) and kind.name.endswith(("programs", "campaigns")):
        return "Programs and campaigns"
    if isinstance(kind, KeyedStream) or kind in NAMED_ACCOUNTS:
        return "Companies and opportunities"
    groups = {READ_LEAD: "People", READ_CUSTOM_OBJECT: "People", READ_ACTIVITY: "Activities"}
    return groups.get(kind.permission, "Assets")


def test_the_docs_list_every_stream_once_in_its_group(documented: Documented) -> None:
    assert len(STREAM_ROWS) == sum(len(table(group)) for group in GROUPS)
    assert {row_name(entry.stream) for _, _, entry in documented} == set(STREAM_ROWS)
    assert {id(kind) for _, kind, _ in documented} == set(map(id, REGISTRY))
    assert {kind.name for kind in REGISTRY} == set(STREAM_ROWS)
    for row, kind, entry in documented:
        assert row.group == group_of(kind), entry.stream


def test_the_docs_have_the_keys_and_permissions_of_streams(documented: Documented) -> None:
    for row, kind, entry in documented:
        keys = entry.stream_metadata("table-key-properties")
        assert row.key == ", ".join(f"`{column}`" for column in keys), entry.stream
        needed = ", ".join((kind.permission, *kind.further_permissions))
        assert row.permission == (needed or "none"), entry.stream


def replication(kind: StreamDefinition, entry: CatalogEntry) -> str:
    """Return how a stream is replicated, in the words of docs/streams.md."""
    keys = entry.stream_metadata("valid-replication-keys")
    if not keys:
        read = kind.read if isinstance(kind, DeclaredStream) else None
        is_rare = isinstance(read, Children) and read.at_intervals
        is_rare = is_rare or kind in NAMED_ACCOUNTS
        return f"in full, {RARELY}" if is_rare else "in full"
    if kind is SMART_LIST_MEMBERSHIPS:
        return f"`{keys[0]}`, exported list by list, {RARELY}"
    if kind is ASSETS_SEEN:
        return f"`{keys[0]}`, with each complete listing"
    if kind in NAMED_ACCOUNTS:
        way = "all rows of [chosen lists](companies.md#named-accounts)"
        if isinstance(kind, KeyedStream):
            way = f"all rows of chosen lists, {RARELY}"
    elif isinstance(kind, KeyedStream):
        way = "by keys that leads lead to"
    elif kind.name == "program_members":
        way = "members that activities name"
    elif kind.is_exported:
        way = "exported by date"
    elif isinstance(kind, DeclaredStream) and isinstance(kind.read, Pages):
        way = kind.read.how
    else:
        way = "asked for by date"
    return f"`{keys[0]}`, {way}"


def test_the_docs_say_how_streams_are_replicated(documented: Documented) -> None:
    for row, kind, entry in documented:
        assert row.replication == replication(kind, entry), entry.stream


# What the pages of a list cost, and how many that is.
ONE, BATCHES, OFFSETS, WORKSPACES = (
    "one", "one for 300 rows", "one for 200 rows, and one that proves the end",
    "one for the workspaces, and one for 50 rows of each",
)  # fmt: skip
PAGES: Mapping[Calls, str] = {
    ONE_CALL: ONE,
    CALLS_BY_TOKEN: BATCHES,
    CALLS_BY_OFFSET: OFFSETS,
    CALLS_BY_WORKSPACE: WORKSPACES,
}
COSTS: Mapping[str, Callable[[int], int]] = {
    ONE: lambda rows: 1,
    BATCHES: lambda rows: ceil(rows / 300),
    # Four workspaces, with few rows each.
    WORKSPACES: lambda rows: 1 + 4,
    # Each page but the first begins with the last row of the page before.
    OFFSETS: lambda rows: 1 + ceil(max(0, rows - 200) / 199) + (1 if rows else 0),
}


def details(kind: StreamDefinition) -> str:
    """Return what docs/streams.md says of the columns that take a call for each row."""
    if not isinstance(kind, DeclaredStream) or not kind.details:
        return ""
    each = "; ".join(
        f"{', '.join(f'`{column}`' for column in details.columns)}: one a row"
        for details in kind.details
    )
    return f"; {'for' if kind.details[0].by_default else 'details'} {each}"


def test_the_docs_say_what_streams_cost_in_calls(documented: Documented) -> None:
    for row, kind, entry in documented:
        pages = kind.read if isinstance(kind, DeclaredStream) else None
        if isinstance(pages, Pages) and pages.calls in PAGES:
            assert row.calls == PAGES[pages.calls] + details(kind), entry.stream
        else:
            # A way of its own, in words of its own.
            assert not details(kind)
            assert row.calls not in COSTS


def test_the_calls_that_streams_cost_are_those_measured() -> None:
    tried = set()
    for name, rows, first, _ in table("Calls"):
        pages, _, more = STREAM_ROWS[name.strip("`")].calls.partition("; ")
        if pages in COSTS and (not more or more.startswith(("details", "for `"))):
            cost = COSTS[pages](int(rows)) + (int(rows) if more.startswith("for `") else 0)
            assert cost == int(first), name
            tried.add(pages)
    assert tried == set(COSTS)


def test_the_setup_says_what_each_permission_is_for(documented: Documented) -> None:
    needed: dict[str, set[str]] = {}
    for _, kind, entry in documented:
        for permission in (kind.permission, *kind.further_permissions):
            needed.setdefault(permission, set()).add(row_name(entry.stream))
    without = needed.pop("")
    told = {
        permission: set(re.findall("`(.+?)`", streams))
        for title in (
            *("1. A role that may read", "The Email Designer", "Users, roles and workspaces"),
        )
        for permission, _, streams in table(title)
    }
    assert told == needed
    for stream in without:
        assert f"`{stream}`" in section("1. A role that may read")


def test_the_page_of_columns_is_up_to_date(documented: Documented) -> None:
    """If it is not: ``make docs``."""
    page = columns_page.PAGE.read_text(encoding="utf-8")
    assert page == columns_page.page([entry for _, _, entry in documented])


def test_the_sources_of_dbt_are_up_to_date(documented: Documented) -> None:
    """If they are not: ``make docs``."""
    page = dbt_sources.PAGE.read_text(encoding="utf-8")
    assert page == dbt_sources.page([entry for _, _, entry in documented])


def test_every_column_of_every_stream_is_described(documented: Documented) -> None:
    for _, kind, entry in documented:
        known = sentences(kind.name) if isinstance(kind, DeclaredStream) else {}
        for column, schema in entry.schema["properties"].items():
            assert schema["description"].strip(), (entry.stream, column)
            assert schema["description"] == known.get(column, schema["description"])


def test_the_columns_named_for_found_streams_exist(documented: Documented) -> None:
    columns: dict[str, set[str]] = {}
    for _, _, entry in documented:
        columns.setdefault(row_name(entry.stream), set()).update(entry.schema["properties"])
    for stream, _, more in table("Columns that are found in the account"):
        named = set(re.findall("`(.+?)`", more)) - set(columns)
        assert named <= columns[stream.strip("`")], stream


def test_the_page_of_relations_is_up_to_date(documented: Documented) -> None:
    """If it is not: ``make docs``."""
    found = [entry for _, _, entry in documented]
    assert relations_page.PAGE.read_text(encoding="utf-8") == relations_page.page(found)


def test_every_column_that_looks_like_a_reference_is_one_or_says_why_not(
    documented: Documented,
) -> None:
    unexplained, needed = [], set()
    for _, _, entry in documented:
        number = entry.stream_metadata("marketo.activity-id")
        if number and int(number) >= FIRST_CUSTOM:
            # What the attributes of a type of the account's own mean, only the account knows.
            continue
        own = [each for each in RELATIONS if each.is_of(entry.stream)]
        named = {path for each in own for path in spelled_out(each)}
        for path in paths(entry.schema):
            reasons = [each for each in NO_RELATIONS if each.is_of(entry.stream, path)]
            is_key = [path] == list(entry.stream_metadata("table-key-properties"))
            is_key = is_key or any(
                (each.to, path) == (entry.stream, *each.keys) for each in RELATIONS
            )
            if path in named:
                assert not reasons, (entry.stream, path)
            elif looks_like_a_reference(path):
                needed.update(reasons)
                if not reasons and not is_key:
                    unexplained.append((entry.stream, path))
    assert not unexplained
    there = [entry.stream for _, _, entry in documented]
    for reason in NO_RELATIONS:
        assert reason in needed or not any(is_named(name, reason.stream) for name in there), reason


def test_relations_name_columns_that_there_are(documented: Documented) -> None:
    known = {entry.stream: set(paths(entry.schema)) for _, _, entry in documented}
    tried = set()
    for relation in RELATIONS:
        for stream in filter(relation.is_of, known):
            assert known[stream] & {*spelled_out(relation)} or relation.columns[-1] in UNSEEN
            tried.add(relation)
        assert set(relation.keys) <= known[relation.to], relation
    # Types of activities that the usual account lacks.
    assert {each.stream.partition("_")[0] for each in set(RELATIONS) - tried} == {"activities"}
