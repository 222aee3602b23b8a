"""The README as tests read it."""

from __future__ import annotations

import re

from tests.harness import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """Return the text of a section."""
    found = re.search(rf"(?ms)^##+ {re.escape(title)}\n(.*?)(?=^##? |\Z)", README)
    assert found, title
    return found[1]


def table(title: str) -> list[list[str]]:
    """Return the rows of a section's first table, without its head."""
    found = re.search(r"(?m)(?:^\|.*\n)+", section(title))
    assert found, title
    rows = found[0].splitlines()
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


def code(title: str, language: str) -> str:
    """Return the code in a section that is in a language."""
    blocks = re.findall(rf"(?ms)^```{language}\n(.*?)^```$", section(title))
    assert blocks, title
    return "\n".join(blocks)
