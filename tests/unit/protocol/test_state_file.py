"""State files: read whole, out of what stands around them, or refused with the file named."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tap_marketo.errors import StateError
from tap_marketo.protocol.marks import PageMark
from tap_marketo.protocol.state import State
from tap_marketo.protocol.state_file import load_state
from tests.unit.protocol.test_state import OTHER_TAPS_STATE, day


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def loaded(path: Path, content: Any) -> State:
    """Load a file of text as it is, or of anything else as JSON."""
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return load_state(str(path))


def test_a_state_file_is_read_without_a_word(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        state = loaded(path, OTHER_TAPS_STATE)
    assert state.bookmark("leads", "updatedAt") == day(1, 1)
    assert caplog.messages == []


@pytest.mark.parametrize("content", ["{}", "null", "{}\n", '{"currently_syncing": null}'])
def test_an_empty_state_is_a_first_run(path: Path, content: str) -> None:
    assert loaded(path, content).value == {"bookmarks": {}}


@pytest.mark.parametrize("content", ["", " \n", "\ufeff"])
def test_an_empty_file_is_no_state(path: Path, content: str) -> None:
    with pytest.raises(StateError, match=r"is empty\. A target that writes to the file .* {}"):
        loaded(path, content)


def test_no_state_file_is_a_first_run() -> None:
    assert load_state(None).value == {"bookmarks": {}}


def bookmarked(**days: int) -> dict[str, Any]:
    """Return a state with bookmarks on days of January."""
    return {
        "bookmarks": {
            stream: {"updatedAt": f"2026-01-{number:02}T00:00:00+00:00"}
            for stream, number in days.items()
        }
    }


ONE = {"singer_state": bookmarked(leads=1, lists=1)}
WRAPPED: list[tuple[dict[str, Any], str]] = [
    ({"type": "STATE", "value": bookmarked(leads=1, lists=1)}, "value"),
    ({"value": bookmarked(leads=1, lists=1)}, "value"),
    (ONE, "singer_state"),
    ({"completed": ONE}, "completed.singer_state"),
    ({"completed": ONE, "partial": {}}, "completed.singer_state"),
    ({"completed": ONE, "partial": None}, "completed.singer_state"),
    ({"completed": {}, "partial": ONE}, "partial.singer_state"),
    ({"partial": ONE}, "partial.singer_state"),
    (
        {
            "completed": {"singer_state": bookmarked(leads=1)},
            "partial": {"singer_state": bookmarked(lists=1)},
        },
        "completed.singer_state and partial.singer_state",
    ),
    ({"type": "STATE", "value": {"completed": ONE}}, "value.completed.singer_state"),
]


@pytest.mark.parametrize(("content", "where"), WRAPPED)
def test_a_state_is_taken_out_of_what_stands_around_it(
    path: Path, content: dict[str, Any], where: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        state = loaded(path, content)
    assert state.value == bookmarked(leads=1, lists=1)
    (message,) = caplog.messages
    assert str(path) in message
    assert message.endswith(f" {where}.")


def test_a_partial_state_is_laid_over_the_completed_one(path: Path) -> None:
    completed = bookmarked(leads=1, lists=2) | {"exports": {"leads": []}, "mine": [1, 2]}
    completed["bookmarks"]["lists"]["next_page_token"] = "TOKEN"
    partial = bookmarked(lists=5, campaigns=6) | {"mine": [3], "exports": None}
    partial["bookmarks"]["lists"]["next_page_token"] = None
    state = loaded(
        path, {"completed": {"singer_state": completed}, "partial": {"singer_state": partial}}
    )
    assert state.mark(PageMark, "lists") == PageMark()
    assert [state.bookmark(stream, "updatedAt") for stream in ("leads", "lists", "campaigns")] == [
        day(1, 1),
        day(1, 5),
        day(1, 6),
    ]
    assert state.value["mine"] == [3]


@pytest.mark.parametrize(
    "content",
    [
        {"singer_state": {}},
        {"singer_state": None},
        {"completed": {}, "partial": {}},
        {"completed": None, "partial": None},
        {"type": "STATE", "value": {}},
        {"value": {"bookmarks": {}}},
        {"currently_syncing": "leads"},
        {"bookmarks": None},
    ],
)
def test_a_state_that_says_nothing_is_a_first_run(path: Path, content: dict[str, Any]) -> None:
    assert loaded(path, content).value == {"bookmarks": {}}


@pytest.mark.parametrize("key", ["mine", "singer_state", "value", "completed", "bookmark"])
@pytest.mark.parametrize("known", [bookmarked(leads=1), {"bookmarks": {}}])
def test_keys_beside_bookmarks_are_carried_on(path: Path, key: str, known: Any) -> None:
    both = known | {key: bookmarked(leads=9)}
    assert loaded(path, both).value == both


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"bookmark": {}}, ["'bookmark'", "did you mean 'bookmarks'?"]),
        ({"Bookmarks": {}}, ["'Bookmarks'", "did you mean 'bookmarks'?"]),
        ({"bookmrks": {}, "currently_syncing": "leads"}, ["'bookmrks'", "'bookmarks'?"]),
        ({"bookmark": {}, "exports": {"leads": []}}, ["'bookmark'", "did you mean 'bookmarks'?"]),
        ({"export": {}}, ["'export'", "did you mean 'exports'?"]),
        ({"leads": {"updatedAt": "2026-01-01"}, "lists": {}}, ["'leads'", "'lists'"]),
        ({"currently_syncing": None, "contacts": "2026"}, ["'contacts'"]),
        ({"type": "RECORD", "stream": "leads", "record": {}}, ["'type'", "'stream'", "'record'"]),
        ({"type": "STATE", "value": {}, "mine": 1}, ["'type'", "'value'", "'mine'"]),
        ({"type": "STATE"}, ["'type'"]),
        ({"type": "STATE", "completed": ONE}, ["'type'", "'completed'"]),
        ({"type": "state", "value": bookmarked(leads=1)}, ["'type'", "'value'"]),
        ({"singer_state": bookmarked(leads=1), "mine": 1}, ["'singer_state'", "'mine'"]),
        ({"completed": ONE, "partial": {}, "state_id": "x"}, ["'completed'", "'state_id'"]),
        ({"singer_state": {"bookmark": {}}}, ["'bookmark'", "did you mean 'bookmarks'?"]),
        ({"completed": ONE, "partial": {"singer_state": {"mine": {}}}}, ["'mine'"]),
        (dict.fromkeys("abcdefghij", 1), ["'a', 'b', 'c', 'd', 'e' and 5 more"]),
        (dict.fromkeys(["a", "b", "c", "d", "e", "bookmark"], 1), ["'bookmark'", "'d' and 1 more"]),
    ],
)
def test_a_state_of_unknown_keys_is_refused_with_the_keys_named(
    path: Path, content: dict[str, Any], named: list[str]
) -> None:
    with pytest.raises(StateError) as caught:
        loaded(path, content)
    for part in (str(path), "bookmarks", "STATE", *named):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ({"singer_state": "x"}, "singer_state"),
        ({"type": "STATE", "value": [bookmarked(leads=1)]}, "value"),
        ({"completed": {"singer_state": 1}}, "completed.singer_state"),
        ({"completed": ONE, "partial": "none"}, "partial"),
    ],
)
def test_what_must_hold_the_state_and_does_not_is_named(
    path: Path, content: dict[str, Any], where: str
) -> None:
    with pytest.raises(StateError, match=f"my state.json cannot be used: {where} must be an obj"):
        loaded(path.with_name("my state.json"), content)


LINE = json.dumps(bookmarked(leads=1))
MESSAGE = json.dumps({"type": "STATE", "value": bookmarked(leads=1)})


@pytest.mark.parametrize(
    "content",
    [
        f"{LINE}\n{LINE}\n",
        f"{MESSAGE}\n{MESSAGE}\n{MESSAGE}",
        f"{MESSAGE}\r\n\r\n{MESSAGE}",
        f"{LINE}{LINE}",
        f"{{}}\n{LINE}",
        # Killed while it was written.
        f"{LINE}\n{LINE[:-5]}",
        '{"type": "SCHEMA", "stream": "a"}\n{"type": "RECORD", "stream": "a"}\n' + MESSAGE,
    ],
)
def test_a_target_s_whole_output_is_refused_with_the_remedy(path: Path, content: str) -> None:
    with pytest.raises(StateError, match=r"holds several JSON values.*last") as caught:
        loaded(path, content)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{", "is not valid JSON"),
        (b"{} and more", "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"[]", "must hold a JSON object"),
        (b'"bookmarks"', "must hold a JSON object"),
        (b'{"bookmarks": 1}', "bookmarks must be an object"),
        (b'{"singer_state": {"bookmarks": 1}}', "bookmarks must be an object"),
        (b'{"value": ' * 900 + b"{}" + b"}" * 900, "nor written again"),
    ],
)
def test_a_state_file_of_nonsense_is_named(path: Path, content: bytes, complaint: str) -> None:
    path.write_bytes(content)
    with pytest.raises(StateError, match=complaint) as caught:
        load_state(str(path))
    assert str(path) in str(caught.value)


def test_a_state_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    with pytest.raises(StateError, match=r"Cannot read the state file .*none\.json: No such file"):
        load_state(str(path))
