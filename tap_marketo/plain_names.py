"""Names that every target can hold, and that stay the same whatever else comes into the account.

A name is **plain** if it has ASCII letters, digits and underscores only, no digit first, and 62
bytes at most. PostgreSQL takes 63, but pipelinewise-target-postgres shortens a name of 63 bytes by
itself and leaves its column empty. A thing keeps a plain name; spaces become underscores. Any other
thing gets the nearest plain name with a **tag**, which depends on that thing alone: its number in
Marketo, or a hash of its name. A name that looks tagged gets a tag too. So a tagged name never
equals a name without a tag, nor another tagged one, and nothing that comes later can change it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

LONGEST = 62
"""Bytes of a plain name at most."""

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
    return len(name) <= LONGEST and bool(_PLAIN.fullmatch(name))


def plain_names(
    things: Sequence[Named], kind: str, *, prefix: str = "", taken: Collection[str] = ()
) -> list[str]:
    """Give each thing a plain name, unique letter case aside.

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
        room = LONGEST - len(prefix) - len(tag) - 1
        name = f"{prefix}{stem[:room]}_{tag}"
        if name.lower() not in used:
            return name
    raise ValueError("names are given twice")


def _spelled(name: str) -> str:
    """Return the nearest ASCII letters and digits, with one underscore for all between them."""
    decomposed = unicodedata.normalize("NFKD", name)
    letters = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _OTHERS.sub("_", letters.translate(_SPELLINGS)).strip("_")
