"""Hypothesis strategies that spoil what was good: JSON values, JSON texts, bytes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.harness import SOAK

Path = tuple[str | int, ...]


def budget(examples: int, *, soak: int) -> int:
    """Return how many examples to try: so many in `make test`, or so many in `make soak`."""
    return soak if SOAK else examples


# What nobody expects, or what other programs write.
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**63,
    2**64,
    -(2**70),
    10**25,
    10**400,
    0.5,
    -1.5,
    1e25,
    1e308,
    float("inf"),
    float("-inf"),
    float("nan"),
    "",
    " ",
    "null",
    "true",
    "false",
    "0",
    "17",
    "1e999",
    "9" * 400,
    "a\nb\u2028c",
    "\0",
    "\ud800",
    "é漢😀",
    "x" * 5000,
    "１２",
    "%s{0}\x1b[31m",
    "../../etc?x=1#y",
    "2026-06-01",
    "2026-06-15T12:00:00Z",
    "2026-06-01T00:00:00.123456+05:30",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-05:00",
    "2026-02-30",
    "P1Y",
    [],
    {},
    [None],
    [[], {}],
    ["properties"],
    ["properties", "id"],
    [1, "a", None, {"b": [True]}],
    {"": ""},
    {"a": {"b": 1}},
    {"type": "object", "properties": {}},
    {"id": 1, "name": "a"},
)
# Stand-ins for values nested so deeply that Python's own json could not write them.
_DEEP = tuple(f"DEEP {depth} {kind}" for depth in (120, 300, 900) for kind in ("list", "dict"))
_STAND_IN = re.compile(r'"DEEP (\d+) (list|dict)"')


def odd_values() -> st.SearchStrategy[Any]:
    """Return a strategy for what may stand anywhere in JSON."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    # Indices, for values such as NaN equal nothing, not even themselves.
    listed = st.integers(0, len(ODD) - 1).map(lambda n: copy.deepcopy(ODD[n]))
    made_up = st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=5,
    )
    return st.one_of(listed, listed, listed, st.sampled_from(_DEEP), made_up)


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Yield the path of every node of a JSON value."""
    yield at
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*at, index))


@st.composite
def spoilt(draw: st.DrawFn, value: Any, most: int = 3) -> Any:
    """Drop, replace, retype, rename or repeat one or more nodes of a JSON value.

    Args:
        draw: hypothesis's.
        value: what is good.
        most: so many changes at most.
    """
    root = [json.loads(json.dumps(value))]
    for _ in range(draw(st.integers(1, most))):
        nodes = [path for path in paths(root) if path]
        path = nodes[draw(st.integers(0, len(nodes) - 1))]
        holder: Any = root
        for step in path[:-1]:
            holder = holder[step]
        _spoil(draw, holder, path[-1])
    return root[0]


def _spoil(draw: st.DrawFn, holder: Any, key: Any) -> None:
    how = draw(st.sampled_from(("replace", "replace", "drop", "retype", "wrap", "add", "repeat")))
    value = holder[key]
    if how == "replace":
        holder[key] = draw(odd_values())
    elif how == "drop" and isinstance(holder, dict):
        del holder[key]
    elif how == "retype":
        holder[key] = _retyped(value)
    elif how == "wrap":
        holder[key] = draw(st.sampled_from(([value], {"a": value}, [value, value])))
    elif how == "add" and isinstance(value, dict):
        value[draw(st.sampled_from(("", "id", "type", "selected", "a\nb", "x" * 99)))] = draw(
            odd_values()
        )
    elif how == "repeat" and isinstance(value, list) and value:
        value.append(copy.deepcopy(value[0]))
    elif isinstance(holder, dict):
        holder[draw(st.text(max_size=5))] = holder.pop(key)
    else:
        holder[key] = draw(odd_values())


def _retyped(value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return str(value).lower()
    if isinstance(value, str):
        return int(value) if value.isdecimal() else list(value)
    if isinstance(value, list):
        return {str(n): item for n, item in enumerate(value)}
    return [list(item) for item in value.items()]


_SELDOM = st.integers(0, 9).map(lambda n: n == 9)
_MEMBER = re.compile(r'"\w+": ')
_ODD_ENCODINGS = ("utf-8-sig", "utf-16", "utf-32-be", "cp037")


@st.composite
def json_bytes(draw: st.DrawFn, value: Any) -> bytes:
    """Write a JSON value, now and then with doubled members, odd encodings or damage."""
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    if draw(_SELDOM) and (members := list(_MEMBER.finditer(text))):
        member = members[draw(st.integers(0, len(members) - 1))]
        twin = member.group() + json.dumps(draw(odd_values())) + ", "
        text = text[: member.start()] + twin + text[member.start() :]
    text = _STAND_IN.sub(_written_deep, text)
    encoding = draw(st.sampled_from(_ODD_ENCODINGS)) if draw(_SELDOM) else "utf-8"
    data = text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")
    return draw(damaged(data)) if draw(_SELDOM) else data


def _written_deep(found: re.Match[str]) -> str:
    depth = int(found[1])
    if found[2] == "list":
        return "[" * depth + "]" * depth
    return '{"a": ' * depth + "1" + "}" * depth


_JUNK = (b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80",
         b"{", b"}", b"[" * 2000, b"\\", b"\\u0000", b"\xef\xbb\xbf", b"null")  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, data: bytes, most: int = 3) -> bytes:
    """Flip, cut, double, insert or lose bytes."""
    for _ in range(draw(st.integers(1, most))):
        at = draw(st.integers(0, len(data)))
        until = min(len(data), at + draw(st.integers(0, 20)))
        how = draw(st.sampled_from(("flip", "insert", "insert", "lose", "double", "cut")))
        if how == "flip" and at < len(data):
            flipped = data[at] ^ draw(st.integers(1, 255))
            data = data[:at] + bytes([flipped]) + data[at + 1 :]
        elif how == "insert":
            data = data[:at] + draw(st.sampled_from(_JUNK)) + data[at:]
        elif how == "lose":
            data = data[:at] + data[until:]
        elif how == "double":
            data = data[:until] + data[at:]
        else:
            data = data[:at]
    return data
