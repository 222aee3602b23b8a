"""Campaigns, static lists and programs: small tables that are read page by page."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.clock import DAY, asset_time, bulk_time

FIRST_CAMPAIGN = 2001
FIRST_LIST = 3001
FIRST_PROGRAM = 1001

_CHANNELS = (
    ("Default", "Online Advertising", "PG"),
    ("Event", "Tradeshow", "ME"),
    ("Engagement", "Nurture", "NP"),
    ("Email", "Email Send", "EBP"),
)


@dataclass
class Asset:
    """One campaign, list or program."""

    id: int
    created: int
    updated: int
    dated: bool = True
    """Whether updatedAt is shown; where it is not, the record says null."""
    version: int = 0
    more: dict[str, Any] = field(default_factory=dict)


class AssetTable:
    """One kind of asset, in order of id."""

    def __init__(
        self,
        rows: list[Asset],
        make: Callable[[random.Random, int, int], Asset],
        show: Callable[[Asset], dict[str, Any]],
        rng: random.Random,
    ) -> None:
        self.rows = rows
        self._make = make
        self._show = show
        self._rng = rng

    def add(self, moment: int) -> int:
        """A new record, created at the moment."""
        made = self._make(self._rng, self.rows[-1].id + 1 if self.rows else 1, moment)
        made.created = made.updated = moment
        self.rows.append(made)
        return made.id

    def update(self, count: int, moment: int) -> list[int]:
        """Change some records; gives their ids."""
        chosen = self._rng.sample(range(len(self.rows)), min(count, len(self.rows)))
        for place in chosen:
            row = self.rows[place]
            row.version += 1
            row.updated = moment
            row.dated = True
        return sorted(self.rows[place].id for place in chosen)

    def shown(self, rows: list[Asset] | None = None) -> list[dict[str, Any]]:
        """Records as the API writes them."""
        return [self._show(row) for row in (self.rows if rows is None else rows)]


def _times(rng: random.Random, start: int, history_days: float) -> tuple[int, int]:
    created = start - rng.randint(3600, max(int(history_days * DAY), 7200))
    return created, created + int((start - created) * rng.random())


def _table(
    seed: int,
    name: str,
    count: int,
    first: int,
    start: float,
    history_days: float,
    more: Callable[[random.Random, int], dict[str, Any]],
    null_share: float,
    show: Callable[[Asset], dict[str, Any]],
) -> AssetTable:
    rng = random.Random(f"{seed}:{name}")

    def make(rng: random.Random, number: int, moment: int) -> Asset:
        created, updated = _times(rng, moment, history_days)
        dated = rng.random() >= null_share
        return Asset(number, created, updated, dated, more=more(rng, number))

    rows = [make(rng, first + place, int(start)) for place in range(count)]
    return AssetTable(rows, make, show, rng)


def _program_reference(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.3:
        return {}
    number = FIRST_PROGRAM + rng.randrange(400)
    return {"programId": number, "programName": f"Program {number}"}


def _show_dates(row: Asset) -> dict[str, Any]:
    updated = bulk_time(row.updated) if row.dated else None
    return {"createdAt": bulk_time(row.created), "updatedAt": updated}


def make_campaigns(seed: int, count: int, start: float, history_days: float) -> AssetTable:
    """Campaigns (swagger-mapi.json, Campaign)."""

    def more(rng: random.Random, number: int) -> dict[str, Any]:
        return {
            "name": f"Campaign {number}" + rng.choice(("", " – Größe", ', "quoted"', "\u2028")),
            "type": rng.choice(("batch", "trigger")),
            "active": rng.random() < 0.6,
            "workspaceName": "Default",
            **_program_reference(rng),
        }

    def show(row: Asset) -> dict[str, Any]:
        text = f"Version {row.version}" if row.version else ""
        return {"id": row.id, "description": text, **row.more, **_show_dates(row)}

    return _table(seed, "campaigns", count, FIRST_CAMPAIGN, start, history_days, more, 0.04, show)


def make_lists(seed: int, count: int, start: float, history_days: float) -> AssetTable:
    """Static lists (swagger-mapi.json, StaticList)."""

    def more(rng: random.Random, number: int) -> dict[str, Any]:
        reference = _program_reference(rng)
        reference.pop("programId", None)
        return {"name": f"List {number}", "workspaceName": "Default", **reference}

    def show(row: Asset) -> dict[str, Any]:
        shown = {"id": row.id, **row.more, **_show_dates(row)}
        if row.version:
            shown["description"] = f"Version {row.version}"
        return shown

    return _table(seed, "lists", count, FIRST_LIST, start, history_days, more, 0.04, show)


def make_programs(seed: int, count: int, start: float, history_days: float) -> AssetTable:
    """Programs (programs.md, "Browse"): no tags in this answer, dates in asset notation."""

    def more(rng: random.Random, number: int) -> dict[str, Any]:
        kind, channel, letters = rng.choice(_CHANNELS)
        status = {"Engagement": rng.choice(("on", "off")), "Email": "unlocked"}.get(kind, "")
        folder = rng.randrange(1, 60)
        return {
            "url": f"https://app-sandbox.marketo.com/#{letters}{number}A1",
            "type": kind,
            "channel": channel,
            "folder": {"type": "Folder", "value": folder, "folderName": f"Folder {folder}"},
            "status": status,
            "workspace": "Default",
            "headStart": False,
        }

    def show(row: Asset) -> dict[str, Any]:
        return {
            "id": row.id,
            "name": f"Program {row.id}",
            "description": f"Version {row.version}" if row.version else "",
            "createdAt": asset_time(row.created),
            "updatedAt": asset_time(row.updated),
            **row.more,
        }

    return _table(seed, "programs", count, FIRST_PROGRAM, start, history_days, more, 0.0, show)
