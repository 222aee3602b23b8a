"""Draws the pictures of the docs: ``python -m tests.pictures [--record]``."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap

from tests.harness import ROOT
from tests.pictures import export_day, first_sync

DIRECTORY = ROOT / "docs" / "pictures"
# Each with the page that shows it.
PICTURES = {
    "first-sync": (first_sync, ROOT / "README.md"),
    "export-day": (export_day, ROOT / "docs" / "plan.md"),
}
_PAGE_WIDTH = 132


def with_words(page: str, name: str, words: str) -> str:
    """Return a page in which some words are the paragraph below a picture."""
    paragraph = rf"(?s)(\]\([^)]*pictures/{name}\.svg\)\n\n).*?\n\n"
    text = textwrap.fill(words, _PAGE_WIDTH, break_on_hyphens=False)
    changed, places = re.subn(paragraph, lambda found: f"{found[1]}{text}\n\n", page)
    assert places == 1, name
    return changed


def main() -> int:
    """Draw them from what is recorded; record it anew before, where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description=__doc__)
    parser.add_argument("--record", action="store_true", help="run anew what the pictures show")
    is_anew = parser.parse_args().record
    for name, (each, page) in PICTURES.items():
        if is_anew:
            each.make_recording()
        (DIRECTORY / f"{name}.svg").write_text(each.draw(), encoding="utf-8")
        text = with_words(page.read_text(encoding="utf-8"), name, each.words())
        page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
