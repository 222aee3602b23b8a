"""An account with names that differ in letter case only and with values beyond every bound."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.harness import Account, Run, Tap, Target, account, select, tap_in_a_directory

SINCE = "2025-01-01T00:00:00Z"
SURVEYS = "activities_answer_survey"
STREAMS = ("leads", SURVEYS)
BEYOND = "beyond 64 bits"
NO_DATE = "not a date, now null"
OFFSET = re.compile(r"[+-](?!00:00)\d\d:\d\d$")

Synced = tuple[Account, dict[str, Any], Target, Run]


@pytest.fixture(scope="module")
def synced() -> Iterator[Synced]:
    with (
        account("--leads", "200", "--activities", "2000", "--hostile") as marketo,
        tap_in_a_directory() as tap,
    ):
        config = marketo.config(start_date=SINCE)
        catalog = tap.discover(config)
        target = Target()
        done = tap.sync(config, select(catalog, STREAMS), target)
        yield marketo, catalog, target, done


def raw_surveys(marketo: Account, catalog: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the attributes of the activities of the hostile type, by column."""
    (stream,) = (s for s in catalog["streams"] if s["tap_stream_id"] == SURVEYS)
    own = expected.metadata(stream)
    number = own[()]["marketo.activity-id"]
    columns = {b[-1]: m.get("marketo.attribute-name") for b, m in own.items() if b}
    return [
        {column: activity["attributes"].get(name) for column, name in columns.items() if name}
        for activity in marketo.activities([number])
    ]


def test_lead_fields_that_differ_in_letter_case_only_keep_their_own_values(synced: Synced) -> None:
    marketo, catalog, target, _ = synced
    rows = expected.table(target, "leads")
    assert rows == expected.leads(marketo)
    for row in rows.values():
        assert len({row[name] for name in ("createdAt", "createdat")} - {None}) == 2
        assert row["Company_Size__c"] != row["company_size__c"]
    (leads,) = (s for s in catalog["streams"] if s["tap_stream_id"] == "leads")
    names = {"createdAt", "createdat", "Company_Size__c", "company_size__c"}
    assert names <= leads["schema"]["properties"].keys()


def test_attributes_that_differ_in_letter_case_only_keep_their_own_values(synced: Synced) -> None:
    marketo, catalog, target, _ = synced
    truth = expected.activities(marketo, catalog, SINCE)[SURVEYS]
    assert len(truth) >= 20
    assert expected.table(target, SURVEYS) == truth
    columns = ("colour", "colour_2")
    assert all(len({row[column] for row in truth.values()}) > 1 for column in columns)


def test_only_some_of_the_fields_that_differ_in_letter_case_only_may_be_selected(
    synced: Synced, tap: Tap
) -> None:
    marketo, catalog, _, _ = synced
    chosen = select(catalog, ["leads"], leads=["company_size__c"])
    target = Target()
    tap.sync(marketo.config(start_date=SINCE), chosen, target)
    columns = ("id", "createdAt", "updatedAt", "company_size__c")
    assert expected.table(target, "leads") == {
        key: {column: row[column] for column in columns}
        for key, row in expected.leads(marketo).items()
    }


def test_every_date_time_is_in_utc_and_one_that_does_not_exist_there_is_null_and_counted(
    synced: Synced,
) -> None:
    marketo, catalog, target, done = synced
    leads = [lead["seenAt"] for lead in marketo.truth("leads")]
    surveys = [row["answered_at"] for row in raw_surveys(marketo, catalog)]
    for stream, column, raw in (("leads", "seenAt", leads), (SURVEYS, "answered_at", surveys)):
        assert any(OFFSET.search(text) for text in raw if text)
        written = [row[column] for row in target.rows(stream)]
        assert Counter(written) == Counter(expected.value(text, "datetime") for text in raw)
        assert all(text.endswith("+00:00") for text in written if text)
        odd = sum(text is not None and expected.value(text, "datetime") is None for text in raw)
        assert odd
        assert f"WARNING {stream}.{column}: {odd} {NO_DATE}" in done.stderr


def test_integers_beyond_64_bits_come_as_they_are_and_are_counted(synced: Synced) -> None:
    marketo, catalog, target, done = synced
    leads = marketo.truth("leads")
    raw = {
        ("leads", "hugeNumber"): [lead["hugeNumber"] for lead in leads],
        ("leads", "hugeScore"): [lead["hugeScore"] for lead in leads],
        (SURVEYS, "huge_number"): [r["huge_number"] for r in raw_surveys(marketo, catalog)],
    }
    for (stream, column), values in raw.items():
        assert Counter(row[column] for row in target.rows(stream)) == Counter(values)
        beyond = sum(n is not None and not -(2**63) <= n < 2**63 for n in values)
        assert beyond
        assert f"WARNING {stream}.{column}: {beyond} {BEYOND}" in done.stderr
