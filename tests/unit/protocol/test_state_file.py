"""State files: read whole, or refused with the file named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tap_marketo.errors import StateError
from tap_marketo.protocol.state_file import load_state
from tests.unit.protocol.test_state import OTHER_TAPS_STATE, day


def test_a_state_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(OTHER_TAPS_STATE))
    assert load_state(str(path)).bookmark("leads", "updatedAt") == day(1, 1)


@pytest.mark.parametrize("content", ["", " \n", "{}"])
def test_an_empty_state_file_is_a_first_run(tmp_path: Path, content: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)
    assert load_state(str(path)).value == {"bookmarks": {}}


def test_no_state_file_is_a_first_run() -> None:
    assert load_state(None).value == {"bookmarks": {}}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{", "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"[]", "must hold a JSON object"),
        (b"null", "must hold a JSON object"),
        (b'{"bookmarks": 1}', "bookmarks must be an object"),
    ],
)
def test_a_state_file_of_nonsense_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(StateError, match=complaint) as caught:
        load_state(str(path))
    assert str(path) in str(caught.value)


def test_a_state_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    with pytest.raises(StateError, match=r"Cannot read the state file .*none\.json: No such file"):
        load_state(str(path))
