"""The tree of folders, in which programs stand among the folders (folders.md)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tests.sandbox.assets.draw import FOLDERS as NAMED
from tests.sandbox.assets.draw import JSON, Draw, app_url, spelled, spoilt
from tests.sandbox.assets.table import Asset, AssetTable, draw_times
from tests.sandbox.options import Options

AREAS = (
    ("Marketing Activities", 61, 62),
    ("Design Studio", 71, 72),
    ("Lead Database", 81, 82),
)
"""The roots (folders.md, "Browse"): name of the area, id of its node, id of its workspace's."""
SYSTEM = frozenset(number for _, *numbers in AREAS for number in numbers)

# Folders of the ids 1 to 59 are the ones that programs.json names: they are called Folder n.
FIRST_OTHER = 1001
"""The others have ids like those of programs: an id alone does not tell which is meant."""

_PROGRAM_TYPES = {
    "Default": "Marketing Program",
    "Event": "Marketing Event",
    "Engagement": "Nurture Program",
    "Email": "Email Batch Program",
}
_DESIGN_TYPES = (
    "Email",
    "Email Template",
    "Landing Page",
    "Landing Page Template",
    "Image",
    "File",
)
_OPTIONAL = ("description", "isSystem", "accessZoneId", "workspace")
"""Of these swagger-asset.json does not say that they are always there."""

Node = tuple[str, int]


def _number(place: int) -> int:
    return place + 1 if place < NAMED else FIRST_OTHER + place - NAMED


class FolderTable(AssetTable):
    """Folders; of them those may be deleted that are empty and no system folder (folders.md)."""

    def __init__(self, options: Options, start: int, programs: AssetTable) -> None:
        rng = random.Random(f"{options.seed}:folders")
        self._options = options
        self._programs = programs
        rows = [
            Asset(number, start - 90 * 86_400, start - 90 * 86_400, more={"name": name}, parent=up)
            for area, root, workspace in AREAS
            for name, number, up in (
                (area, root, None),
                ("Default", workspace, ("Folder", root)),
            )
        ]

        def make(rng: random.Random, number: int, moment: int) -> Asset:
            created, updated = draw_times(rng, moment, options.history_days)
            return Asset(number, created, updated, parent=self._place(rng, number))

        super().__init__(rows, make, self._folder, rng)
        for place in range(options.folders):
            rows.append(make(rng, _number(place), start))
        self._next = _number(max(options.folders, NAMED))

    def _place(self, rng: random.Random, number: int) -> Node:
        """The parent of a new folder: deep chains and broad folders both occur."""
        luck = rng.random()
        others = [row.id for row in self.rows[-400:] if row.id not in SYSTEM]
        if number > NAMED and luck < 0.05 and self._programs.rows:
            return "Program", rng.choice(self._programs.rows).id
        if luck < 0.25 or not others:
            area = 0 if number <= NAMED else rng.choice((0, 0, 0, 1, 1, 2))
            return "Folder", AREAS[area][2]
        return "Folder", rng.choice(others[-3:] if luck < 0.5 else others)

    def removable(self) -> list[int]:
        """Places of empty folders."""
        full = {row.parent for row in self.rows} | {
            ("Folder", row.more["folder"]["value"]) for row in self._programs.rows
        }
        return [
            place
            for place, row in enumerate(self.rows)
            if row.id not in SYSTEM and ("Folder", row.id) not in full
        ]

    def _folder(self, row: Asset) -> JSON:
        """A folder, without what follows from its place in the tree."""
        draw = Draw(self._options, "folders", row)
        name = row.more.get("name") or (
            f"Folder {row.id}" if row.id <= NAMED else draw.name("Folder").replace("/", "-")
        )
        record = {
            "name": name,
            "description": draw.description(),
            "createdAt": spelled(draw, row.created),
            "updatedAt": spelled(draw, row.updated),
            "url": None if row.id in SYSTEM else app_url("MF", row.id),
            "isArchive": draw.rng.random() < 0.1,
            "isSystem": row.id in SYSTEM,
            "accessZoneId": 1,
            "workspace": "Default",
            "id": row.id,
        }
        # "FOLDER" in the answers of create and by name, "Folder" in those of browse and by id.
        capital = draw.number % 23 == 4
        return {**spoilt(draw, record, _OPTIONAL), "_capital": capital}

    # The tree ---------------------------------------------------------------------------------

    def _nodes(self) -> dict[Node, tuple[Node | None, JSON, str]]:
        """Every folder and program: its parent, its record, its folderType."""
        nodes: dict[Node, tuple[Node | None, JSON, str]] = {}
        for row in self.rows:
            nodes["Folder", row.id] = (row.parent, self.shown_row(row), "")
        for row in self._programs.rows:
            home = ("Folder", int(row.more["folder"]["value"]))
            home = home if home in nodes else ("Folder", AREAS[0][2])
            record = _program(self._programs.shown_row(row))
            nodes["Program", row.id] = (home, record, _PROGRAM_TYPES[row.more["type"]])
        return nodes

    def walk(self, root: Node | None, depth: int) -> Iterator[JSON]:
        """Records of a folder and what stands below it, so many levels deep; None: all areas."""
        nodes = self._nodes()
        below: dict[Node, list[Node]] = {}
        for node, (parent, _, _) in nodes.items():
            if parent is not None:
                # What a deleted program held goes on in the workspace's folder.
                below.setdefault(parent if parent in nodes else ("Folder", 62), []).append(node)
        starts = [("Folder", number) for _, number, _ in AREAS] if root is None else [root]
        waiting = [(node, 0, *_lineage(nodes, node)) for node in reversed(starts) if node in nodes]
        while waiting:
            node, level, path, area = waiting.pop()
            yield _finished(node, nodes[node], path, area)
            if level < depth:
                for child in reversed(below.get(node, [])):
                    path_of_child = f"{path}/{nodes[child][1]['name']}"
                    waiting.append((child, level + 1, path_of_child, area))

    def named(self, name: str) -> list[JSON]:
        """Records of all folders of a name, programs left out ("Not applicable for Programs")."""
        return [
            _capitals(record)
            for record in self.walk(None, len(self.rows))
            if record["name"] == name and record["folderId"]["type"].title() == "Folder"
        ]

    def parents(self) -> list[Node]:
        """Folders and programs that may have tokens."""
        own = [("Folder", row.id) for row in self.rows if row.id not in SYSTEM]
        return own + [("Program", row.id) for row in self._programs.rows]


def _lineage(nodes: dict[Node, tuple[Node | None, JSON, str]], node: Node) -> tuple[str, str]:
    """Path and area of a node."""
    names: list[str] = []
    place: Node | None = node
    while place is not None and place in nodes:
        names.append(str(nodes[place][1]["name"]))
        place = nodes[place][0]
    return "/" + "/".join(reversed(names)), names[-1]


def _program(program: JSON) -> JSON:
    """What folders.json shows of a program."""
    own = ("name", "description", "createdAt", "updatedAt", "url", "workspace", "id")
    shown = {name: program.get(name) for name in own}
    return {**shown, "isArchive": False, "isSystem": False, "accessZoneId": 1, "_capital": False}


def _finished(node: Node, entry: tuple[Node | None, JSON, str], path: str, area: str) -> JSON:
    parent, record, kind = entry
    if not kind:
        if node[1] in SYSTEM:
            kind = "Zone"
        elif area == "Design Studio":
            kind = _DESIGN_TYPES[node[1] % len(_DESIGN_TYPES)]
        else:
            kind = "Marketing Folder"
    up: Any = None if parent is None else {"id": parent[1], "type": parent[0]}
    shown = {
        **record,
        "folderId": {"id": node[1], "type": node[0]},
        "folderType": kind,
        "parent": up,
        "path": path,
    }
    return _capitals(shown) if shown.pop("_capital") else shown


def _capitals(record: JSON) -> JSON:
    """A record whose types are written in capitals (folders.md, "By Name")."""
    shown = dict(record)
    for name in ("folderId", "parent"):
        if shown[name] is not None:
            shown[name] = {**shown[name], "type": str(shown[name]["type"]).upper()}
    return shown
