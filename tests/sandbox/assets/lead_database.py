"""Campaigns, static lists and programs as they stand in the lead database and in programs.json."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.sandbox.assets.draw import Draw
from tests.sandbox.assets.programs import sfdc_campaign
from tests.sandbox.assets.table import Asset, AssetTable, draw_times
from tests.sandbox.clock import asset_time, bulk_time

FIRST_CAMPAIGN = 2001
FIRST_LIST = 3001
FIRST_PROGRAM = 1001

_CHANNELS = (
    ("Default", "Online Advertising", "PG"),
    ("Event", "Tradeshow", "ME"),
    ("Engagement", "Nurture", "NP"),
    ("Email", "Email Send", "EBP"),
)


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
        created, updated = draw_times(rng, moment, history_days)
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
        # Real answers have workspaceId, which no definition names.
        workspace = {"workspaceId": 1} if number % 3 else {}
        return {"name": f"List {number}", **workspace, "workspaceName": "Default", **reference}

    def show(row: Asset) -> dict[str, Any]:
        shown = {"id": row.id, **row.more, **_show_dates(row)}
        if row.version:
            shown["description"] = f"Version {row.version}"
        return shown

    return _table(seed, "lists", count, FIRST_LIST, start, history_days, more, 0.04, show)


def make_programs(seed: int, count: int, start: float, history_days: float) -> AssetTable:
    """Programs (programs.md, "Browse"): no tags in this answer, dates in asset notation.

    sfdcId and sfdcName are in the Swagger of this answer, startDate and endDate are not.
    """

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
            **sfdc_campaign(Draw(seed, "programs", row)),
        }

    return _table(seed, "programs", count, FIRST_PROGRAM, start, history_days, more, 0.0, show)
