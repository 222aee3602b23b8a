"""Names of columns and streams, what happens when two meet, and which mean the same."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

# Bytes of a plain name at most. PostgreSQL takes 63, but pipelinewise-target-postgres shortens a
# name of 63 bytes by itself and leaves its column empty.
_LONGEST = 62

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAG_DIGITS = 6
_TAGGED = re.compile(rf"_[0-9a-f]{{{_TAG_DIGITS},}}\Z", re.IGNORECASE)
_OTHERS = re.compile(r"[^A-Za-z0-9]+")
# Letters whose usual spelling is no decomposition of Unicode's.
_SPELLINGS = str.maketrans(
    {
        "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
        "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "TH",
        "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T", "ŋ": "ng", "Ŋ": "NG", "ı": "i",
    }
)  # fmt: skip


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
    """Return a column's name; if another has it, with the first suffix from ``_2`` on that is free.

    Letter case is ignored, as in warehouses.
    """
    used = {other.lower() for other in taken}
    free = column
    suffix = 2
    while free.lower() in used:
        free = f"{column}_{suffix}"
        suffix += 1
    return free


@dataclass(frozen=True)
class Named:
    """What is to have a name.

    Attributes:
        name: as Marketo spells it; no two are alike.
        wanted: the name it keeps if that is plain.
        number: its own in Marketo.
    """

    name: str
    wanted: str
    number: int | None = None

    def tags(self) -> Iterator[str]:
        """Yield its tags: that of its own, and more for when two hashes begin alike."""
        if self.number is not None:
            yield f"{self.number:0{_TAG_DIGITS}}"
        digest = sha256(self.name.encode("utf-8", "surrogatepass")).hexdigest()
        for length in range(_TAG_DIGITS, len(digest) + 1):
            yield digest[:length]

    def keeps_name(self, prefix: str) -> bool:
        """Say whether the wanted name is plain, behind a prefix."""
        return bool(self.wanted) and is_plain(prefix + self.wanted)


def is_plain(name: str) -> bool:
    """Say whether every target can hold a name."""
    return len(name) <= _LONGEST and bool(_PLAIN.fullmatch(name))


def plain_names(
    things: Sequence[Named], kind: str, *, prefix: str = "", taken: Collection[str] = ()
) -> list[str]:
    """Give each thing a name that every target can hold, unique letter case aside.

    A name is **plain** if it has ASCII letters, digits and underscores only, no digit first, and 62
    bytes at most. A thing keeps a plain name; spaces become underscores. Any other thing gets the
    nearest plain name with a **tag**, which depends on that thing alone: its number in Marketo, or
    a hash of its name. A name that looks tagged gets a tag too. So a tagged name never equals a
    name without a tag, nor another tagged one, and nothing that comes into the account later can
    change it.

    Args:
        things: those that come first keep a name that several want.
        kind: what one is called of whose name nothing is left.
        prefix: what every name begins with.
        taken: names that are given already.
    """
    used = {name.lower() for name in taken}
    names: list[str] = []
    for thing in things:
        name = prefix + thing.wanted
        if not thing.keeps_name(prefix) or _TAGGED.search(name) or name.lower() in used:
            name = _tagged(thing, kind, prefix, used)
        used.add(name.lower())
        names.append(name)
    return names


def _tagged(thing: Named, kind: str, prefix: str, used: Collection[str]) -> str:
    stem = thing.wanted
    if not thing.keeps_name(prefix):
        stem = _spelled(stem) or kind
        if not prefix and stem[0].isdigit():
            stem = f"_{stem}"
    for tag in thing.tags():
        room = _LONGEST - len(prefix) - len(tag) - 1
        name = f"{prefix}{stem[:room]}_{tag}"
        if name.lower() not in used:
            return name
    raise ValueError("names are given twice")


def _spelled(name: str) -> str:
    """Return the nearest ASCII letters and digits, with one underscore for all between them."""
    decomposed = unicodedata.normalize("NFKD", name)
    letters = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _OTHERS.sub("_", letters.translate(_SPELLINGS)).strip("_")


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
    """Names that every target can hold: see :func:`plain_names`.

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
