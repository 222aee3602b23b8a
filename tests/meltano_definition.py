"""Writes Meltano's definition of the tap from the table of settings: ``make docs``.

Two files: ``meltano/extractors/tap-marketo.yml`` for ``meltano add --from-ref``, and
``meltano.yml``, a Meltano project that installs the tap from the checkout it lies in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill, indent
from typing import Any

from tap_marketo import __version__
from tap_marketo.commands.about import CAPABILITIES, DESCRIPTION, NAME
from tap_marketo.config import SETTINGS
from tap_marketo.settings import Setting
from tap_marketo.streams.activity_columns import EXTRA_COLUMNS
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.registry import REGISTRY
from tests.harness import ROOT

DEFINITION = ROOT / "meltano" / "extractors" / f"{NAME}.yml"
PROJECT = ROOT / "meltano.yml"

# Where `meltano add` installs from: PyPI's package of this name is another one.
SOURCE_VARIABLE = "TAP_MARKETO_PIP_URL"

HEAD = "Made by `make docs` from the table of settings; edit tests/meltano_definition.py."
# What most want, in few calls: beside the exports some twenty pages for 1,000 rows of each list.
CHEAP = (
    "leads",
    "activities_*",
    "activity_types",
    "lists",
    "programs",
    "channels",
    "campaigns",
    "emails",
    "landing_pages",
    "forms",
)
WHY_THESE = (
    "What most want, at a price that is known. Left out is what takes a call for each parent "
    "(tokens, list_memberships) or exports of its own (program_members, custom_object_...): both "
    "can use up a day, so choose them on purpose."
)
WHY_NOT_CHANGES = (
    "A row for each change of each field of each lead: often the largest of all types, and a "
    "good part of the 500 MB that Marketo exports in a day."
)
WHY_NOT_DETAILS = (
    "A call for each row. What is excluded stays so, whatever is selected beside it: take the "
    "line out to have the column."
)
WHY_NOT_EXTRAS = "Off by default in the catalog, which Meltano's `*` does not heed."
WHY_NO_DECIMALS = "Meltano 4.4 cannot write decimals as JSON: what may have a fraction is a string."


def details() -> list[str]:
    """Return the columns, with their streams, that take a call for each row."""
    return [
        f"{kind.name}.{column}"
        for kind in REGISTRY
        if isinstance(kind, DeclaredStream)
        for each in kind.details
        if not each.by_default
        for column in each.columns
    ]


def definition() -> str:
    """Return the definition that ``meltano add --from-ref`` takes."""
    why = _comment("Of what is no part of a variant `meltano add --from-ref` drops `select`.")
    variant = [f"name: {_VARIANT}", *_plugin(f"${{{SOURCE_VARIABLE}}}")]
    lines = [
        *_comment(HEAD),
        *_comment(WHY_NO_DECIMALS),
        *_name(),
        *why,
        "variants:",
        *_item(variant),
    ]
    return "\n".join(lines) + "\n"


def project() -> str:
    """Return a project that installs the tap from where it lies."""
    plugin = [*_name(), f"variant: {_VARIANT}", *_plugin("-e .")]
    lines = [
        *_comment(f"The tap in a Meltano project: `meltano install` in this checkout. {HEAD}"),
        *_comment(WHY_NO_DECIMALS),
        "send_anonymous_usage_stats: false",
        *_comment("Meltano writes the file anew, in an order of its own, where it has no id."),
        f"project_id: {NAME}",
        "default_environment: dev",
        "environments:",
        "- name: dev",
        "plugins:",
        "  extractors:",
        *("  " + line for line in _item(plugin)),
    ]
    return "\n".join(lines) + "\n"


_VARIANT = "bulk"


def _name() -> list[str]:
    return [
        f"name: {NAME}",
        f"namespace: {NAME.replace('-', '_')}",
        "label: Adobe Marketo Engage",
        f"description: {json.dumps(DESCRIPTION)}",
    ]


def _plugin(source: str) -> list[str]:
    required = ", ".join(each.name for each in SETTINGS if each.is_required)
    return [
        f"pip_url: {source}",
        f"executable: {NAME}",
        f"capabilities: [{', '.join(CAPABILITIES)}]",
        "settings_group_validation:",
        f"- [{required}]",
        *_comment(WHY_THESE),
        "select:",
        *_patterns(f"{stream}.*" for stream in CHEAP),
        *_comment(WHY_NOT_CHANGES),
        *_patterns(["!activities_change_data_value.*"]),
        *_comment(WHY_NOT_DETAILS),
        *_patterns(f"!{column}" for column in details()),
        *_comment(WHY_NOT_EXTRAS),
        *_patterns(f"!activities_*.{column}" for column in EXTRA_COLUMNS),
        "settings:",
        *(line for each in SETTINGS for line in _item(_setting(each))),
    ]


def _setting(setting: Setting) -> list[str]:
    lines = [
        f"name: {setting.name}",
        f"label: {setting.name.replace('_', ' ').capitalize()}",
        f"description: {json.dumps(setting.about + _default(setting), ensure_ascii=False)}",
        f"kind: {_kind(setting.type.schema)}",
    ]
    if setting.is_secret:
        lines.append("sensitive: true")
    if words := setting.type.schema.get("enum"):
        lines.append("options:")
        lines += [f"- {{label: {word}, value: {word}}}" for word in words]
    return lines


def _kind(schema: Mapping[str, Any]) -> str:
    """Return what Meltano calls a type of values."""
    if "enum" in schema:
        return "options"
    if schema.get("format") == "date-time":
        return "date_iso8601"
    # Meltano 4.4 cannot write a setting of kind decimal as JSON.
    return "string" if schema["type"] == "number" else str(schema["type"])


def _default(setting: Setting) -> str:
    """Return what to say of the default.

    It is no ``value``: `meltano add` would write it into the user's project, where it stays what
    it was when later versions of the tap have another.
    """
    if setting.default in (None, "", ()) or __version__ in str(setting.default):
        return ""
    is_number = isinstance(setting.default, float)
    shown = f"{setting.default:g}" if is_number else str(setting.default).lower()
    return f"; default: {shown}"


def _patterns(patterns: Iterable[str]) -> list[str]:
    return [f"- {json.dumps(pattern)}" for pattern in patterns]


def _comment(text: str) -> list[str]:
    return fill(text, 96, initial_indent="# ", subsequent_indent="# ").splitlines()


def _item(lines: Sequence[str]) -> list[str]:
    """Return the lines of a mapping as an item of a list."""
    return ["- " + lines[0], *indent("\n".join(lines[1:]), "  ").splitlines()]


if __name__ == "__main__":
    DEFINITION.parent.mkdir(parents=True, exist_ok=True)
    DEFINITION.write_text(definition(), encoding="utf-8")
    PROJECT.write_text(project(), encoding="utf-8")
