"""All tables of assets of one subscription."""

from __future__ import annotations

import random

from tests.sandbox.assets import children
from tests.sandbox.assets.draw import JSON, Draw, spelled, spoilt
from tests.sandbox.assets.folders import FolderTable
from tests.sandbox.assets.kinds import KINDS, Kind
from tests.sandbox.assets.lead_database import make_campaigns, make_lists, make_programs
from tests.sandbox.assets.linked_types import FIRST_NUMBER, LINKED_TYPES
from tests.sandbox.assets.table import Asset, AssetTable, Make, Show, View, draw_times
from tests.sandbox.options import Options

_CROWDED = 205
"""So many segments are of the first segmentation: more than a page holds; the last has none."""


def make_assets(options: Options, start: float) -> dict[str, AssetTable]:
    """Every table by its name; the same seed and start make the same tables."""
    tables = {
        "campaigns": make_campaigns(options, start),
        "lists": make_lists(options, start),
        "programs": make_programs(options, start),
    }
    for kind in KINDS:
        show = _shower(kind, options)
        if kind.view_of is not None:
            tables[kind.table] = View(tables[kind.view_of], show)
        else:
            tables[kind.table] = _table(kind, options, int(start), show)
    for number, there, what in ((900, options.crm_sync, "crm"), (901, options.hostile, "rough")):
        if there:
            moment = int(start) - 3600
            made = Asset(number, moment, moment, more={what: True})
            tables["custom_object_types"].rows.append(made)
    if options.linked_objects:
        _add_linked_types(tables["custom_object_types"], options.edges_tell, int(start) - 3600)
    folders = FolderTable(options, int(start), tables["programs"])
    tables["folders"] = folders
    tables["segments"] = _segments(options, int(start), tables["segmentations"])
    tables["tokens"] = TokenTable(options, int(start), folders)
    return tables


def _add_linked_types(table: AssetTable, edges_tell: bool, moment: int) -> None:
    for number, kind in enumerate(LINKED_TYPES, start=FIRST_NUMBER):
        more = {"linked": kind.name, "edges_tell": edges_tell}
        table.rows.append(Asset(number, moment, moment, more=more))


def _shower(kind: Kind, options: Options) -> Show:
    def show(row: Asset) -> JSON:
        draw = Draw(options, kind.table, row)
        record = kind.make(draw)
        if kind.dated:
            record["createdAt"] = spelled(draw, row.created)
            record["updatedAt"] = spelled(draw, row.updated)
        # A row that is known to have changed shows when.
        optional = [name for name in kind.optional if name != "updatedAt" or not row.version]
        return spoilt(draw, record, optional)

    return show


def _maker(days: float) -> Make:
    def make(rng: random.Random, number: int, moment: int) -> Asset:
        created, updated = draw_times(rng, moment, days)
        return Asset(number, created, updated)

    return make


def _table(kind: Kind, options: Options, start: int, show: Show) -> AssetTable:
    rng = random.Random(f"{options.seed}:{kind.table}")
    make = _maker(options.history_days)
    count = int(getattr(options, kind.table))
    rows = [make(rng, kind.first + place, start) for place in range(count)]
    return AssetTable(rows, make, show, rng, kind.key)


# The Swagger requires segmentationId; a reader who knows the parent must not depend on it.
_SEGMENTS = Kind(
    "segments", "", children.segment, ("description", "url", "updatedAt", "segmentationId")
)


def _segments(options: Options, start: int, parents: AssetTable) -> AssetTable:
    rng = random.Random(f"{options.seed}:segments")
    plain = _maker(options.history_days)

    def make(rng: random.Random, number: int, moment: int) -> Asset:
        made = plain(rng, number, moment)
        owners = parents.rows[:-1] or parents.rows
        crowded = number - _SEGMENTS.first < _CROWDED
        if owners:
            owner = owners[0] if crowded else rng.choice(owners)
            made.parent = ("Segmentation", owner.id)
        return made

    count = options.segments if parents.rows else 0
    rows = [make(rng, _SEGMENTS.first + place, start) for place in range(count)]
    return AssetTable(rows, make, _shower(_SEGMENTS, options), rng)


class TokenTable(AssetTable):
    """Tokens; a token is known by its parent and its name."""

    def __init__(self, options: Options, start: int, folders: FolderTable) -> None:
        seed = options.seed

        def make(rng: random.Random, number: int, moment: int) -> Asset:
            return Asset(number, moment, moment, parent=rng.choice(folders.parents()))

        def show(row: Asset) -> JSON:
            return children.token(Draw(options, "tokens", row))

        rng = random.Random(f"{seed}:tokens of folders")
        parents = folders.parents()
        rows = [
            Asset(number, start, start, parent=rng.choice(parents))
            for number in range(1, (options.tokens if parents else 0) + 1)
        ]
        super().__init__(rows, make, show, rng)

    def key_of(self, row: Asset) -> tuple[str, int, str]:
        """Type and id of the parent, and the name."""
        assert row.parent is not None
        return (*row.parent, str(self.shown_row(row)["name"]))
