"""Column and stream names made from Marketo's display names, and what happens when two meet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence

from tap_marketo.plain_names import Named, plain_names


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


class Naming(ABC):
    """How discovery names streams and columns.

    What each of them is in Marketo stands in the catalog's metadata, so that a sync needs no rule.
    """

    @abstractmethod
    def streams(self, types: Collection[tuple[int, str]], prefix: str) -> dict[int, str]:
        """Return the stream id of each type, by its number.

        Args:
            types: number and name of each.
            prefix: what every stream id begins with.
        """

    @abstractmethod
    def objects(self, names: Collection[str], prefix: str) -> dict[str, str]:
        """Return the stream id of each type of custom objects, by its API name.

        Args:
            names: the API names, each once.
            prefix: what every stream id begins with.
        """

    @abstractmethod
    def attributes(self, names: Sequence[str], taken: Collection[str]) -> dict[str, str]:
        """Return the column of each attribute of a type, by its name.

        Args:
            names: the attributes' names, each once.
            taken: columns the stream has anyway.
        """

    @abstractmethod
    def reserved(self, columns: Collection[str]) -> Collection[str]:
        """Return which of the columns that a stream did not always have no attribute may take."""

    @abstractmethod
    def fields(self, numbers: Mapping[str, int | None], taken: Collection[str]) -> dict[str, str]:
        """Return the column of each field, by its name.

        Args:
            numbers: what Marketo numbers each by, None where it does not say.
            taken: fields whose columns bear their names whatever else there is.
        """


class AsMarketo(Naming):
    """Names as Marketo has them, in the form that tables have in existing warehouses."""

    def streams(self, types: Collection[tuple[int, str]], prefix: str) -> dict[int, str]:
        return unique_streams(types, prefix)

    def objects(self, names: Collection[str], prefix: str) -> dict[str, str]:
        streams = unique_columns([prefix + name for name in names], ())
        return {name: streams[prefix + name] for name in names}

    def attributes(self, names: Sequence[str], taken: Collection[str]) -> dict[str, str]:
        return unique_columns(names, taken)

    def reserved(self, columns: Collection[str]) -> Collection[str]:
        # Attributes may have had their names before.
        return ()

    def fields(self, numbers: Mapping[str, int | None], taken: Collection[str]) -> dict[str, str]:
        return {name: name for name in numbers}


class Plain(Naming):
    """Names that every target can hold (:mod:`tap_marketo.plain_names`).

    Of those that are equal but for letter case and spaces, the one with the lowest number keeps
    the plain name: Marketo numbers upwards, so that a new one takes no name away. Attributes and
    types of custom objects have no number; of them it is the first in alphabetical order.
    """

    def streams(self, types: Collection[tuple[int, str]], prefix: str) -> dict[int, str]:
        named = [Named(name, clean(name), number) for number, name in sorted(types)]
        streams = map(str.lower, plain_names(named, "type", prefix=prefix))
        return dict(zip(sorted(number for number, _ in types), streams, strict=True))

    def objects(self, names: Collection[str], prefix: str) -> dict[str, str]:
        ordered = sorted(names)
        named = [Named(name, clean(name)) for name in ordered]
        streams = map(str.lower, plain_names(named, "object", prefix=prefix))
        return dict(zip(ordered, streams, strict=True))

    def attributes(self, names: Sequence[str], taken: Collection[str]) -> dict[str, str]:
        ordered = sorted(names)
        named = [Named(name, clean(name)) for name in ordered]
        found = map(str.lower, plain_names(named, "attribute", taken=taken))
        columns = dict(zip(ordered, found, strict=True))
        return {name: columns[name] for name in names}

    def reserved(self, columns: Collection[str]) -> Collection[str]:
        return columns

    def fields(self, numbers: Mapping[str, int | None], taken: Collection[str]) -> dict[str, str]:
        others = [(number is None, number or 0, name) for name, number in numbers.items()]
        ordered = [name for _, _, name in sorted(others) if name not in taken]
        named = [Named(name, name.replace(" ", "_"), numbers[name]) for name in ordered]
        columns = dict(zip(ordered, plain_names(named, "field", taken=taken), strict=True))
        return {name: columns.get(name, name) for name in numbers}


NAMINGS: Mapping[str, Naming] = {"as_marketo": AsMarketo(), "plain": Plain()}
"""By the setting ``names``."""
