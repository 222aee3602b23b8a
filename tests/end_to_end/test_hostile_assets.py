"""Assets and administration with values that are hard to take, and with none where none need be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.end_to_end import expected_assets
from tests.end_to_end.checks import discovered
from tests.end_to_end.expected_assets import ADMINISTRATION, ASSETS, CHILDREN, DETAILS, KEYS
from tests.end_to_end.servers import Reply, Request, in_front_of, server
from tests.harness import SOAK, Account, Tap, Target, account, select
from tests.sandbox.assets.kinds import KINDS

FEW = ("--leads", "1", "--activities", "1", "--late-share", "0")
# A table with more than 200 rows has a null wherever there may be one. Details take a call a row.
MANY = "205" if SOAK else "40"
SMALL = (
    *(*FEW, "--folders", "60", "--programs", "70", "--tokens", "120", "--emails", MANY),
    *("--campaigns", MANY, "--smart-lists", MANY, "--landing-pages", MANY),
)
# Each of their details takes a call.
SMALLEST = (
    *(*SMALL, "--emails", "20", "--landing-pages", "20", "--snippets", "20"),
    *("--smart-lists", "20", "--forms", "20"),
)
START = "2020-01-01T00:00:00Z"
STREAMS = (*ASSETS, *CHILDREN, *ADMINISTRATION)


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    """The catalog with every column of these streams selected."""
    found = discovered(*FEW)
    schemas = {stream["tap_stream_id"]: stream["schema"] for stream in found["streams"]}
    columns = {name: [*schemas[name]["properties"]] for name in DETAILS}
    return select(found, STREAMS, **columns)


@pytest.fixture
def marketo(request: pytest.FixtureRequest) -> Iterator[Account]:
    with account(*getattr(request, "param", SMALL)) as running:
        running.control("POST", "finished_jobs", {"object": "program/members", "bytes": 10})
        yield running


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts_in(item)


def test_hard_texts_and_nulls_come_as_marketo_has_them(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    tap.sync(marketo.config(start_date=START), catalog, target)
    texts = list(texts_in([target.rows(name) for name in ASSETS]))
    for hard in ('"', "'", ",", "\\", "\t", "\u2028", "\U0001f468\u200d\U0001f469", "日本語", "{{"):
        assert any(hard in text for text in texts), hard
    assert any(len(text.encode()) > 29_990 for text in texts)
    # Whatever may be null or missing is so in some row, of tables large enough for that.
    empty = {
        (kind.table, column)
        for kind in KINDS
        if kind.table in ASSETS and len(target.rows(kind.table)) > 200
        for column in kind.optional
        if not any(row[column] is None for row in target.rows(kind.table))
    }
    assert not empty
    for name in (*ASSETS, *CHILDREN):
        columns = target.schemas[name]["schema"]["properties"]
        assert target.tables[name] == expected_assets.table(marketo, name, columns), name


# Nothing but what must be there ------------------------------------------------------------------

# What says which row it is, or where it belongs: of a field that of describe, of tokens the folder.
NEEDED = {
    "id", "hostname", "tagType", "name", "apiName", "folderId", "folderType", "date", "exportId",
}  # fmt: skip
WITHIN = {"rest", "tokens"}
# Of these calls nothing is taken away: they are about the run, not about rows.
OTHERS = ("/identity/", "/rest/v1/stats/usage.json", "/folder/byName.json")
# Their answers have no result that could be emptied.
WITHOUT_ENVELOPE = ("users", "user_roles", "workspaces")
# Columns that the tap fills in itself, and those that hold rows of a call.
OWN = {
    ("bulk_exports", "object"), ("segments", "segmentationId"), ("forms", "fields"),
    ("forms", "usedBy"), ("emails", "content"), ("emails", "variables"),
    ("email_templates", "usedBy"), ("landing_pages", "content"), ("landing_pages", "variables"),
    ("snippets", "content"), ("lead_fields", "searchable"),
}  # fmt: skip


def emptied(row: Any) -> Any:
    """Return a row in which everything is null that is not needed to know which row it is."""
    if isinstance(row, list):
        return [*map(emptied, row)]
    if not isinstance(row, dict):
        return row
    return {
        key: emptied(value) if key in WITHIN else value if key in NEEDED else None
        for key, value in row.items()
    }


def emptying(marketo: Account) -> Callable[[Request], Reply]:
    """Answer as the sandbox does, with nothing in the rows."""
    sandbox = in_front_of(marketo.endpoint.removesuffix("/rest"))

    def answer(request: Request) -> Reply:
        reply = sandbox(request)
        path = urlsplit(request.target).path
        if any(part in path for part in OTHERS) or b'"result"' not in reply.body:
            return reply
        envelope = json.loads(reply.body)
        envelope["result"] = emptied(envelope["result"])
        return Reply(reply.status, json.dumps(envelope).encode(), reply.headers)

    return answer


@pytest.mark.soak
@pytest.mark.parametrize("marketo", [SMALLEST], indirect=True, ids=["smallest"])
def test_every_row_comes_with_null_in_every_column_that_may_be_null(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    with server(emptying(marketo)) as between:
        config = marketo.config(endpoint=f"{between.url}/rest", start_date=START)
        tap.sync(config, catalog, target)
    # The rows of fields stand within rows that are emptied.
    for name in set(STREAMS) - {"object_fields", "form_fields"}:
        columns = target.schemas[name]["schema"]["properties"]
        keys = KEYS.get(name, ("id",))
        assert target.tables[name].keys() == expected_assets.table(marketo, name, columns).keys()
        filled = {
            (name, column)
            for row in target.rows(name)
            for column, value in row.items()
            if value is not None and column not in keys and column not in NEEDED
        }
        assert filled <= OWN or name in WITHOUT_ENVELOPE, filled
