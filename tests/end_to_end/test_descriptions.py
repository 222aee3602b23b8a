"""What columns mean is in the catalog and in SCHEMA messages, whatever an account calls things."""

from __future__ import annotations

from typing import Any

from tap_marketo.streams.descriptions import MOST_CHARACTERS
from tests.end_to_end.checks import discovered
from tests.harness import Tap, Target, account, select
from tests.sandbox.hostile import LONG_TEXT

OPTIONS = (
    *("--hostile", "--leads", "12", "--activities", "40", "--custom-object-types", "1"),
    *("--history-days", "30", "--late-share", "0", "--lists", "5"),
)
STREAMS = ("leads", "lists", "custom_object_rough_c", "activities_follow-up_call")


def columns_of(catalog: dict[str, Any], stream: str) -> dict[str, dict[str, Any]]:
    """Return the columns of a stream of a catalog, with their schemas."""
    (found,) = (each for each in catalog["streams"] if each["tap_stream_id"] == stream)
    columns: dict[str, dict[str, Any]] = found["schema"]["properties"]
    return columns


def test_every_column_of_every_stream_has_one_line() -> None:
    for stream in discovered(*OPTIONS)["streams"]:
        for column, schema in stream["schema"]["properties"].items():
            text = schema["description"]
            assert text.strip() == text != "", (stream["stream"], column)
            assert text.isprintable(), (stream["stream"], column)
            # BigQuery and MySQL take 1,024.
            assert len(text) <= 1000, (stream["stream"], column)


def test_words_of_the_account_are_taken_as_they_are_but_in_one_line() -> None:
    catalog = discovered(*OPTIONS)
    rough = columns_of(catalog, "custom_object_rough_c")
    assert rough["Colour"]["description"] == "The \"Colour\", as on the 'card'"
    assert rough["colour"]["description"] == (
        " ".join(LONG_TEXT.split())[: MOST_CHARACTERS - 1] + "…"
    )
    for column in ("2nd_owner", "__c"):
        text = f"The field {column}, of which Marketo gives no display name."
        assert rough[column]["description"] == text
    assert columns_of(catalog, "leads")["email"]["description"] == "Email Address"
    # Descriptions of types: null, empty, odd, long.
    about = [
        columns_of(catalog, f"activities_{name}")["note"]["description"]
        for name in ('web/form_"contact"', "follow-up_call", "follow-up_call_100103")
    ]
    assert about == [
        'Note, of Web/Form "Contact"',
        "Note, of Follow-up Call",
        "Note, of FOLLOW-UP CALL: She said \"yes\", and 'no'; -- %s \\ :x",
    ]
    survey = columns_of(catalog, "activities_answer_survey")
    assert survey["page/path"]["description"].startswith("Page/Path, of Answer Survey: We call it")
    assert survey["primary_attribute_value"]["description"].startswith("Value of the primary")
    assert "Form/Name, of Answer Survey" in survey["primary_attribute_value"]["description"]


def test_schema_messages_have_what_the_catalog_says_and_rows_do_not_depend_on_it(tap: Tap) -> None:
    """The user's catalog counts: edited by hand, and of a version that wrote no descriptions."""
    chosen = select(discovered(*OPTIONS), STREAMS)
    columns_of(chosen, "lists")["name"]["description"] = 'Ours:\n"lists"'
    bare = select(discovered(*OPTIONS), STREAMS)
    for stream in bare["streams"]:
        for schema in stream["schema"]["properties"].values():
            del schema["description"]
    with account(*OPTIONS) as marketo:
        config = marketo.config(start_date="2026-05-10T00:00:00Z")
        told, silent = Target(), Target()
        tap.sync(config, chosen, told)
        tap.sync(config, bare, silent)
    for stream in STREAMS:
        emitted = told.schemas[stream]["schema"]["properties"]
        catalog = columns_of(chosen, stream)
        assert {column: schema["description"] for column, schema in emitted.items()} == {
            column: catalog[column]["description"] for column in emitted
        }
        for schema in emitted.values():
            del schema["description"]
        assert told.schemas[stream] == silent.schemas[stream]
        assert told.tables[stream] == silent.tables[stream] != {}, stream
