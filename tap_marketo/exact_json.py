"""JSON read without losing a digit: numbers stay the texts they were."""

from __future__ import annotations

import json
from typing import Any


class NumberText(str):
    """A JSON number as its text, so that no digit is lost before its column's type is known."""

    __slots__ = ()


_EXACT = json.JSONDecoder(parse_float=NumberText, parse_int=NumberText, parse_constant=NumberText)


def loads_exactly(data: bytes | str) -> Any:
    """Parse JSON with every number kept as :class:`NumberText`.

    Raises:
        ValueError: the data is not JSON.
    """
    return _EXACT.decode(data if isinstance(data, str) else data.decode("utf-8-sig"))
