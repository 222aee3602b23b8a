"""What belongs to single assets: segments of segmentations, tokens of folders and programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from tap_marketo.errors import DataError
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.moving_list import offset_pages
from tap_marketo.marketo.pages import Page, Row, all_rows
from tap_marketo.protocol.position import Parent
from tap_marketo.streams.account import Account
from tap_marketo.streams.children import Children, Found
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.folders import AREAS, tree, tree_size, trees
from tap_marketo.streams.permissions import READ_ASSET
from tap_marketo.streams.stream_read import id_of, raw_id

_ASSETS = "/rest/asset/v1"
_SEGMENTATIONS = f"{_ASSETS}/segmentation.json"
_PROGRAMS = f"{_ASSETS}/programs.json"


def _parent(kind: object, row: Row) -> Parent:
    return Parent(str(kind), id_of(row, str(kind)))


def _segmentations(account: Account) -> Iterator[Found]:
    rows = all_rows(account.client, _SEGMENTATIONS, "segmentations")
    yield Found([_parent("Segmentation", row) for row in rows])


def _number_of_segmentations(sizes: ListSizes) -> ListSize[Parent]:
    return sizes.of_one_page(_SEGMENTATIONS, "segmentations").of(partial(_parent, "Segmentation"))


def _segments(client: MarketoClient, parent: Parent) -> Iterator[Page]:
    """Read the segments of a segmentation (dynamic-content.md); some do not say whose they are."""
    path = f"{_ASSETS}/segmentation/{parent.id}/segments.json"
    owner = str(parent.id)
    for page in offset_pages(client, path, "segments", {}, raw_id):
        rows: list[Row] = [
            {**row, "segmentationId": row.get("segmentationId") or owner} for row in page.rows
        ]
        yield replace(page, rows=rows)


def _folders_and_programs(account: Account) -> Iterator[Found]:
    for page in trees(account.client):
        yield _in_tree(page)
    # Nothing promises that each program stands in the tree.
    for page in offset_pages(account.client, _PROGRAMS, "programs", {}, raw_id):
        yield Found([_parent("Program", row) for row in page.rows])


def _in_area(account: Account, area: str) -> Iterator[Found]:
    return map(_in_tree, tree(account.client, area))


def _in_tree(page: Page) -> Found:
    """Return the folders and programs of a page of a tree."""
    parents = [_parent(row["type"], row) for row in page.rows]
    return Found(parents, page.part, page.error)


def _number_of_holders(sizes: ListSizes) -> ListSize[Parent]:
    """Return how many folders and programs there are; usually each program stands in the tree."""
    programs = sizes.by_offset(_PROGRAMS, "programs", {})
    holders = tree_size(sizes).of(lambda row: _parent(row["type"], row))
    return holders + ListSize(0, programs.calls, [])


def _tokens(client: MarketoClient, parent: Parent) -> Iterator[Page]:
    """Read the tokens of a folder or program (tokens.md)."""
    path = f"{_ASSETS}/folder/{parent.id}/tokens.json"
    owner = {"folderType": parent.type, "folderId": str(parent.id)}
    holders = all_rows(client, path, "tokens", {"folderType": parent.type})
    tokens = [token for holder in holders for token in holder.get("tokens") or ()]
    if not all(isinstance(token, dict) for token in tokens):
        raise DataError(f"GET {path}: a token is something else than an object. Run again.")
    yield Page([{**token, **owner} for token in tokens])


SEGMENTS = DeclaredStream(
    name="segments",
    read=Children(
        _segmentations,
        _segments,
        _number_of_segmentations,
        calls=2,
        guess="two calls a segmentation, which is for up to 200 segments",
        at_intervals=False,
    ),
    permission=READ_ASSET,
    replication_key=None,
)
TOKENS = DeclaredStream(
    name="tokens",
    read=Children(
        _folders_and_programs, _tokens, _number_of_holders, groups=AREAS, in_group=_in_area
    ),
    permission=READ_ASSET,
    replication_key=None,
    keys=("folderType", "folderId", "name"),
)
