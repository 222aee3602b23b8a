"""What columns mean: the `description` of each in the catalog.

Of columns that the tap knows, a sentence of ours stands in ``schemas/<name>.json``, and nowhere
else. Of fields and attributes of an account Marketo's own words are taken, which may hold anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

from tap_marketo.protocol.catalog import Schema

MOST_CHARACTERS = 500
"""Of the account's text in a description; many databases hold comments of 1,024 characters."""

# Half of a surrogate pair is no text, and a catalog that holds one cannot be read again.
_NO_TEXT = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def declared_columns(name: str) -> dict[str, Schema]:
    """Return the columns of a schema file, each with its schema and its description."""
    file = resources.files("tap_marketo.streams") / "schemas" / f"{name}.json"
    columns: dict[str, Schema] = json.loads(file.read_text(encoding="utf-8"))["properties"]
    return columns


def sentences(name: str) -> dict[str, str]:
    """Return the descriptions in a schema file, by column."""
    return {column: schema["description"] for column, schema in declared_columns(name).items()}


def one_line(text: Any) -> str:
    """Return a text of the account as one line of a bounded length; empty if it is none.

    Spaces, line breaks and control characters in a row become one space. Quotes and all else stay.
    """
    line = _NO_TEXT.sub(" ", text).strip() if isinstance(text, str) else ""
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"


def of_field(name: str, display_name: str, sentence: str = "") -> str:
    """Return the description of a field's column: its name for people, and what we know of it."""
    display = one_line(display_name)
    if not sentence:
        return display or f"The field {one_line(name)}, of which Marketo gives no display name."
    return f"{display}. {sentence}" if display not in ("", name) else sentence


def of_attribute(name: str, activity_type: Mapping[str, Any]) -> str:
    """Return the description of an attribute's column: its name, and what its type is about."""
    named = f"{name}, of {one_line(activity_type.get('name'))}"
    about = one_line(activity_type.get("description"))
    return one_line(f"{named}: {about}" if about else named)
