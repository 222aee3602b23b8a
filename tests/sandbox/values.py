"""Pools of cell values, one per data type, with the awkward ones that occur in the wild.

Cells are picked from pools, not made one by one: a file of millions of cells must not take
longer to make than to read.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from tests.sandbox.clock import DAY, bulk_time, date_text

POOL_SIZE = 61
"""A prime, so that hashes spread evenly over the pool."""


class Value(NamedTuple):
    """One value: the text a file shows (None: absent) and the typed value behind it."""

    text: str | None
    typed: str | int | float | bool | None


ABSENT = Value(None, None)


def as_text(text: str) -> Value:
    """A text."""
    return Value(text, text)


def as_number(number: int) -> Value:
    """An integer."""
    return Value(str(number), number)


WORDS = (
    "alpha",
    "bravo",
    "cedar",
    "delta",
    "ember",
    "falcon",
    "garnet",
    "harbor",
    "indigo",
    "juniper",
    "kelvin",
    "lumen",
    "maple",
    "nectar",
    "onyx",
    "prairie",
    "quartz",
    "ripple",
    "saffron",
    "timber",
    "umber",
    "velvet",
    "willow",
    "xenon",
    "yonder",
    "zephyr",
)

HARD_TEXTS = (
    "first line\nsecond line",
    "carriage\r\nreturn and feed",
    "a lone\rcarriage return",
    'she said "fine"',
    '"',
    'ends with a quote"',
    "comma, and; semicolon",
    "nul\x00byte",
    "line\u2028separator and\u2029paragraph",
    "next\x85line and form\x0cfeed",
    "smile \U0001f600 family \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "tab\there",
    "  spaces around  ",
    "back\\slash \\n not a break",
    "日本語 Ünïcödé",
    "\ufeffbyte order mark",
    "line feed at the end\n",
    "=1+1",
    "0012",
    "1e5",
    "true",
    '{"json": [1, 2]}',
)
"""Never the text "null": a file cannot tell it from an absent value (bulk-lead-extract.md)."""

HARD_INTEGERS = (0, -1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**53) - 1)


def _text(rng: random.Random, place: int) -> Value:
    if place < len(HARD_TEXTS):
        text = HARD_TEXTS[place]
    else:
        text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 5)))
    return Value(text, text)


def _word(rng: random.Random, place: int) -> Value:
    text = rng.choice(WORDS).title() + rng.choice(("", "", " & Co", ", Inc.", "-" + str(place)))
    return Value(text, text)


def _email(rng: random.Random, place: int) -> Value:
    text = f"{rng.choice(WORDS)}.{place}@example.{rng.choice(('com', 'org', 'net'))}"
    return Value(text, text)


def _url(rng: random.Random, place: int) -> Value:
    text = f"https://www.example.com/{rng.choice(WORDS)}?q={rng.choice(WORDS)},{place}&x=%20#top"
    return Value(text, text)


def _phone(rng: random.Random, place: int) -> Value:
    # Leading zeros and plus signs: a phone number is text however much it looks like a number.
    text = rng.choice(("+1-555-010-", "0049 30 ", "(020) 7946 ")) + f"{rng.randint(0, 9999):04d}"
    return Value(text, text)


def _integer(rng: random.Random, place: int) -> Value:
    number = HARD_INTEGERS[place] if place < len(HARD_INTEGERS) else rng.randint(-999, 100_000)
    return Value(str(number), number)


def _score(rng: random.Random, place: int) -> Value:
    number = rng.randint(-50, 500)
    return Value(str(number), number)


def _percent(rng: random.Random, place: int) -> Value:
    # field-types.md calls a percent an integer; exports are known to hold 12.5 as well.
    if place % 3 == 0:
        tenths = rng.randint(0, 1000)
        text = f"{tenths // 10}.{tenths % 10}"
        return Value(text, float(text))
    number = rng.randint(0, 100)
    return Value(str(number), number)


def _float(rng: random.Random, place: int) -> Value:
    text = f"{rng.uniform(-1e6, 1e6):.{rng.randint(1, 6)}f}" if place else "0.1"
    return Value(text, float(text))


def _currency(rng: random.Random, place: int) -> Value:
    text = f"{rng.uniform(0, 1e7):.2f}"
    return Value(text, float(text))


def _boolean(rng: random.Random, place: int) -> Value:
    truth = rng.random() < 0.5
    return Value("true" if truth else "false", truth)


def _moment(rng: random.Random) -> float:
    return rng.randint(0, 20_500 * DAY) - (3000 * DAY if rng.random() < 0.1 else 0)


def _date(rng: random.Random, place: int) -> Value:
    text = date_text(_moment(rng))
    return Value(text, text)


def _datetime(rng: random.Random, place: int) -> Value:
    text = bulk_time(_moment(rng))
    return Value(text, text)


def _array(rng: random.Random, place: int) -> Value:
    # No page says how a file writes an array; the text is handed on as it is.
    text = ",".join(f"{rng.getrandbits(40):013d}" for _ in range(1 + place % 3))
    return Value(text, text)


_MAKERS: dict[str, Callable[[random.Random, int], Value]] = {
    "string": _word,
    "text": _text,
    "textarea": _text,
    "email": _email,
    "url": _url,
    "phone": _phone,
    "reference": _word,
    "lead_function": _word,
    "formula": _word,
    "integer": _integer,
    "score": _score,
    "percent": _percent,
    "float": _float,
    "currency": _currency,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "array": _array,
}

DATA_TYPES = tuple(_MAKERS)
"""Every data type of describe.json and types.json."""


def make_pool(name: str, data_type: str, absent: float, size: int = POOL_SIZE) -> list[Value]:
    """Values of one field, the same for the same name; `absent` is the share of null."""
    rng = random.Random(name)
    make = _MAKERS.get(data_type, _word)
    # Every awkward value is in the pool; the absent ones come from the rest of it.
    kept = len(HARD_TEXTS) if make is _text else len(HARD_INTEGERS) if make is _integer else 0
    share = absent * size / max(size - kept, 1)
    pool = [
        ABSENT if place >= kept and rng.random() < share else make(rng, place)
        for place in range(size)
    ]
    if data_type == "string":
        # Short strings take the awkward texts too, one at every third place.
        for place, text in enumerate(HARD_TEXTS[: size // 3]):
            pool[3 * place] = Value(text, text)
    rng.shuffle(pool)
    return pool


def mix(*numbers: int) -> int:
    """A 64-bit hash of a few integers, the same on every machine."""
    state = 0x9E3779B97F4A7C15
    for number in numbers:
        state = ((state ^ number) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 29
    return state
