"""What the page for those who come from elsewhere says of our side is there."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from tests import columns_page
from tests.readme import tables
from tests.test_docs_streams import row_name

TITLES = (
    "Coming from singer-io's tap-marketo",
    "Coming from Airbyte",
    "Coming from Fivetran",
    "Coming from CData",
)


@pytest.fixture(scope="module")
def columns() -> Mapping[str, set[str]]:
    """The columns of each stream; of those found in the account also by the row's name."""
    found: dict[str, set[str]] = {}
    for entry in columns_page.entries():
        for name in (entry.stream, row_name(entry.stream)):
            found.setdefault(name, set()).update(entry.schema["properties"])
    return found


@pytest.mark.parametrize("title", TITLES)
def test_our_side_of_the_page_is_there(columns: Mapping[str, set[str]], title: str) -> None:
    beside = [rows for rows in tables(title) if len(rows[0]) == 3]
    assert beside
    for head, *rows in beside:
        assert head[1] == "ours"
        for row in rows:
            named = re.findall("`(.+?)`", row[1])
            assert bool(named) != (row[1] == "not there"), row
            for name in named:
                stream, _, column = name.partition(".")
                assert stream in columns, name
                assert not column or column in columns[stream], name


def test_the_tables_of_singer_io_keep_their_names() -> None:
    """It has six kinds of streams."""
    theirs = {"leads", "activities_<type>", "activity_types", "campaigns", "lists", "programs"}
    told = {row[0]: row[1] for row in tables(TITLES[0])[0][1:] if row[0] != "not there"}
    for cell, ours in told.items():
        assert cell == ours
    assert theirs <= {name for cell in told for name in re.findall("`(.+?)`", cell)}
