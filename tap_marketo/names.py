"""Column and stream names made from Marketo's display names, and what happens when two meet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def clean(name: str) -> str:
    """Return a name in lower case with underscores for spaces, and nothing else changed.

    Tables and columns that exist in warehouses bear names made by this rule.
    """
    return name.lower().replace(" ", "_")


def unique_columns(names: Sequence[str], taken: Iterable[str]) -> dict[str, str]:
    """Give each of a type's attribute names a column of its own.

    Where two names clean to the same column, or one to a base column, letter case aside as
    warehouses see it, the first keeps the column and the others take ``_2``, ``_3`` and so on.
    First is the first in alphabetical order, so that the answer does not hang on the order in
    which Marketo lists attributes.

    Args:
        names: the attributes' names, each once.
        taken: columns the stream has anyway.

    Returns:
        The column of each name, in the order of ``names``.
    """
    used = list(taken)
    columns: dict[str, str] = {}
    for name in sorted(names):
        columns[name] = free_column(clean(name), used)
        used.append(columns[name])
    return {name: columns[name] for name in names}


def free_column(column: str, taken: Iterable[str]) -> str:
    """Return a column's name, with the first suffix, ``_2`` and so on, that no other column has.

    Args:
        column: the name it would have.
        taken: the other columns; letter case counts for nothing, as in warehouses.
    """
    used = {other.lower() for other in taken}
    free = column
    suffix = 2
    while free.lower() in used:
        free = f"{column}_{suffix}"
        suffix += 1
    return free


def unique_streams(types: Iterable[tuple[int, str]], prefix: str) -> dict[int, str]:
    """Give each activity type a stream id of its own.

    Where two names clean to the same id, the type with the lowest number keeps it and the others
    take their number as a suffix.

    Args:
        types: number and name of each activity type.
        prefix: what every stream id begins with.
    """
    used: set[str] = set()
    streams: dict[int, str] = {}
    for number, name in sorted(types):
        stream = prefix + clean(name)
        while stream.lower() in used:
            stream = f"{stream}_{number}"
        used.add(stream.lower())
        streams[number] = stream
    return streams
