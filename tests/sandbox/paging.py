"""Paging tokens: opaque texts that stand for a place in a scan (paging-tokens.md)."""

from __future__ import annotations

import base64
import itertools
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.sandbox.answers import ApiError

LARGEST_BATCH = 300
"""Most and usual size of a page of the lead database (paging-tokens.md, "Position-Based")."""

MOST_ASSETS, USUAL_ASSETS = 200, 20
"""Most and usual size of a page of assets (assets.md, "Browse")."""

DATED = "pagingtoken"
"""The scan of the tokens that stand for a datetime."""
DATE_BASED = ("activities_page", "deletedleads")
"""Scans that begin with such a token (paging-tokens.md, "Date-Based")."""

T = TypeVar("T")
Query = dict[str, list[str]]

_serial = itertools.count()


@dataclass(frozen=True)
class Place:
    """A place in a scan: the kind of scan, numbers that say where, and the number of the page."""

    kind: str
    where: tuple[int, ...]
    page: int = 1


def make_token(place: Place, length: int) -> str:
    """A token for the place; never the same text twice, so that only a fault repeats one.

    It has `length` characters at least: "Some responses return long paging token strings"
    (paging-tokens.md), and no page says how long. Base 32 with its padding, as Adobe's samples
    have it: the equals signs must be URL-encoded.
    """
    numbers = ",".join(str(number) for number in place.where)
    text = f"{place.kind}:{numbers}:{place.page}:{next(_serial)}"
    # Eight characters of base 32 hold five bytes. Within the checksum: a token cut short is none.
    text = text.ljust(math.ceil(length * 5 / 8), ".")
    checked = f"{zlib.crc32(text.encode()):08x}:{text}"
    return base64.b32encode(checked.encode()).decode()


def read_token(token: str, kind: str) -> Place:
    """The place behind a token; an error 1003 for a token that is not of this kind of scan."""
    try:
        check, _, text = base64.b32decode(token.encode()).decode().partition(":")
        if int(check, 16) != zlib.crc32(text.encode()):
            raise ValueError(token)
        found, numbers, page, _ = text.split(":")
        if found != kind and not (found == DATED and kind in DATE_BASED):
            raise ValueError(token)
        return Place(kind, tuple(int(number) for number in numbers.split(",")), int(page))
    except ValueError:
        raise ApiError("1003", "Invalid nextPageToken") from None


def read_number(values: list[str] | None, usual: int, least: int, most: int, name: str) -> int:
    """A number among the parameters: 1001 when it is not one, cut to what is allowed."""
    if not values or not values[0]:
        return usual
    try:
        number = int(values[0])
    except ValueError:
        raise ApiError("1001", f"Invalid value '{values[0]}'. Required of type 'Integer'") from None
    if number < least:
        raise ApiError("1003", f"{name} must be at least {least}")
    return min(number, most)


def read_batch_size(query: Query) -> int:
    """The batchSize of a call, "usually the max and default of 300" (paging-tokens.md)."""
    return read_number(query.get("batchSize"), LARGEST_BATCH, 1, LARGEST_BATCH, "batchSize")


def token_page(
    rows: Sequence[T],
    query: Query,
    scan: str,
    token: str | None,
    token_bytes: int,
    place_of: Callable[[T], int],
) -> tuple[Sequence[T], dict[str, Any]]:
    """A page by token, and the members beside it: nextPageToken while moreResult is true.

    "The token works like a database cursor" (paging-tokens.md, "Position-Based"): it stands behind
    a row, and whatever comes or goes before that one moves it nowhere.

    place_of: numbers from 1 on by which the rows are sorted.
    """
    size = read_batch_size(query)
    place = read_token(token, scan) if token else Place(scan, (0,))
    (behind,) = place.where
    left = [row for row in rows if place_of(row) > behind]
    more = size < len(left)
    beside: dict[str, Any] = {"moreResult": more}
    if more:
        following = Place(scan, (place_of(left[size - 1]),), place.page + 1)
        beside["nextPageToken"] = make_token(following, token_bytes)
    return left[:size], beside


Names = tuple[str, str]
OFFSETS: Names = ("offset", "maxReturn")
"""The parameters of a page by offset (assets.md, "Browse")."""


def offset_page(rows: Sequence[T], query: Query, names: Names = OFFSETS) -> Sequence[T]:
    """A page by offset."""
    first, most = names
    size = read_number(query.get(most), USUAL_ASSETS, 1, MOST_ASSETS, most)
    offset = read_number(query.get(first), 0, 0, 1 << 31, first)
    return rows[offset : offset + size]


def offset_page_number(query: Query, names: Names = OFFSETS) -> int:
    """The number of the page that an offset and a size mean, for faults and the log."""
    try:
        offset, size = (
            read_number(query.get(name), usual, 0, most, name)
            for name, usual, most in zip(
                names, (0, USUAL_ASSETS), (1 << 31, MOST_ASSETS), strict=True
            )
        )
    except ApiError:
        return 0
    return offset // max(1, size) + 1


def split_values(values: list[str] | None) -> list[str]:
    """The values of a parameter that may be repeated and may hold commas."""
    return [part for value in values or [] for part in value.split(",") if part]


def integers(values: list[str]) -> list[int]:
    """The values of a parameter as integers; 1001 where one is none."""
    try:
        return [int(value) for value in values]
    except ValueError:
        text = ",".join(values)
        raise ApiError("1001", f"Invalid value '{text}'. Required of type 'Integer'") from None
