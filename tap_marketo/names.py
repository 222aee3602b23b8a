"""Names of columns and streams, what happens when two meet, and which mean the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from tap_marketo.plain_names import Named, plain_names


def clean(name: str) -> str:
    """Return a name in lower case with underscores for spaces, and nothing else changed.

    Warehouses have tables and columns that this rule has named.
    """
    return name.lower().replace(" ", "_")


def unique_columns(names: Sequence[str], taken: Iterable[str]) -> dict[str, str]:
    """Give each of a type's attribute names a column of its own.

    Where two names clean to the same column, or one to a base column, letter case ignored as
    warehouses do, the first keeps the column and the others take ``_2``, ``_3`` and so on. The
    first is the first in alphabetical order, as Marketo's own order may change.
    """
    used = list(taken)
    columns: dict[str, str] = {}
    for name in sorted(names):
        columns[name] = free_column(clean(name), used)
        used.append(columns[name])
    return {name: columns[name] for name in names}


def free_column(column: str, taken: Iterable[str]) -> str:
    """Return a column's name, with the first suffix, ``_2`` and so on, that makes it unique.

    Letter case is ignored, as in warehouses.
    """
    used = {other.lower() for other in taken}
    free = column
    suffix = 2
    while free.lower() in used:
        free = f"{column}_{suffix}"
        suffix += 1
    return free


class Naming:
    """How discovery names streams and columns: as Marketo does, in the form of existing warehouses.

    What each of them is in Marketo stands in the catalog's metadata, so that a sync needs no rule.
    """

    def streams(self, types: Collection[tuple[int, str]], prefix: str) -> dict[int, str]:
        """Return the stream id of each activity type, which has a number and a name.

        Where two names clean to the same id, the type with the lowest number keeps it and the
        others take their number as a suffix.
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

    def objects(self, names: Collection[str], prefix: str) -> dict[str, str]:
        """Return the stream id of each type of custom objects, by its API name."""
        streams = unique_columns([prefix + name for name in names], ())
        return {name: streams[prefix + name] for name in names}

    def attributes(self, names: Sequence[str], taken: Collection[str]) -> dict[str, str]:
        """Return the column of each attribute of a type, beside columns that the stream has."""
        return unique_columns(names, taken)

    def reserved(self, columns: Collection[str]) -> Collection[str]:
        """Return which of the columns that a stream did not always have no attribute may take."""
        return ()

    def fields(self, numbers: Mapping[str, int | None], taken: Collection[str]) -> dict[str, str]:
        """Return the column of each field, by its name.

        Args:
            numbers: what Marketo numbers each by, None where it does not say.
            taken: fields whose columns bear their names whatever else there is.
        """
        return {name: name for name in numbers}


class PlainNaming(Naming):
    """Names that every target can hold (:mod:`tap_marketo.plain_names`).

    Of names that differ in letter case and spaces only, the one with the lowest number stays plain:
    Marketo numbers upwards, so a new name takes none away. Attributes and types of custom objects
    have no number; the first in alphabetical order stays plain.
    """

    def streams(self, types: Collection[tuple[int, str]], prefix: str) -> dict[int, str]:
        ordered = sorted(types)
        named = [Named(name, clean(name), number) for number, name in ordered]
        streams = plain_names(named, "type", prefix=prefix)
        return {n: stream.lower() for (n, _), stream in zip(ordered, streams, strict=True)}

    def objects(self, names: Collection[str], prefix: str) -> dict[str, str]:
        return _plain_in_order(names, "object", prefix=prefix)

    def attributes(self, names: Sequence[str], taken: Collection[str]) -> dict[str, str]:
        columns = _plain_in_order(names, "attribute", taken=taken)
        return {name: columns[name] for name in names}

    def reserved(self, columns: Collection[str]) -> Collection[str]:
        return columns

    def fields(self, numbers: Mapping[str, int | None], taken: Collection[str]) -> dict[str, str]:
        others = [(number is None, number or 0, name) for name, number in numbers.items()]
        ordered = [name for _, _, name in sorted(others) if name not in taken]
        named = [Named(name, name.replace(" ", "_"), numbers[name]) for name in ordered]
        columns = dict(zip(ordered, plain_names(named, "field", taken=taken), strict=True))
        return {name: columns.get(name, name) for name in numbers}


def _plain_in_order(
    names: Collection[str], kind: str, *, prefix: str = "", taken: Collection[str] = ()
) -> dict[str, str]:
    """Return a plain name in lower case for each name, given in alphabetical order."""
    ordered = sorted(names)
    named = [Named(name, clean(name)) for name in ordered]
    found = plain_names(named, kind, prefix=prefix, taken=taken)
    return dict(zip(ordered, map(str.lower, found), strict=True))


NAMINGS: Mapping[str, Naming] = {"as_marketo": Naming(), "plain": PlainNaming()}
"""By the setting ``names``."""


def find_names(wanted: Iterable[str], there: Iterable[str]) -> dict[str, str]:
    """Find names among those that are there.

    Marketo has names that differ in letter case only, and does not promise the same case
    everywhere. So an exact match comes first. Letter case is ignored only where it leaves one
    wanted name and one candidate, and neither has an exact match. No name may be given twice.

    Returns:
        The name that is there for each wanted one that is found, in the order of ``wanted``.
    """
    wanted, there = list(wanted), list(there)
    exact = set(wanted) & set(there)
    asked, candidates = (
        _by_folded(name for name in names if name not in exact) for names in (wanted, there)
    )
    found = {name: name for name in wanted if name in exact}
    for folded, names in asked.items():
        rivals = candidates.get(folded, [])
        if len(names) == len(rivals) == 1:
            found[names[0]] = rivals[0]
    return {name: found[name] for name in wanted if name in found}


def _by_folded(names: Iterable[str]) -> dict[str, list[str]]:
    folded: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        folded[name.casefold()].append(name)
    return folded
