"""Writes docs/columns.md, the columns of all streams, from what discovery finds: ``make docs``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tap_marketo.protocol.catalog import CatalogEntry, Schema, load_catalog, schema_types
from tap_marketo.streams.activities import Activities, Deletions
from tap_marketo.streams.custom_objects import CustomObjects
from tap_marketo.streams.definition import DeclaredStream, StreamDefinition
from tap_marketo.streams.descriptions import declared_columns
from tap_marketo.streams.keyed_object import KeyedStream
from tap_marketo.streams.leads import Leads
from tap_marketo.streams.program_members import ProgramMembers
from tap_marketo.streams.registry import definition_of
from tests.harness import ROOT, account, select, tap_in_a_directory

PAGE = ROOT / "docs" / "columns.md"

HEAD = """\
# Columns

<!-- Made by `make docs` from what discovery finds; edit tests/columns_page.py. -->

Names are Marketo's own, with `"names": "as_marketo"`; what `"plain"` makes of them is in
[names](names-and-values.md#names). Every column but the keys may be null. *Always* means: emitted
whether it is selected or not, as keys and replication keys are. A *detail* takes a call for each
row that is emitted; it is off until you select it. How values come out is in
[values](names-and-values.md#values).

What a column means is its `description` in the catalog too, and in SCHEMA messages:
[descriptions](names-and-values.md#descriptions).

## Columns that are found in the account

Of these streams the account decides which columns there are: discovery asks Marketo for its fields
and attributes.

| stream | always | and |
| --- | --- | --- |
"""

# The stream, its schema file, and what else it has.
FOUND: Mapping[type[StreamDefinition], tuple[str, str, str]] = {
    Leads: (
        "leads",
        "leads",
        "a column for each field of the lead that the REST API knows, by its REST name, standard "
        "and custom ones. `lead_fields` says what each means. Formulas are in the catalog, but "
        "cannot be selected. Without the `updatedAt` filter `createdAt` is the replication key",
    ),
    ProgramMembers: (
        "program_members",
        "program_members",
        "a column for each field of the member that Marketo describes, custom ones too, such as "
        "`statusName`, `membershipDate`, `reachedSuccess`, `trackName`, `nurtureCadence`",
    ),
    CustomObjects: (
        "custom_object_<name>",
        "custom_objects",
        "a column for each field of the custom object",
    ),
    Activities: (
        "activities_<type>",
        "activities",
        "`campaignId`, `primary_attribute_value` and `primary_attribute_value_id`; for a type with "
        "a primary attribute, always, these two and `primary_attribute_name`; a column for each "
        "other attribute; and, off until you select them, `actionResult` and `unknown_attributes` "
        "([notes](streams.md#notes-on-streams))",
    ),
    Deletions: (
        "activities_delete_lead",
        "",
        "`campaignId`, and a column for each attribute of the type",
    ),
}

BODY = """\
## Columns that are known beforehand

"""


def entries() -> list[CatalogEntry]:
    """Return the streams that discovery finds in the sandbox's usual account."""
    options = ("--leads", "1", "--activities", "1", "--crm-objects")
    with account(*options) as marketo, tap_in_a_directory() as tap:
        catalog = select(
            tap.discover(marketo.config(smart_lists=[1001], named_account_lists=["Named List 1"]))
        )
        return load_catalog(str(tap.write("catalog.json", catalog)))


def page(found: Sequence[CatalogEntry]) -> str:
    """Return the text of docs/columns.md."""
    by_kind: dict[StreamDefinition, list[CatalogEntry]] = {}
    for entry in found:
        kind = definition_of(entry)
        assert kind, entry.stream
        by_kind.setdefault(kind, []).append(entry)
    text = [HEAD]
    for kind, own in by_kind.items():
        if type(kind) in FOUND:
            stream, _, more = FOUND[type(kind)]
            always = [
                column for column in own[0].columns if all(_is_always(column, e) for e in own)
            ]
            text.append(f"| `{stream}` | {_names(always)} | {more} |\n")
    text.append("\nWhat is known beforehand of their columns:\n\n")
    for stream, file, _ in FOUND.values():
        if file:
            text.append("".join(_known(stream, file)))
    text.append(BODY)
    for kind, own in by_kind.items():
        if type(kind) not in FOUND:
            for entry in own:
                text.append("".join(_table(kind, entry)))
    return "".join(text).rstrip() + "\n"


def _known(stream: str, file: str) -> Iterator[str]:
    yield f"### `{stream}`\n\n| column | type | meaning |\n| --- | --- | --- |\n"
    for column, schema in declared_columns(file).items():
        yield f"| `{column}` | {_type(schema)} | {schema['description']} |\n"
    yield "\n"


def _table(kind: StreamDefinition, entry: CatalogEntry) -> Iterator[str]:
    yield f"### `{entry.stream}`\n\n| column | type | mind | meaning |\n| --- | --- | --- | --- |\n"
    columns = declared_columns(entry.stream)
    for column, schema in columns.items():
        notes = ", ".join(_notes(kind, entry, column))
        yield f"| `{column}` | {_type(schema)} | {notes} | {schema['description']} |\n"
    if isinstance(kind, KeyedStream):
        yield "\nAnd a column for each other field that Marketo describes.\n"
    yield "\n"


def _notes(kind: StreamDefinition, entry: CatalogEntry, column: str) -> Iterator[str]:
    details = kind.details if isinstance(kind, DeclaredStream) else ()
    own = [each for each in details if column in each.columns]
    if column in entry.stream_metadata("table-key-properties"):
        yield "key"
    elif column in (entry.stream_metadata("valid-replication-keys") or ()):
        yield "replication key"
    elif _is_always(column, entry):
        yield "always"
    elif own:
        yield "a call for each row" if own[0].by_default else "detail"


def _is_always(column: str, entry: CatalogEntry) -> bool:
    return bool(entry.column_metadata(column, "inclusion") == "automatic")


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


def _type(schema: Schema) -> str:
    kind = next(kind for kind in schema_types(schema) if kind != "null")
    if kind == "array":
        return f"array of {_type(schema['items'])}"
    if kind == "object":
        return f"object: {_names(schema['properties'])}" if "properties" in schema else kind
    if kind == "string":
        return "time" if schema.get("format") == "date-time" else "text"
    return kind


if __name__ == "__main__":
    PAGE.write_text(page(entries()), encoding="utf-8")
