"""The messages that the documents explain are those that the tap writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import ROOT, Tap, account
from tests.readme import table

# What stands in a text in place of a value.
VALUE = "\0"
PLACEHOLDER = re.compile(r"%[sdr]|%[.,\d]*f|\{\w*\}")
# Of these the words are Marketo's, or come together in the run: they are provoked below.
PROVOKED = {"POST identity/oauth/token: ...", "error 603: Access denied"}

MESSAGES = [
    message for row in table("Troubleshooting") for message in re.findall("`(.+?)`", row[0])
]


def texts_of(path: Path) -> Iterator[str]:
    """Yield the texts in a module's code, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (
                each.value if isinstance(each, ast.Constant) else VALUE for each in node.values
            )
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and node not in docstrings:
            yield PLACEHOLDER.sub(VALUE, str(node.value))


TEXTS = [text for path in (ROOT / "tap_marketo").rglob("*.py") for text in texts_of(path)]


def stands_in(text: str, piece: str) -> bool:
    """Say whether a text has a piece of a message; numbers, and one word in four, may be values."""
    words = piece.split(" ")
    either = (f"(?:{re.escape(word)}|{VALUE})" for word in words)
    found = re.search(" ".join(either), text)
    values = max(len(words) // 4, sum(word.isdigit() for word in words))
    return found is not None and found[0].count(VALUE) <= values


@pytest.mark.parametrize("message", sorted({*MESSAGES} - PROVOKED))
def test_messages_that_are_explained_are_written(message: str) -> None:
    pieces = [piece.strip().rstrip(":") for piece in message.split("...") if piece.strip()]
    assert pieces
    for piece in pieces:
        assert any(stands_in(text, piece) for text in TEXTS), piece


def test_messages_that_come_together_in_the_run_are_written(tap: Tap) -> None:
    assert {*MESSAGES} >= PROVOKED
    with account("--leads", "1", "--activities", "1", "--lacks", "Read-Only Asset") as marketo:
        denied = tap.run(marketo.config(), None, None, "--discover")
        assert "error 603: Access denied" in denied.stderr
        unknown = tap.run(
            marketo.config(client_secret="of-another-service"), None, None, "--discover"
        )
    assert unknown.critical[0].startswith("CRITICAL POST identity/oauth/token: ")
