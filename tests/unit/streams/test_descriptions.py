"""Texts of an account in descriptions: whatever they hold, one line comes out that all can take."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.streams.descriptions import MOST_CHARACTERS, of_attribute, of_field, one_line

# Half of a surrogate pair may stand in JSON.
TEXTS = st.text(st.characters(), max_size=700)


@given(st.one_of(TEXTS, st.none(), st.integers(), st.lists(TEXTS)))
def test_a_line_is_bounded_and_a_text(text: Any) -> None:
    line = one_line(text)
    assert len(line) <= MOST_CHARACTERS
    assert line == line.strip()
    assert not set(map(chr, range(32))).intersection(line)
    assert line.encode().decode() == line
    assert one_line(line) == line
    assert isinstance(text, str) or not line


@given(TEXTS, TEXTS)
def test_every_field_and_attribute_has_a_description(name: str, other: str) -> None:
    assert of_field(name, other)
    assert of_field(name, other, "The key.").endswith("The key.")
    described = of_attribute(name, {"name": other, "description": other})
    assert json.loads(json.dumps(described)) == described
    assert len(described) <= MOST_CHARACTERS


def test_a_field_has_its_display_name_and_what_is_known_of_it() -> None:
    assert of_field("email", "Email Address") == "Email Address"
    assert of_field("id", "Id", "The key.") == "Id. The key."
    # One that only says the column's name again is left out beside a sentence.
    assert of_field("program", "program", "Its name.") == "Its name."
    assert of_field("a\nb", " ") == "The field a b, of which Marketo gives no display name."


def test_an_attribute_has_its_name_and_the_description_of_its_type() -> None:
    sent = {"name": "Send Email", "description": "A mail\nis sent"}
    assert of_attribute("Step ID", sent) == "Step ID, of Send Email: A mail is sent"
    assert of_attribute("Step ID", {"name": "Send Email"}) == "Step ID, of Send Email"
