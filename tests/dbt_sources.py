"""Writes dbt/models/sources.yml, the tables that the tap loads, with tests: ``make docs``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from importlib import resources

from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.descriptions import sentences
from tests.columns_page import entries
from tests.harness import ROOT
from tests.relations import RELATIONS, Relation

PAGE = ROOT / "dbt" / "models" / "sources.yml"

# Types of activities that every account has, and that the models read.
ACTIVITIES = (
    *("send_email", "email_delivered", "email_bounced", "email_bounced_soft", "open_email"),
    *("click_email", "unsubscribe_email", "change_data_value", "change_score"),
    *("change_status_in_progression", "add_to_list", "remove_from_list"),
    *("new_lead", "merge_leads", "delete_lead"),
)
# In files that are of many streams, whose names the account decides.
PATTERNS = ("activities", "custom_objects")
# Of activities that pages tell of.
NOT_DELETED = ("actionResult", "unknown_attributes")

HEAD = """\
# Made by `make docs` from the schema files of the tap and from tests/relations.py; edit
# tests/dbt_sources.py. Fields and attributes of the account have their descriptions in the catalog
# and in SCHEMA messages. activities_TYPE and custom_object_NAME stand for all of these.
sources:
  - name: tap_marketo
    description: The tables of the tap, as the target has loaded them.
    schema: "{{ var('tap_marketo_schema') }}"
    tables:
"""


def tables() -> Mapping[str, Mapping[str, str]]:
    """Return what is known of the columns of each table: a sentence for each."""
    files = (resources.files("tap_marketo.streams") / "schemas").iterdir()
    names = sorted({file.name.removesuffix(".json") for file in files} - {*PATTERNS})
    found = {name: sentences(name) for name in names}
    for name in sorted(ACTIVITIES):
        columns = sentences("activities")
        if name == "new_lead":
            del columns["primary_attribute_name"]
        if name == "delete_lead":
            columns = {each: text for each, text in columns.items() if each not in NOT_DELETED}
        found[f"activities_{name}"] = columns
    return found


def page(found: Sequence[CatalogEntry]) -> str:
    """Return the text of the file; a JSON text is one of YAML, too."""
    described = tables()
    since = {each.stream for each in found if each.stream_metadata("valid-replication-keys")}
    lines = [HEAD]
    for table in dict.fromkeys((*described, *sorted(each.stream for each in RELATIONS))):
        lines.append(f"      - name: {plain(table)}\n")
        if own := [each for each in RELATIONS if each.stream == table]:
            lines += ["        data_tests:\n", *_tests(own, since)]
        if table in described:
            lines.append("        columns:\n")
        for column, text in described.get(table, {}).items():
            told = json.dumps(text, ensure_ascii=False)
            lines.append(f"          - {{name: {column}, description: {told}}}\n")
    return "".join(lines)


def _tests(own: Sequence[Relation], loaded_since: Set[str]) -> Iterator[str]:
    """Yield a test for each relation.

    It warns where a row need not be there: as the relation says, or as the other stream is loaded
    from start_date on.
    """
    for each in own:
        severity = "warn" if each.why or each.to in loaded_since else "error"
        given = {"stream": each.stream, "paths": each.columns, "to": each.to, "keys": each.keys}
        if each.only:
            given["only"] = each.only
        yield f"          - tap_marketo.names_rows:\n              name: {name_of(each)}\n"
        yield f"              arguments: {json.dumps(given)}\n"
        yield f"              config: {{severity: {severity}}}\n"


def name_of(relation: Relation) -> str:
    """Return the name of a relation's test."""
    path = re.sub(r"\W+", "_", relation.columns[-1]).strip("_")
    return f"{plain(relation.stream)}_{path}_names_{relation.to}"


def plain(stream: str) -> str:
    """Return the name of a stream without the sign for all of a kind."""
    return stream.replace("activities_*", "activities_TYPE").replace("_*", "_NAME")


if __name__ == "__main__":
    PAGE.write_text(page(entries()), encoding="utf-8")
