"""Writes docs/relations.md, how the streams hang together, from their relations: ``make docs``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tap_marketo.protocol.catalog import CatalogEntry, schema_types
from tests import relations
from tests.columns_page import entries
from tests.dbt_sources import plain
from tests.harness import ROOT
from tests.no_relations import NO_RELATIONS
from tests.relations import Relation, column_of, is_named

PAGE = ROOT / "docs" / "relations.md"

HEAD = """\
# How the tables hang together

<!-- Made by `make docs`; edit tests/relations.py and tests/no_relations.py. -->

Each relation below is a column that names a row of another table. In the pictures a line runs from
the column's table, at the end that forks, to the table of the row. A circle at that end means that
the row may be missing; the list below the picture says why. `PK` is a key, `FK` a column that names
a row. `activities_TYPE` is each table of activities, `custom_object_NAME` each of custom objects.
A box of several tables lists them.

- `folder.value|id` is a member of an object: `value`, or `id` where there is no `value`.
  `tags[].tagType` is that of each item of an array.
- The type of a folder is `Folder` or `Program` in `folders`. Elsewhere Marketo also writes it in
  lower case: compare it without regard to capitals.
- A null names nothing.
- Rows that changed last before [`start_date`](settings.md) are not loaded, but for streams that are
  [read in full](streams.md). What names such a row finds nothing.
- What Marketo deletes stays in the tables, beside what names it.
  [What has been deleted or merged](deletes-and-merges.md) says how to tell.

[dbt](dbt.md#relations) tests the relations in your warehouse.

"""

GROUPS: Mapping[str, tuple[str, Sequence[Relation]]] = {
    "Relations of people": (
        "Leads, and what they are in: programs, lists, custom objects, activities. Merges are in\n"
        "`activities_merge_leads`: `leadId` is the winner, `merge_ids` has the losers.\n"
        "`relationships` of `custom_object_types` says by which field an object is linked: mostly\n"
        "`leadID`.",
        relations.PEOPLE,
    ),
    "Relations of companies and opportunities": (
        "What an account has of a CRM beside its leads, and named accounts.",
        relations.COMPANIES,
    ),
    "What activities are about": (
        "`primary_attribute_value_id` is a text. What it names follows from the type.",
        relations.ACTIVITIES,
    ),
    "Relations of assets": (
        "`campaigns` and `smart_campaigns` are the same things, as two APIs show them.\n"
        "So are `lists` and `static_lists`.",
        relations.ASSETS,
    ),
    "Where assets lie": (
        "Programs stand among the folders, and may share a number with one: the type belongs to\n"
        "the key.",
        relations.FOLDERS,
    ),
    "What assets_seen lists": (
        "`assetType` of `assets_seen` names the table, `id` the row, as a text.",
        relations.SEEN,
    ),
    "Relations of administration": (
        "Users, roles and workspaces. Most assets have the name of their workspace, and not its\n"
        "number.",
        (*relations.WORKSPACES, *relations.ADMINISTRATION),
    ),
}

ASSETS_SEEN = "assets_seen"
_MANY = 3
"""So many lines that differ in one of their tables alone are drawn as one."""

NO_HEAD = """\
## No relations

These columns look as if they named a row, and name none of a table.

| table | column | is |
| --- | --- | --- |
"""


def page(found: Sequence[CatalogEntry]) -> str:
    """Return the text of docs/relations.md."""
    text = [HEAD]
    for title, (about, own) in GROUPS.items():
        text += [f"## {title}\n\n{about}\n\n```mermaid\nerDiagram\n    direction LR\n"]
        text += [*_picture(own, found), "```\n\n", *_table(own), "\n"]
    text += [NO_HEAD]
    for each in NO_RELATIONS:
        stream = "all" if each.stream == "*" else f"`{_shown(each.stream)}`"
        text.append(f"| {stream} | `{each.path}` | {each.why} |\n")
    names = {name for own in relations.RELATIONS for name in (own.stream, own.to)}
    alone = [
        each.stream for each in found if not any(is_named(each.stream, name) for name in names)
    ]
    text.append(f"\nNo table names these, nor do they name one: {_names(alone)}.\n")
    return "".join(text)


class _Line(NamedTuple):
    """A line of a picture; many alike are one, from or to a box that lists their tables."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    like: Relation


def _lines(own: Iterable[Relation]) -> list[_Line]:
    own = list(own)
    alike: dict[object, list[Relation]] = {}
    for each in own:
        # Of what names more than one thing, each has a line of its own: but for assets_seen, whose
        # rows a column alone tells apart.
        is_listed = each.stream == ASSETS_SEEN
        is_alone = [one.stream for one in own].count(each.stream) == 1
        end = each.stream if is_listed else each.to if is_alone else each
        alike.setdefault((is_listed, end, each.columns, each.keys, bool(each.why)), []).append(each)
    found = []
    for those in alike.values():
        for some in [those] if len(those) >= _MANY else [[each] for each in those]:
            sources, targets = ({each.stream: 0 for each in some}, {each.to: 0 for each in some})
            found.append(_Line(tuple(sources), tuple(targets), some[0]))
    return found


def _picture(own: Iterable[Relation], found: Sequence[CatalogEntry]) -> Iterator[str]:
    """Yield the lines of a picture: its boxes, then what joins them."""
    naming: dict[tuple[str, ...], list[str]] = {}
    named: dict[tuple[str, ...], list[str]] = {}
    lines = _lines(own)
    for sources, targets, like in lines:
        plain = [path for path in like.columns if path == column_of(path)]
        naming.setdefault(sources, []).extend(plain)
        naming.setdefault(targets, [])
        named.setdefault(targets, []).extend(like.keys)
    boxes = {box: _box(box, number) for number, box in enumerate(naming)}
    for box, columns in naming.items():
        yield f"    {boxes[box]}"
        yield f'["{len(box)} tables"] {{\n' if len(box) > 1 else " {\n"
        if len(box) > 1:
            yield from (f"        table {stream}\n" for stream in box)
        else:
            yield from _columns(box[0], columns, named.get(box, ()), found)
        yield "    }\n"
    for sources, targets, like in lines:
        end = "o|" if like.why else "||"
        label = like.columns[-1]
        if like.only and like.stream != ASSETS_SEEN:
            label += f" of {like.only[1]}"
        yield f'    {boxes[sources]} }}o--{end} {boxes[targets]} : "{label}"\n'


def _columns(
    stream: str, naming: Sequence[str], named: Iterable[str], found: Sequence[CatalogEntry]
) -> Iterator[str]:
    """Yield the columns of a box: the key, what names other rows, what others name."""
    entry = next((each for each in found if is_named(each.stream, stream)), None)
    if entry is None:
        # The sandbox's usual account lacks the type; all types have these.
        entry = next(each for each in found if each.stream.startswith("activities_"))
    keys = entry.stream_metadata("table-key-properties")
    for column in dict.fromkeys((*keys, *naming, *named)):
        marks = [mark for mark, its in (("PK", keys), ("FK", naming)) if column in its]
        yield f"        {_kind(entry, column)} {column} {', '.join(marks)}".rstrip() + "\n"


def _kind(entry: CatalogEntry, column: str) -> str:
    """Return the type of a column; of a type of activities that is not at hand it is a number."""
    known = schema_types(entry.schema["properties"].get(column, {"type": "integer"}))
    kind = next(kind for kind in known if kind != "null")
    return "text" if kind == "string" else kind


def _table(own: Iterable[Relation]) -> Iterator[str]:
    yield "| table | column | names | may be missing, as |\n| --- | --- | --- | --- |\n"
    for each in own:
        columns = _names(each.columns)
        if each.only:
            columns += f" where `{each.only[0]}` is `{each.only[1]}`"
        named = f"`{each.to}`: {_names(each.keys)}"
        yield f"| `{_shown(each.stream)}` | {columns} | {named} | {each.why} |\n"


def _shown(stream: str) -> str:
    """Return the name of a stream as docs/streams.md has it."""
    return {"activities_*": "activities_<type>", "custom_object_*": "custom_object_<name>"}.get(
        stream, stream
    )


def _box(streams: Sequence[str], number: int) -> str:
    """Return the name of a box, which takes no other signs."""
    if len(streams) > 1:
        return f"tables_{number}"
    return plain(streams[0])


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


if __name__ == "__main__":
    PAGE.write_text(page(entries()), encoding="utf-8")
