"""Program members: who is in which program, exported in bulk for the programs that have changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.errors import NOT_HERE, AccessDeniedError, DataError, NotFoundError
from tap_marketo.exports.family import BulkFamily, SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.exports.windows import Stand
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.describe import Field
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.pages import MAX_RETURN, Row, offset_pages
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import Bookmark, ChildMark, Parent, Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.activity_log import ActivityLog, Sign
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.described import described_entry, with_fields
from tap_marketo.streams.details import rows_of
from tap_marketo.streams.estimate import ACTIVITY_CALLS, IN_FULL, ReadEstimate
from tap_marketo.streams.member_exports import KEYS, REPLICATION_KEY, STREAM, SWEEP, MembersFamily
from tap_marketo.streams.member_passes import MOST_PROGRAMS, Increment, Pass, line_up, marks
from tap_marketo.streams.permissions import READ_ACTIVITY, READ_ASSET, READ_LEAD
from tap_marketo.streams.stream_read import Steps, StreamRead, id_of, is_created_since, raw_id
from tap_marketo.times import Window, before, to_marketo

_STATUS = "statusName"
_ALWAYS = (
    Field("programId", "integer"),
    Field("leadId", "integer"),
    Field(REPLICATION_KEY, "datetime"),
)
_AUTOMATIC = frozenset((*KEYS, REPLICATION_KEY, "createdAt"))

# So many programs are looked up one by one; of more, all programs are listed.
_FEW_PROGRAMS = 10
_PROGRAMS = "/rest/asset/v1/programs.json"

_CHANGE_STATUS = "Change Status in Progression"
# What tells that members of a program have changed; the types have these names.
_SIGNS = (
    _CHANGE_STATUS,
    "Change Program Member Data",
    "Add to Nurture",
    "Change Nurture Track",
    "Change Nurture Cadence",
)
# The status that leads have who are members no longer (channels.md).
_LEFT = "Not in Program"
# Of so many who left it is kept at once that they did.
_MOST_LEAVERS = 200_000


class MembersRead(StreamRead):
    """Finds out which programs have changed, tells who left them, and has the others exported."""

    finds_families = True

    def __init__(self, entry: CatalogEntry, account: Account, context: SyncContext) -> None:
        """Prepare to read.

        Raises:
            CatalogError: the entry has no key column.
        """
        fields = with_fields(account.member_fields, _ALWAYS)
        longest = timedelta(days=context.config.max_export_days)
        bookmark = context.state.bookmark(entry.stream, REPLICATION_KEY)
        self._family = MembersFamily(entry, fields, longest, bookmark)
        super().__init__(self._family.streams[entry.stream], KEYS, REPLICATION_KEY)
        self._family.issues = {entry.stream: self.issues}
        self._sweep = self._family.sweeping()
        self._account = account
        self._context = context
        self._state = context.state
        self._now = context.now
        self._earliest = context.earliest
        self._lookback = timedelta(hours=context.config.activities_lookback_hours)
        self._every = timedelta(days=context.config.program_members_sweep_days)
        self._log = ActivityLog(account, _SIGNS, "Program")
        self._programs: set[int] | None = None

    @property
    def _stand(self) -> Stand:
        state, stream = self._state, self.stream
        bookmark = state.bookmark(stream, REPLICATION_KEY)
        return Stand(bookmark, state.settled(stream), self._earliest, self._lookback)

    def steps(self, emitter: Emitter, now: Callable[[], datetime]) -> Steps:
        self._announce(emitter)
        if self._stand.bookmark is None:
            yield from self._first_pass(emitter)
        else:
            yield from self._changes(emitter, now)
            yield from self._sweep_pass(emitter)

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        programs = sizes.by_offset(_PROGRAMS, "programs").of(lambda row: id_of(row, "program"))
        if self._stand.bookmark is None:
            reached = self._first_mark().reached
            behind = f", behind {reached}" if reached else ""
            self._expect(self._family, programs, reached, self._first_passes)
            how, calls = f"{IN_FULL}, all programs{behind}", Calls(programs.calls)
            return ReadEstimate(how=how, calls=calls, families=[self._family])
        a_job = f"three a job of {MOST_PROGRAMS} programs, and the looks"
        each = f"one for {MAX_RETURN} changed programs, and one that proves the end; {a_job}"
        how, calls = "programs of which activities tell", ACTIVITY_CALLS + Calls(1, each)
        families = []
        mark = self._state.child_mark(SWEEP)
        if self._is_sweep_due(mark):
            how += ", and a pass over all programs (program_members_sweep_days)"
            self._expect(self._sweep, programs, mark.reached, self._sweep_passes)
            families.append(self._sweep)
        found = [self._family]
        since = self._increment().since
        return ReadEstimate(how=how, since=since, calls=calls, families=families, found=found)

    def _expect(
        self,
        family: MembersFamily,
        programs: ListSize[int],
        reached: Parent | None,
        passes: Callable[[Collection[int]], list[Pass]],
    ) -> None:
        """Let a family have the passes over all programs; those not seen have some number."""
        behind = reached.id if reached else 0
        seen = {*programs.seen}.union(*(job.ids for job in self._context.pending(family.name)))
        left = programs.about(lambda number: number > behind)
        others = left - sum(number > behind for number in seen)
        first = max(seen, default=behind) + 1
        _, family.passes = line_up(passes(seen.union(range(first, first + others))))

    # The first sync -----------------------------------------------------------------------------

    def _first_mark(self) -> ChildMark:
        """Return what a stopped run has begun of the first pass."""
        if self._state.settled(self.stream):
            # It has come to its end once, and the bookmark has been lost since.
            return ChildMark(None, None, None)
        return self._state.child_mark(self.stream)

    def _first_pass(self, emitter: Emitter) -> Steps:
        reached = self._first_mark().reached
        passes = self._first_passes((yield from self._all_programs()))
        LOGGER.info(
            "%s: exporting the members of %s%s.",
            self.stream, counted(len(passes[0].programs), "program"),
            f", behind {reached}" if reached else "",
        )  # fmt: skip
        yield from self._export(self._family, passes, emitter)

    def _first_passes(self, programs: Collection[int]) -> list[Pass]:
        mark = self._first_mark()
        began = mark.scan_started or self._now
        behind = mark.reached.id if mark.reached else None
        left = sorted(number for number in programs if number > (behind or 0))
        settled = before(began, self._lookback)
        reached = Position(
            bookmarks={self.stream: Bookmark(REPLICATION_KEY, began, settled)},
            children={
                self.stream: ChildMark(None, None, None),
                # It is as good as a pass over all programs.
                SWEEP: ChildMark(None, None, began),
            },
        )
        window = Window(min(self._earliest, began), began)
        mark_at = marks(self.stream, began, None)
        read = len(programs) - len(left)
        return [Pass(window, left, reached, mark_at, behind, read, is_whole=True)]

    # What has changed since ---------------------------------------------------------------------

    def _changes(self, emitter: Emitter, now: Callable[[], datetime]) -> Steps:
        increment = self._increment()
        left: dict[tuple[int, int], Sign] = {}
        for signs in self._log.pages(increment.since):
            for sign in signs:
                if sign.subject is not None:
                    increment.note(sign.subject, sign.date)
                    _note_status(sign, (sign.subject, sign.lead), left)
            if len(left) > _MOST_LEAVERS:
                # Who came back comes with the export, of those programs as well that a stopped
                # run has read.
                self._emit(map(self._left, left.values()), emitter, now())
                left.clear()
                increment.behind = None
            yield None
        self._emit(map(self._left, left.values()), emitter, now())
        created, existing = yield from self._updated_programs(increment.since)
        existing |= yield from self._existing(increment.programs - existing)
        passes = increment.passes(self.stream, created, existing)
        self._family.news = increment.news
        exported = set().union(*(each.programs for each in passes))
        self._sweep.news = {**increment.news, **dict.fromkeys(exported, self._now)}
        yield from self._export(self._family, passes, emitter)

    def _increment(self) -> Increment:
        return Increment(self._stand, self._state.child_mark(self.stream), self._now)

    def _left(self, sign: Sign) -> Row:
        """Return the row of a lead that is a member no longer."""
        columns = {field: column for column, field in self._family.field_of.items()}
        row: dict[str, Any] = {
            "programId": str(sign.subject),
            "leadId": str(sign.lead),
            REPLICATION_KEY: to_marketo(sign.date),
        }
        if _STATUS in columns:
            row[columns[_STATUS]] = _LEFT
        return row

    # All programs once in a while ---------------------------------------------------------------

    def _sweep_pass(self, emitter: Emitter) -> Steps:
        mark = self._state.child_mark(SWEEP)
        if mark.refreshed is None and mark.scan_started is None:
            # A state without it: it counts from now on.
            mark = ChildMark(None, None, self._now)
            emitter.move_to(Position(children={SWEEP: mark}))
        if not self._is_sweep_due(mark) or not self._family.has_update_range:
            yield from self._export(self._sweep, [], emitter)
            return
        passes = self._sweep_passes((yield from self._all_programs()))
        LOGGER.info(
            "%s: scanning %s for changes without an activity.",
            self.stream, counted(len(passes[0].programs), "program"),
        )  # fmt: skip
        yield from self._export(self._sweep, passes, emitter)

    def _sweep_passes(self, programs: Collection[int]) -> list[Pass]:
        mark = self._state.child_mark(SWEEP)
        # Of a pass under way of which that is not known it goes from the very beginning.
        last = mark.refreshed or self._earliest
        began = mark.scan_started or self._now
        behind = mark.reached.id if mark.reached else None
        left = sorted(number for number in programs if number > (behind or 0))
        reached = Position(children={SWEEP: ChildMark(None, None, began)})
        window = Window(min(before(last, self._lookback), began), began)
        return [Pass(window, left, reached, marks(SWEEP, began, last), behind)]

    def _is_sweep_due(self, mark: ChildMark) -> bool:
        last = mark.refreshed or self._now
        return bool(self._every) and (bool(mark.scan_started) or self._now - last >= self._every)

    # Common -------------------------------------------------------------------------------------

    def _export(self, family: MembersFamily, passes: Sequence[Pass], emitter: Emitter) -> Steps:
        """Have programs exported; without any, the position behind them is reached at once."""
        at_once, needed = line_up(passes)
        if passes:
            emitter.move_to(at_once)
            yield None
        family.passes = needed
        if needed or self._context.pending(family.name):
            yield family

    def _all_programs(self) -> Generator[None, None, set[int]]:
        """Ask for the ids of all programs, once a run (programs.md, Browse)."""
        if self._programs is None:
            found: set[int] = set()
            for page in offset_pages(self._account.client, _PROGRAMS, "programs", {}, raw_id):
                found.update(_ids(page.rows))
                yield
            self._programs = found
        return self._programs

    def _updated_programs(
        self, since: datetime
    ) -> Generator[None, None, tuple[set[int], set[int]]]:
        """Return the programs created since a time, and all that were changed since."""
        span = {"earliestUpdatedAt": to_marketo(since)}
        created: set[int] = set()
        updated: set[int] = set()
        for page in offset_pages(self._account.client, _PROGRAMS, "programs", span, raw_id):
            updated.update(_ids(page.rows))
            created.update(_ids(row for row in page.rows if is_created_since(row, since)))
            yield
        return created, updated

    def _existing(self, programs: set[int]) -> Generator[None, None, set[int]]:
        """Return which of some programs still exist: an export cannot name another."""
        if len(programs) > _FEW_PROGRAMS or self._programs is not None:
            existing = yield from self._all_programs()
            return programs & existing
        found: set[int] = set()
        for number in sorted(programs):
            path = f"/rest/asset/v1/program/{number}.json"
            told: list[int] = []
            with suppress(NotFoundError):
                told = _ids(rows_of(self._account.client, path, "program", {}))
            if not told:
                # Its changes are not asked for again, so that this word alone is not enough.
                return programs & (yield from self._all_programs())
            if any(other != number for other in told):
                raise DataError(
                    f"GET {path}: Marketo tells of another program than the one asked about. Run "
                    "again; if it stays so, show it to Marketo Support."
                )
            found.update(told)
            yield
        return found


def _note_status(sign: Sign, key: tuple[int, int], left: dict[tuple[int, int], Sign]) -> None:
    """Note in order of time who has left a program and not come back."""
    if sign.type != _CHANGE_STATUS:
        return
    left.pop(key, None)
    if sign.attributes.get("New Status") == _LEFT:
        left[key] = sign


def _ids(rows: Iterable[Row]) -> list[int]:
    return [id_of(row, "program") for row in rows]


class ProgramMembers(StreamDefinition):
    """The stream of program members."""

    name = STREAM
    is_exported = True
    permission = READ_LEAD
    further_permissions = (READ_ACTIVITY, READ_ASSET)

    def bulk_objects(self, account: Account) -> Mapping[str, str]:
        return {STREAM: MembersFamily.bulk_object}

    def owns(self, entry: CatalogEntry) -> bool:
        return entry.stream == STREAM

    def discover(self, account: Account) -> list[dict[str, Any]]:
        try:
            fields = with_fields(account.member_fields, _ALWAYS)
        except AccessDeniedError:
            raise
        except NOT_HERE as error:
            LOGGER.warning("%s is left out: Marketo does not describe it. %s", STREAM, error)
            return []
        return [
            described_entry(
                STREAM,
                fields,
                _AUTOMATIC,
                KEYS,
                REPLICATION_KEY,
                account.naming,
                nullable=_AUTOMATIC - {*KEYS},
            )
        ]

    def readings(
        self, entries: Sequence[CatalogEntry], account: Account, context: SyncContext
    ) -> Sequence[StreamRead | BulkFamily]:
        return [MembersRead(entry, account, context) for entry in entries]

    def bulk_object_of(self, family: str) -> str | None:
        return MembersFamily.bulk_object if family in (STREAM, SWEEP) else None
