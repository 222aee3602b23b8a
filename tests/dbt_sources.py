"""Writes dbt/models/sources.yml, the tables that the tap loads: ``make docs``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources

from tap_marketo.streams.descriptions import sentences
from tests.harness import ROOT

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
# Made by `make docs` from the schema files of the tap; edit tests/dbt_sources.py. Fields and
# attributes of the account have their descriptions in the catalog and in SCHEMA messages.
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


def page() -> str:
    """Return the text of the file; a JSON text is one of YAML, too."""
    lines = [HEAD]
    for table, columns in tables().items():
        lines.append(f"      - name: {table}\n        columns:\n")
        for column, text in columns.items():
            described = json.dumps(text, ensure_ascii=False)
            lines.append(f"          - {{name: {column}, description: {described}}}\n")
    return "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
