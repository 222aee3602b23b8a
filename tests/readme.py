"""The README and the pages of docs/ as tests read them."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from tests.harness import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


class Part(NamedTuple):
    """A heading with the text below it, up to the next heading."""

    level: int
    title: str
    text: str


def parts(path: Path) -> list[Part]:
    """Return a page by its headings; lines of code are none."""
    found: list[Part] = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        heading = re.match(r"(#+) (.+)\n", line)
        if heading and not (found and found[-1].text.count("\n```") % 2):
            found.append(Part(len(heading[1]), heading[2], "\n"))
        else:
            found[-1] = found[-1]._replace(text=found[-1].text + line)
    return found


def _whole(part: Part, following: list[Part]) -> str:
    """Return a part with those of lower level below it."""
    below = takewhile(lambda each: each.level > part.level, following)
    return part.text + "".join(each.text for each in below)


def section(title: str) -> str:
    """Return the text of a section, wherever it stands; titles that are asked for are unique."""
    pages = [parts(path) for path in PAGES]
    found = [
        _whole(part, page[place + 1 :])
        for page in pages
        for place, part in enumerate(page)
        if part.title == title
    ]
    assert len(found) == 1, f"{title}: {len(found)} sections"
    return found[0]


def tables(title: str) -> list[list[list[str]]]:
    """Return the tables of a section, each with its head and its rows."""
    found = re.findall(r"(?m)(?:^\|.*\n)+", section(title))
    assert found, title
    return [
        [_cells(row) for place, row in enumerate(each.splitlines()) if place != 1] for each in found
    ]


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split(" | ")]


def table(title: str) -> list[list[str]]:
    """Return the rows of a section's first table, without its head."""
    return tables(title)[0][1:]


def code(title: str, language: str) -> str:
    """Return the code in a section that is in a language."""
    blocks = re.findall(rf"(?ms)^```{language}\n(.*?)^```$", section(title))
    assert blocks, title
    return "\n".join(blocks)
