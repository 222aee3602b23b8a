"""Names: those of Marketo, of which discovery warns, and plain ones, with which all tables come."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.harness import Account, Tap, Target, account, select

# Nothing becomes visible by itself while a test looks.
OPTIONS = (*"--leads 60 --activities 2000 --history-days 60 --late-share 0".split(), "--hostile")
START = "2026-03-01T00:00:00Z"
SURVEY = 100_112

HELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
WARNING = re.compile(
    r"WARNING (\d+) of (\d+) streams .* many targets cannot hold: (.+?)( and \d+ more)?\. .*"
)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*OPTIONS) as running:
        yield running


def discover(tap: Tap, marketo: Account, names: str) -> tuple[dict[str, Any], list[str]]:
    """Discover; return the catalog and the warnings of names."""
    done = tap.run(marketo.config(names=names), None, None, "--discover")
    assert done.code == 0, done.stderr
    return json.loads(done.stdout), [line for line in done.stderr.split("\n") if '"names"' in line]


def notes(catalog: dict[str, Any]) -> dict[tuple[Any, ...], str]:
    """Return the name of every activity stream and of every column by what they are in Marketo."""
    found: dict[tuple[Any, ...], str] = {}
    for stream in catalog["streams"]:
        own = expected.metadata(stream)
        number = own[()].get("marketo.activity-id", stream["tap_stream_id"])
        found[(number,)] = stream["tap_stream_id"]
        for column in stream["schema"]["properties"]:
            what = own["properties", column]
            noted = what.get("marketo.attribute-name") or what.get("marketo.field-name")
            # Such as an attribute "Id" stands beside columns that all activities have.
            found[number, "marketo.attribute-name" in what, noted or column] = column
    return found


def hard_streams(catalog: dict[str, Any]) -> list[str]:
    """Return the streams with a name that not every target can hold."""
    names = [stream["tap_stream_id"] for stream in catalog["streams"]]
    found = []
    for stream in catalog["streams"]:
        columns = [
            breadcrumb[1]
            for breadcrumb, own in expected.metadata(stream).items()
            if breadcrumb and own["inclusion"] != "unsupported"
        ]
        folded = Counter(map(str.lower, columns))
        its = [stream["tap_stream_id"], *columns]
        if (
            not all(HELD.fullmatch(name) for name in its)
            or max(folded.values()) > 1
            or Counter(map(str.lower, names))[its[0].lower()] > 1
        ):
            found.append(its[0])
    return found


def test_the_names_of_marketo_stay_and_discovery_warns_once_of_those_that_are_hard(
    marketo: Account, tap: Tap
) -> None:
    catalog, warnings = discover(tap, marketo, "as_marketo")
    assert tap.discover(marketo.config()) == catalog
    names = {stream["tap_stream_id"] for stream in catalog["streams"]}
    assert {'activities_web/form_"contact"', "activities_follow-up_call"} <= names
    (leads,) = (s for s in catalog["streams"] if s["tap_stream_id"] == "leads")
    fields = [f["rest"]["name"] for f in marketo.truth("lead_fields") if "rest" in f]
    assert set(fields) <= set(leads["schema"]["properties"])
    assert "marketo.field-name" not in str(catalog)
    hard = hard_streams(catalog)
    (warning,) = warnings
    told = WARNING.match(warning)
    assert told, warning
    assert int(told[1]) == len(hard) > 5
    assert int(told[2]) == len(catalog["streams"])
    assert told[3].split(", ") == hard[:5]
    assert told[4] == f" and {len(hard) - 5} more"


def test_plain_names_can_be_held_and_say_what_they_are(marketo: Account, tap: Tap) -> None:
    catalog, warnings = discover(tap, marketo, "plain")
    assert warnings == []
    assert hard_streams(catalog) == []
    # Columns that are never emitted have such names too.
    assert all(HELD.fullmatch(name) for name in notes(catalog).values())
    of_marketo, _ = discover(tap, marketo, "as_marketo")
    assert notes(catalog).keys() == notes(of_marketo).keys()
    # Names that were plain are the same.
    hard = hard_streams(of_marketo)
    easy = [s for s in of_marketo["streams"] if s["tap_stream_id"] not in hard]
    assert len(easy) > 20
    assert all(stream in catalog["streams"] for stream in easy)


def test_no_warning_where_all_names_can_be_held(tap: Tap) -> None:
    with account("--leads", "10", "--activities", "100") as marketo:
        marketo.change(remove_lead_field="2ndChoice")
        for kind in marketo.truth("activity_types"):
            if kind["id"] > 100_000:
                marketo.change(remove_activity_type=kind["id"])
        catalog, warnings = discover(tap, marketo, "as_marketo")
        assert warnings == []
        assert discover(tap, marketo, "plain") == (catalog, [])
        # Two that differ in letter case only.
        marketo.change(new_lead_field={"name": "EMAIL", "dataType": "string"})
        _, (warning,) = discover(tap, marketo, "as_marketo")
    assert warning.startswith("WARNING 1 of ")
    assert ": leads. " in warning


def named_streams(catalog: dict[str, Any]) -> list[str]:
    """Return the streams that the setting is about: leads, and activities of every type."""
    names = [stream["tap_stream_id"] for stream in catalog["streams"]]
    return [name for name in names if name == "leads" or name.startswith("activities_")]


def assert_tables(marketo: Account, catalog: dict[str, Any], target: Target) -> None:
    """Every table is there under the catalog's name, and right in every cell."""
    deletions = expected.deletions(marketo, catalog, START)
    assert deletions["activities_delete_lead"]
    tables = {**expected.tables(marketo, catalog, START), **deletions}
    truth = {name: tables[name] for name in named_streams(catalog)}
    assert target.schemas.keys() == truth.keys()
    for stream, rows in truth.items():
        assert expected.table(target, stream) == rows, stream


def test_leads_and_activities_come_under_plain_names(marketo: Account, tap: Tap) -> None:
    catalog, _ = discover(tap, marketo, "plain")
    # The catalog alone says what is what.
    config = marketo.config(start_date=START)
    chosen, target = select(catalog, named_streams(catalog)), Target()
    tap.sync(config, chosen, target)
    assert_tables(marketo, catalog, target)
    for number in (100_101, 100_107, SURVEY):
        assert len(target.rows(notes(catalog)[(number,)])) > 5
    marketo.change(new_leads=3, updated_leads=9, new_activities=60)
    marketo.change(new_activities=30, activity_type=SURVEY)
    marketo.advance(hours=25)
    tap.sync(config, chosen, target)
    assert_tables(marketo, catalog, target)


def test_a_field_that_only_the_export_misses_is_left_out_under_its_plain_name(
    marketo: Account, tap: Tap
) -> None:
    catalog, _ = discover(tap, marketo, "plain")
    column = notes(catalog)["leads", False, "company_size__c"]
    assert column != "company_size__c"
    marketo.fault("create", "error", code="1006", message="Field 'company_size__c' not found")
    target = Target()
    done = tap.sync(marketo.config(start_date=START), select(catalog, ["leads"]), target)
    assert f"leads.{column} cannot be exported" in done.stderr
    rows = expected.tables(marketo, catalog, START)["leads"]
    for row in rows.values():
        del row[column]
    assert expected.table(target, "leads") == rows


NEW_TYPES = {
    # Lower numbers than those of all types like them, and higher ones.
    81: "Web Form: Contact",
    82: "Follow Up Call",
    83: "Téléchargement!",
    84: "资料",
    85: "Type 100107",
    86: "Ask Demo 100110",
    87: "Attend the Annual Conference of Customers and Partners in Llanfairpwllgwyngyll",
    100_901: "VISIT WEBPAGE",
    100_902: 'Web/Form "Contact"?',
    100_903: "3rd-Party Event",
    100_904: "Ask_Demo",
}
NEW_ATTRIBUTES = (
    "A: B", "Page Path", "Page-Path", "Page Path 0e501a", "The Quoted One", "COLOUR!", "dur\u00e9e",
    "duree", "\u30da\u30fc\u30b8", "2nd answer", "_2nd answer", "ID!", "colour_2", "lead-id",
)  # fmt: skip


def test_no_name_changes_when_types_attributes_and_fields_come(marketo: Account, tap: Tap) -> None:
    before, _ = discover(tap, marketo, "plain")
    for number, name in NEW_TYPES.items():
        attributes = [{"name": "Place", "dataType": "string"}]
        marketo.change(new_activity_type={"id": number, "name": name, "attributes": attributes})
    # Beyond the number of attributes that Marketo allows in a type; that is none of ours.
    for name in NEW_ATTRIBUTES:
        new = {"activity_type": SURVEY, "name": name, "dataType": "string", "apiName": f"x{name}"}
        marketo.change(new_attribute=new)
    for name in ("CREATEDAT", "Company_size__c", "createdat_000094", "size-class", "EMail"):
        marketo.change(new_lead_field={"name": name, "dataType": "string"})
    after, _ = discover(tap, marketo, "plain")
    assert hard_streams(after) == []
    names = notes(after)
    assert len(names) > len(notes(before)) + len(NEW_TYPES) + len(NEW_ATTRIBUTES)
    assert {what: names[what] for what in notes(before)} == notes(before)
