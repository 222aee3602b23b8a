"""Campaigns, static lists and programs as they stand in the lead database and in programs.json."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.sandbox.assets.draw import FOLDERS, PROGRAMS, Draw, first_of
from tests.sandbox.assets.programs import CHANNELS, sfdc_campaign
from tests.sandbox.assets.table import Asset, AssetTable, draw_times
from tests.sandbox.clock import asset_time, bulk_time
from tests.sandbox.options import Options

FIRST_CAMPAIGN = 2001
FIRST_LIST = 3001
FIRST_PROGRAM = 1001

_CHANNELS = tuple(
    (kind, channel, letters)
    for (kind, letters), channel in zip(
        (("Default", "PG"), ("Event", "ME"), ("Engagement", "NP"), ("Email", "EBP")),
        CHANNELS,
        strict=True,
    )
)


def _table(
    options: Options,
    name: str,
    first: int,
    start: float,
    more: Callable[[random.Random, int], dict[str, Any]],
    null_share: float,
    show: Callable[[Asset], dict[str, Any]],
) -> AssetTable:
    rng = random.Random(f"{options.seed}:{name}")

    def make(rng: random.Random, number: int, moment: int) -> Asset:
        created, updated = draw_times(rng, moment, options.history_days)
        dated = rng.random() >= null_share
        return Asset(number, created, updated, dated, more=more(rng, number))

    rows = [make(rng, first + place, int(start)) for place in range(getattr(options, name))]
    return AssetTable(rows, make, show, rng)


def _program_reference(rng: random.Random, options: Options) -> dict[str, Any]:
    if rng.random() < 0.3:
        return {}
    number = FIRST_PROGRAM + rng.randrange(first_of(options, "programs", PROGRAMS))
    return {"programId": number, "programName": f"Program {number}"}


def _show_dates(row: Asset) -> dict[str, Any]:
    updated = bulk_time(row.updated) if row.dated else None
    return {"createdAt": bulk_time(row.created), "updatedAt": updated}


def make_campaigns(options: Options, start: float) -> AssetTable:
    """Campaigns (swagger-mapi.json, Campaign)."""

    def more(rng: random.Random, number: int) -> dict[str, Any]:
        return {
            "name": f"Campaign {number}" + rng.choice(("", " – Größe", ', "quoted"', "\u2028")),
            "type": rng.choice(("batch", "trigger")),
            "active": rng.random() < 0.6,
            "workspaceName": "Default",
            **_program_reference(rng, options),
        }

    def show(row: Asset) -> dict[str, Any]:
        text = f"Version {row.version}" if row.version else ""
        return {"id": row.id, "description": text, **row.more, **_show_dates(row)}

    return _table(options, "campaigns", FIRST_CAMPAIGN, start, more, 0.04, show)


def make_lists(options: Options, start: float) -> AssetTable:
    """Static lists (swagger-mapi.json, StaticList)."""

    def more(rng: random.Random, number: int) -> dict[str, Any]:
        reference = _program_reference(rng, options)
        reference.pop("programId", None)
        # Real answers have workspaceId, which no definition names.
        workspace = {"workspaceId": 1} if number % 3 else {}
        return {"name": f"List {number}", **workspace, "workspaceName": "Default", **reference}

    def show(row: Asset) -> dict[str, Any]:
        shown = {"id": row.id, **row.more, **_show_dates(row)}
        if row.version:
            shown["description"] = f"Version {row.version}"
        return shown

    return _table(options, "lists", FIRST_LIST, start, more, 0.04, show)


def make_programs(options: Options, start: float) -> AssetTable:
    """Programs (programs.md, "Browse"): no tags in this answer, dates in asset notation.

    sfdcId and sfdcName are in the Swagger of this answer, startDate and endDate are not.
    """

    def more(rng: random.Random, number: int) -> dict[str, Any]:
        kind, channel, letters = rng.choice(_CHANNELS)
        status = {"Engagement": rng.choice(("on", "off")), "Email": "unlocked"}.get(kind, "")
        folder = 1 + rng.randrange(first_of(options, "folders", FOLDERS))
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
            **sfdc_campaign(Draw(options, "programs", row)),
        }

    return _table(options, "programs", FIRST_PROGRAM, start, more, 0.0, show)
