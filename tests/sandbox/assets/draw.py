"""What chance gives one version of one asset, and the awkward values among it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from tests.sandbox.assets.table import Asset
from tests.sandbox.clock import activity_time, asset_time, bulk_time, plain
from tests.sandbox.options import Options
from tests.sandbox.values import WORDS

T = TypeVar("T")
JSON = dict[str, Any]

LONG_TEXT_BYTES = 30_000
"""Size of the longest texts, that of a text area (field-types.md)."""

_SUFFIXES = (
    *("", "", "", ""),
    " \U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    ' said "fine", then left',
    " – Größe, Länge",
    "\u2028line",
    " back\\slash",
    " 'single'",
    "\ttab",
    " {{my.token}}",
    " 日本語",
)


FOLDERS, PROGRAMS = 59, 400
"""So many folders and programs have other assets in them: those that there are at the start."""


def first_of(options: Options, table: str, most: int) -> int:
    """How many rows of a table others name: the first ones, and not none."""
    return max(1, min(most, int(getattr(options, table))))


class Draw:
    """Chance for one version of one row: the same whatever else was asked or changed before."""

    def __init__(self, options: Options, table: str, asset: Asset) -> None:
        seed = options.seed
        self.options = options
        self.asset = asset
        self.number = asset.id
        self.fixed = random.Random(f"{seed}:{table}:{asset.id}")
        """For what never changes."""
        self.rng = random.Random(f"{seed}:{table}:{asset.id}:{asset.version}")
        """For what each change draws anew."""

    def one(self, *choices: T) -> T:
        """One of some values, drawn anew by each change."""
        return self.rng.choice(choices)

    def once(self, *choices: T) -> T:
        """One of some values, for good."""
        return self.fixed.choice(choices)

    def another(self, table: str) -> int:
        """The id of a row of another table, drawn anew by each change."""
        return 1001 + self.rng.randrange(first_of(self.options, table, 60))

    def folder(self) -> int:
        """The id of the folder that the row stands in, for good."""
        return 1 + self.fixed.randrange(first_of(self.options, "folders", FOLDERS))

    def program(self) -> int:
        """The id of the program that the row stands in, for good."""
        return 1001 + self.fixed.randrange(first_of(self.options, "programs", PROGRAMS))

    def flag(self) -> bool:
        """A boolean."""
        return self.rng.random() < 0.5

    def name(self, what: str) -> str:
        """A name; emoji, quotes, commas and the like among them. A change renames one in four."""
        suffix = _SUFFIXES[self.number % len(_SUFFIXES)]
        renamed = f" v{self.asset.version}" if self.asset.version and self.number % 4 == 0 else ""
        return f"{self.words(self.fixed, 1)} {what} {self.number}{renamed}{suffix}"

    def words(self, rng: random.Random, most: int = 4) -> str:
        """Some words."""
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, most)))

    def description(self) -> str | None:
        """A description: null and empty ones in the examples of emails and folders alike."""
        if self.asset.version:
            return f"Version {self.asset.version}"
        if self.number % 61 == 7:
            line = f'{self.words(self.rng)} said "yes", 日本語 \U0001f600\n'
            text = line.encode() * (LONG_TEXT_BYTES // len(line.encode()) + 1)
            return text[:LONG_TEXT_BYTES].decode("utf-8", "ignore")
        return self.one(None, "", "", self.words(self.rng))


def spelled(draw: Draw, moment: int) -> str:
    """A time as most examples have it, and in some rows as others do.

    "Some Asset APIs return Z+0000 as TZD for updatedAt and createdAt"; the datetimes of other
    calls have Z, +0000, or an offset like -05:00 (field-types.md, activities.md, leads.md).
    """
    return {
        5: lambda: plain(moment - 5 * 3600) + "-05:00",
        9: lambda: activity_time(moment),
        11: lambda: bulk_time(moment),
    }.get(draw.number % 13, lambda: asset_time(moment))()


def spoilt(draw: Draw, record: JSON, optional: Sequence[str]) -> JSON:
    """A record some of whose optional columns are null or missing; now and then a key is new."""
    for column in optional:
        luck = draw.rng.random()
        if luck < 0.06:
            record[column] = None
        elif luck < 0.12:
            record.pop(column, None)
    if draw.number % 17 == 3:
        record["sandboxExtra"] = {"note": "no page names this key", "list": [1, None]}
    return record


def folder_id(draw: Draw) -> JSON:
    """A parent folder as {id, type} (smart-campaigns.md, smart-lists.md, static-lists.md)."""
    if draw.fixed.random() < 0.2:
        return {"id": draw.program(), "type": "Program"}
    return {"id": draw.folder(), "type": "Folder"}


def folder_value(draw: Draw, named: bool = True, programs: bool = False) -> JSON:
    """A parent folder as {type, value, folderName} (programs.md, emails.md, forms.md).

    In swagger-asset.json it is {id, type}: in a few rows here too. Where the asset may stand in a
    program, one in four does.
    """
    number = draw.folder()
    if draw.number % 19 == 2:
        return {"id": number, "type": "Folder"}
    if programs and draw.fixed.random() < 0.25:
        number = draw.program()
        kind = draw.once("Program", "Program", "program")
        return {"type": kind, "value": number, "folderName": f"Program {number}"}
    # emails.md has the type in lower case twice, assets.md and email-templates.md no folderName.
    folder: JSON = {"type": draw.once("Folder", "Folder", "Folder", "folder"), "value": number}
    if named:
        folder["folderName"] = draw.once(f"Folder {number}", f"Folder {number}", None)
    return folder


def app_url(letters: str, number: int) -> str:
    """The address of an asset within Marketo."""
    return f"https://app-sandbox.marketo.com/#{letters}{number}A1"


def used_by(draw: Draw, number: int, kinds: Mapping[str, Sequence[int]]) -> list[JSON]:
    """So many assets that use one, of these kinds with these ids (forms.md, email-templates.md)."""
    names = list(kinds)
    used = []
    for place in range(number):
        kind = names[place % len(names)]
        used.append(
            {
                "id": kinds[kind][place // len(names) % len(kinds[kind])],
                "name": f'Program.{draw.words(draw.rng)} "{place}"',
                "type": kind,
                "status": draw.one("approved", "draft"),
                "updatedAt": asset_time(draw.asset.created + place),
            }
        )
    return used
