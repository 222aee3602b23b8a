"""JSON schemas as Singer uses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def schema_types(schema: Mapping[str, Any]) -> list[str]:
    """Return the JSON types a column's schema allows, as a list."""
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)
