"""What a run remembers of the keys that it has met: the last ones, in bounded memory."""

from __future__ import annotations

from tap_marketo.streams.keyed_object import Remembered


def test_the_last_25_000_values_are_remembered_and_those_met_again_stay() -> None:
    remembered = Remembered()
    assert remembered.add("first")
    for number in range(60_000):
        assert remembered.add(str(number))
        if number % 20_000 == 0:
            assert not remembered.add("first")
        if number >= 24_999:
            assert str(number - 24_999) in remembered
    assert "20001" not in remembered
    assert remembered.add("20001")
