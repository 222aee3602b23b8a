"""Which assets there are: a row for each that a complete listing has shown.

A deleted asset leaves no activity and no answer. It has gone if its row is older than the newest of
its kind. A stream that reads its whole list in each run is watched while it does so. The lists that
no other stream reads whole in a run are read here: those that are asked for by date once in
assets_sweep_days.

The rows of the list that is being read are kept until it is complete, as JSON, some 200 bytes each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from tap_marketo.errors import AccessDeniedError, MarketoError, TapError
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.pages import Page, Row
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import SeenMark
from tap_marketo.protocol.position import Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.assets import ASSETS
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.lead_database import CAMPAIGNS, LISTS
from tap_marketo.streams.paged import PageRead, Pages
from tap_marketo.streams.permissions import READ_ASSET
from tap_marketo.streams.scan import Scan
from tap_marketo.streams.stream_read import Read, ReadEstimate, Steps, StreamRead
from tap_marketo.times import to_marketo

STREAM = "assets_seen"
_KEYS = ("assetType", "id")
_REPLICATION_KEY = "seenAt"


class _AssetList(NamedTuple):
    """The list of one kind of asset: its stream, and how that is read."""

    name: str
    stream: DeclaredStream
    read: Pages

    def id_of(self, row: Row) -> object:
        """Return what distinguishes a row from the others of its kind.

        Among folders stand programs, which may have the ids of folders.
        """
        number, kind = row.get("id"), row.get("type")
        is_other = "type" in self.stream.keys and kind != "Folder"
        return f"{kind}/{number}" if is_other else number


# Those that are known by ids. The others, tag types and domains, are few, and read in full.
_LISTS: Mapping[str, _AssetList] = {
    stream.name: _AssetList(stream.name, stream, stream.read)
    for stream in (CAMPAIGNS, LISTS, *ASSETS)
    if stream.keys[0] == "id" and isinstance(stream.read, Pages)
}


class _Listing:
    """One reading of a whole list, whose rows are written when it has come to its end."""

    def __init__(self, seen: AssetsSeenRead, assets: _AssetList) -> None:
        self.assets = assets
        self.began = datetime.max
        self.number = 0
        self.has_moved = False
        self.lines: list[bytes] = []
        self._seen = seen

    def begin(self, time: datetime) -> None:
        self.began = time.replace(microsecond=0)

    def add(self, page: Page, time: datetime) -> None:
        self.has_moved = self.has_moved or page.moved
        if self.has_moved:
            self.lines.clear()
            return
        self.number += len(page.rows)
        self.lines.append(self._seen.lines_of(self._rows(page.rows), time))

    def end(self, emitter: Emitter) -> None:
        self._seen.take(self, emitter)
        self.lines.clear()

    def _rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        seen_at = to_marketo(self.began)
        for row in rows:
            yield {
                "assetType": self.assets.name,
                "id": self.assets.id_of(row),
                "name": row.get("name"),
                _REPLICATION_KEY: seen_at,
            }


class AssetsSeenRead(StreamRead):
    """One sync of all kinds of assets."""

    def __init__(
        self, entry: CatalogEntry, stream: DeclaredStream, account: Account, context: SyncContext
    ) -> None:
        """Prepare to read.

        Raises:
            CatalogError: the entry has no key column.
        """
        super().__init__(entry, stream.keys, stream.replication_key)
        self._account = account
        self._now = context.now
        self._every = timedelta(days=context.config.assets_sweep_days)
        mark = context.state.mark(SeenMark, STREAM)
        self._listed, self._shown = dict(mark.listed), dict(mark.shown)
        self._reads: dict[str, PageRead] = {}
        self._moved: list[str] = []

    def meet(self, reads: Sequence[Read]) -> None:
        for read in reads:
            if isinstance(read, PageRead) and (assets := _LISTS.get(read.stream)):
                self._reads[read.stream] = read
                if read.is_whole:
                    read.watcher = _Listing(self, assets)

    def steps(self, emitter: Emitter) -> Steps:
        self._announce(emitter)
        refused: dict[str, MarketoError] = {}
        asked = list(filter(self._may_be_listed, self._own()))
        for assets in asked:
            try:
                yield from self._list(assets, emitter)
                self.failed.has_read(assets.name)
            except TapError as error:
                if isinstance(error, MarketoError) and error.is_refusal:
                    refused[assets.name] = error
                    continue
                self.failed.add(assets.name, self._now, error)
                self.failed.check()
        self._log_missing(refused)
        own = [
            refused.get(assets.name) for assets in asked if assets.stream.permission == READ_ASSET
        ]
        if own and own[0] and all(isinstance(error, AccessDeniedError) for error in own):
            raise own[0]

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        calls, own = Calls(), self._own()
        for assets in own:
            try:
                scan = Scan.whole(assets.stream, self._now)
                size = assets.read.size(self._account, scan, sizes)
                calls += Calls(size.calls, "" if size.is_whole else assets.read.calls.each)
            except MarketoError as error:
                if not error.is_refusal:
                    raise
        how = f"whole lists of {counted(len(own), 'stream')}" if own else "beside other streams"
        return ReadEstimate(how=how, calls=calls)

    def lines_of(self, rows: Iterable[Row], extracted: datetime) -> bytes:
        """Return the RECORD lines of rows, fetched at a time (UTC)."""
        return b"".join(self._lines(rows, extracted))

    def take(self, listing: _Listing, emitter: Emitter) -> None:
        """Write the rows of a listing that has come to its end, if it can be trusted."""
        name, number = listing.assets.name, listing.number
        last = self._shown.get(name)
        if listing.has_moved:
            self._moved.append(name)
            return
        if last is not None and 2 * number < last:
            LOGGER.warning(
                "%s has no rows of %s: their list shows %d now, and showed %d before (%s). Compare "
                "with Marketo, and look at the workspaces of the API user's role. If the others "
                "are gone, delete bookmarks.%s.shown.%s from the state.",
                STREAM, name, number, last, to_marketo(self._listed.get(name, self._now)),
                STREAM, name,
            )  # fmt: skip
            return
        self._announce(emitter)
        for lines in listing.lines:
            emitter.records(lines, {STREAM: lines.count(b"\n")})
        self._listed[name], self._shown[name] = self._now, number
        mark = SeenMark(listed=dict(self._listed), shown=dict(self._shown))
        emitter.move_to(Position(marks={STREAM: mark}))

    def _own(self) -> list[_AssetList]:
        """Return the lists that are due and that no other stream reads whole in this run."""
        return [
            assets
            for name, assets in _LISTS.items()
            if not (name in self._reads and self._reads[name].is_whole) and self._is_due(assets)
        ]

    def _is_due(self, assets: _AssetList) -> bool:
        last = self._listed.get(assets.name)
        if not assets.read.is_dated:
            return True
        return bool(self._every) and (last is None or self._now - last >= self._every)

    def _may_be_listed(self, assets: _AssetList) -> bool:
        """Say whether nothing of the list failed or was refused in this run."""
        read = self._reads.get(assets.name)
        return read is None or read.has_ended

    def _list(self, assets: _AssetList, emitter: Emitter) -> Iterator[None]:
        listing = _Listing(self, assets)
        listing.begin(emitter.now())
        for page in assets.read.pages(self._account, Scan.whole(assets.stream, self._now)):
            if page.error:
                raise page.error
            listing.add(page, emitter.now())
            yield
            if listing.has_moved:
                break
        listing.end(emitter)

    def _log_missing(self, refused: Mapping[str, MarketoError]) -> None:
        """Log which kinds of assets have no rows of this run."""
        if self._moved:
            LOGGER.info(
                "%s has no rows of %s: these lists changed while they were read. The next run "
                "lists them again.", STREAM, ", ".join(self._moved),
            )  # fmt: skip
        unread = [name for name, read in self._reads.items() if not read.has_ended]
        if unread:
            LOGGER.info(
                "%s has no rows of %s, which were not read to their ends.",
                STREAM, ", ".join(unread),
            )  # fmt: skip
        reasons: dict[str, list[str]] = defaultdict(list)
        for name, error in refused.items():
            reasons[error.problem].append(name)
        for said, names in reasons.items():
            needed = sorted({_LISTS[name].stream.permission for name in names})
            LOGGER.warning(
                "%s has no rows of %s, as Marketo refuses their lists: %s. The permissions needed "
                "are %s.", STREAM, ", ".join(names), said.removesuffix("."), ", ".join(needed),
            )  # fmt: skip


ASSETS_SEEN = DeclaredStream(
    name=STREAM,
    read=AssetsSeenRead,
    permission=READ_ASSET,
    keys=_KEYS,
    replication_key=_REPLICATION_KEY,
)
