"""Program members: who is in which program, exported in bulk for the programs that have changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.errors import DataError, FilterUnavailableError, RequestRefusedError
from tap_marketo.exports.family import (
    ExportPlan,
    Standing,
    date_range,
)
from tap_marketo.exports.windows import Plan, Stand
from tap_marketo.log import LOGGER
from tap_marketo.marketo.describe import Field
from tap_marketo.marketo.pages import Row, offset_pages
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import Bookmark, ChildMark, PendingExport, Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.activity_log import ActivityLog, Sign
from tap_marketo.streams.described import DescribedFamily, described_entry
from tap_marketo.streams.details import rows_of
from tap_marketo.streams.gone import is_gone
from tap_marketo.streams.kind import StreamKind, SyncStart
from tap_marketo.streams.member_passes import (
    Increment,
    Pass,
    batches,
    done_with,
    line_up,
    marks,
    pieces,
)
from tap_marketo.streams.permissions import READ_ACTIVITY, READ_ASSET, READ_LEAD
from tap_marketo.streams.stream_read import Steps, StreamRead
from tap_marketo.times import Window, before, parse_utc, to_marketo

STREAM = "program_members"
# Where the state has the mark of the passes over all programs, and their jobs.
SWEEP = "program_members_sweep"

_KEYS = ("programId", "leadId")
_REPLICATION_KEY = "updatedAt"
_STATUS = "statusName"
_ALWAYS = (
    Field("programId", "integer"),
    Field("leadId", "integer"),
    Field(_REPLICATION_KEY, "datetime"),
)
_AUTOMATIC = frozenset((*_KEYS, _REPLICATION_KEY, "createdAt"))

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


class Filters:
    """Which filters the subscription has, as far as exports have told."""

    has_update_range = True


class MembersFamily(DescribedFamily):
    """Members of programs, ten programs a job (bulk-program-member-extract.md).

    Attributes:
        passes: what is to be exported, in this order.
        news: until when it has been told in this run what became of members, by program.
    """

    bulk_object = "program/members"
    keys = _KEYS
    replication_key = _REPLICATION_KEY

    def __init__(
        self,
        entry: CatalogEntry,
        fields: Collection[Field],
        longest: timedelta,
        read_until: datetime | None,
    ) -> None:
        """Serve the stream.

        Args:
            entry: the selected stream.
            fields: the fields of program members that Marketo has now.
            longest: the longest window of changes in one job.
            read_until: the bookmark of the stream with which the run began.
        """
        super().__init__(entry, fields, timedelta())
        self.name = STREAM
        self.passes: Sequence[Pass] = ()
        self.news: Mapping[int, datetime] = {}
        self._longest = longest
        self._read_until = read_until
        self._filters = Filters()
        self._reached: dict[tuple[Window, tuple[int, ...]], Position] = {}

    def sweeping(self) -> MembersFamily:
        """Return the family of the passes over all programs, with these columns and filters."""
        family = copy(self)
        family.name = SWEEP
        return family

    def fields(self) -> list[str]:
        # "An additional field programId is added to the export file as the first field".
        return [field for field in super().fields() if field != "programId"]

    @property
    def has_update_range(self) -> bool:
        """Whether the subscription can filter by updatedAt, as far as exports have told."""
        return self._filters.has_update_range

    def filter(self, plan: ExportPlan) -> dict[str, Any]:
        programs = {"programIds": list(plan.ids)}
        # A pass over all programs is for nothing without the date.
        if self.name != SWEEP and self._is_whole(plan.window):
            return programs
        return {**programs, "updatedAt": date_range(plan.window)}

    def _is_whole(self, window: Window) -> bool:
        return not self._filters.has_update_range or any(
            each.is_whole and each.window == window for each in self.passes
        )

    def do_without_filter(self, error: FilterUnavailableError) -> None:
        if not self._filters.has_update_range:
            if self.name != SWEEP:
                raise error
            return
        self._filters.has_update_range = False
        LOGGER.info("Members of a program that has changed are exported whole. %s", error)

    def plans(self, standing: Standing, pending: Sequence[PendingExport]) -> list[ExportPlan]:
        self._reached = {}
        usable = [job for job in pending if not self._is_outdated(job)]
        plans: list[ExportPlan] = []
        for each in self.passes:
            if self.name == SWEEP and not self._filters.has_update_range:
                # Without the filter it would export everything again.
                continue
            plans += self._plans_of(each, standing, usable)
        return plans

    def _is_outdated(self, job: PendingExport) -> bool:
        """Say whether what has been emitted may be newer than the file of a job."""
        made = job.made or job.window.end
        if self._read_until and self._read_until > made:
            return True
        return any(self.news[number] >= made for number in job.ids if number in self.news)

    def _plans_of(
        self, each: Pass, standing: Standing, pending: Sequence[PendingExport]
    ) -> Iterator[ExportPlan]:
        windows = [each.window]
        if not self._is_whole(each.window):
            windows = list(pieces(each.window, self._longest))
        jobs = {(job.window, job.ids): job for job in pending}
        together = batches(each.programs, [ids for window, ids in jobs if window in windows])
        read = 0
        for ids, done in zip(together, done_with(each.programs, together), strict=True):
            is_last = ids is together[-1]
            mark = each.reached if is_last else each.mark(each.behind if done is None else done)
            for window in windows:
                self._reached[window, ids] = mark if window == windows[-1] else Position()
                job = jobs.get((window, ids))
                yield Plan(
                    window,
                    (self.stream,),
                    job,
                    job.made if job else None,
                    ids,
                    self._turn(each, read, standing),
                )
            read += len(ids)

    def _turn(self, each: Pass, read: int, standing: Standing) -> datetime | None:
        """Return the place in date order of the programs before which so many are read."""
        if self.name == SWEEP:
            # It can wait.
            return standing.now
        if each.is_whole:
            # All over the time that the others read, so that no family is last, and in each run as
            # in the one before. But the first come at once: a job of theirs cannot be cut to what
            # others leave of a day.
            part = (each.read + read) / (each.read + len(each.programs)) if read else 0
            return standing.earliest + (standing.now - standing.earliest) * part
        return None

    def position_after(self, standing: Standing, plan: ExportPlan) -> Position:
        return self._reached[plan.window, plan.ids]

    def beginning(self, plan: ExportPlan) -> str:
        return f"program {plan.ids[0]}"

    def extent(self, plan: ExportPlan) -> str:
        return f"of {len(plan.ids)} programs from {plan.ids[0]} to {plan.ids[-1]}"


class MembersRead(StreamRead):
    """Finds out which programs have changed, tells who left them, and has the others exported."""

    finds_families = True

    def __init__(self, entry: CatalogEntry, start: SyncStart) -> None:
        """Prepare to read.

        Raises:
            CatalogError: the entry has no key column.
        """
        fields = _with_always(start.account.member_fields)
        longest = timedelta(days=start.config.max_export_days)
        bookmark = start.state.bookmark(entry.stream, _REPLICATION_KEY)
        self._family = MembersFamily(entry, fields, longest, bookmark)
        super().__init__(self._family.streams[entry.stream], _KEYS, _REPLICATION_KEY)
        self._family.misfits = {entry.stream: self.misfits}
        self._sweep = self._family.sweeping()
        self._account = start.account
        self._state = start.state
        self._now = start.now
        self._earliest = start.config.start_date
        self._lookback = timedelta(hours=start.config.activities_lookback_hours)
        self._every = timedelta(days=start.config.program_members_sweep_days)
        self._log = ActivityLog(start.account, _SIGNS, "Program")
        self._programs: set[int] | None = None

    @property
    def _stand(self) -> Stand:
        state, stream = self._state, self.stream
        bookmark = state.bookmark(stream, _REPLICATION_KEY)
        return Stand(bookmark, state.settled(stream), self._earliest, self._lookback)

    def steps(self, emitter: Emitter, now: Callable[[], datetime]) -> Steps:
        self._announce(emitter)
        if self._stand.bookmark is None:
            yield from self._first_pass(emitter)
        else:
            yield from self._changes(emitter, now)
            yield from self._sweep_pass(emitter)

    # The first sync -----------------------------------------------------------------------------

    def _first_pass(self, emitter: Emitter) -> Steps:
        mark = self._state.child_mark(self.stream)
        began = mark.scan_started or self._now
        programs = yield from self._all_programs()
        behind = mark.reached.id if mark.reached else None
        left = sorted(number for number in programs if number > (behind or 0))
        LOGGER.info(
            "%s: the members of %s programs are to be exported%s.", self.stream, f"{len(left):,}",
            f", behind {mark.reached}" if mark.reached else "",
        )  # fmt: skip
        settled = before(began, self._lookback)
        reached = Position(
            bookmarks={self.stream: Bookmark(_REPLICATION_KEY, began, settled)},
            children={
                self.stream: ChildMark(None, None, None),
                # It is as good as a pass over all programs.
                SWEEP: ChildMark(None, None, began),
            },
        )
        window = Window(min(self._earliest, began), began)
        mark_at = marks(self.stream, began, None)
        read = len(programs) - len(left)
        passes = [Pass(window, left, reached, mark_at, behind, read, is_whole=True)]
        yield from self._export(self._family, passes, emitter)

    # What has changed since ---------------------------------------------------------------------

    def _changes(self, emitter: Emitter, now: Callable[[], datetime]) -> Steps:
        increment = Increment(self._stand, self._state.child_mark(self.stream), self._now)
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

    def _left(self, sign: Sign) -> Row:
        """Return the row of a lead that is a member no longer."""
        columns = {field: column for column, field in self._family.field_of.items()}
        row: dict[str, Any] = {
            "programId": str(sign.subject),
            "leadId": str(sign.lead),
            _REPLICATION_KEY: to_marketo(sign.date),
        }
        if _STATUS in columns:
            row[columns[_STATUS]] = _LEFT
        return row

    # All programs once in a while ---------------------------------------------------------------

    def _sweep_pass(self, emitter: Emitter) -> Steps:
        mark = self._state.child_mark(SWEEP)
        if mark.refreshed is None:
            # A state without it: it counts from now on.
            mark = ChildMark(None, None, self._now)
            emitter.move_to(Position(children={SWEEP: mark}))
        last = mark.refreshed or self._now
        is_due = mark.scan_started or self._now - last >= self._every
        if not self._every or not is_due or not self._family.has_update_range:
            yield from self._export(self._sweep, [], emitter)
            return
        began = mark.scan_started or self._now
        programs = yield from self._all_programs()
        behind = mark.reached.id if mark.reached else None
        left = sorted(number for number in programs if number > (behind or 0))
        LOGGER.info(
            "%s: %s programs are looked through for changes that no activity tells of.",
            self.stream, f"{len(left):,}",
        )  # fmt: skip
        reached = Position(children={SWEEP: ChildMark(None, None, began)})
        window = Window(min(before(last, self._lookback), began), began)
        passes = [Pass(window, left, reached, marks(SWEEP, began, last), behind)]
        yield from self._export(self._sweep, passes, emitter)

    # Common -------------------------------------------------------------------------------------

    def _export(self, family: MembersFamily, passes: Sequence[Pass], emitter: Emitter) -> Steps:
        """Have programs exported; without any, the position behind them is reached at once."""
        at_once, needed = line_up(passes)
        if passes:
            emitter.move_to(at_once)
            yield None
        family.passes = needed
        if needed or self._pending(family.name):
            yield family

    def _pending(self, family: str) -> list[PendingExport]:
        return self._state.pending_exports(family, {}, self._earliest)

    def _all_programs(self) -> Generator[None, None, set[int]]:
        """Ask for the ids of all programs, once a run (programs.md, Browse)."""
        if self._programs is None:
            found: set[int] = set()
            for page in offset_pages(self._account.client, _PROGRAMS, "programs", {}, _id):
                found.update(map(_number, page.rows))
                yield
            self._programs = found
        return self._programs

    def _updated_programs(
        self, since: datetime
    ) -> Generator[None, None, tuple[set[int], set[int]]]:
        """Return the programs created since a time, and all that were changed since."""
        span = {"earliestUpdatedAt": to_marketo(since), "latestUpdatedAt": to_marketo(self._now)}
        created: set[int] = set()
        updated: set[int] = set()
        for page in offset_pages(self._account.client, _PROGRAMS, "programs", span, _id):
            updated.update(map(_number, page.rows))
            created.update(_number(row) for row in page.rows if _is_created_since(row, since))
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
            try:
                found.update(map(_number, rows_of(self._account.client, path, "program", {})))
            except RequestRefusedError as error:
                if not is_gone(error):
                    raise
                # Its changes are not asked for again, so that this word alone is not enough.
                return programs & (yield from self._all_programs())
            yield
        return found & programs


def _note_status(sign: Sign, key: tuple[int, int], left: dict[tuple[int, int], Sign]) -> None:
    """Note in order of time who has left a program and not come back."""
    if sign.type != _CHANGE_STATUS:
        return
    left.pop(key, None)
    if sign.attributes.get("New Status") == _LEFT:
        left[key] = sign


def _id(row: Row) -> object:
    return row.get("id")


def _number(row: Row) -> int:
    try:
        return int(row["id"])
    except (KeyError, TypeError, ValueError):
        raise DataError(
            f"GET {_PROGRAMS}: Marketo sent a program without an id. Run again; if it stays so, "
            "show it to Marketo Support."
        ) from None


def _is_created_since(row: Row, since: datetime) -> bool:
    try:
        return parse_utc(str(row.get("createdAt"))) >= since
    except ValueError:
        # What cannot be compared is not left out.
        return True


class ProgramMembers(StreamKind):
    """The stream of program members."""

    permission = READ_LEAD
    further_permissions = (READ_ACTIVITY, READ_ASSET)

    def owns(self, entry: CatalogEntry) -> bool:
        return entry.stream == STREAM

    def discover(self, account: Account) -> list[dict[str, Any]]:
        fields = _with_always(account.member_fields)
        return [
            described_entry(
                STREAM,
                fields,
                _AUTOMATIC,
                _KEYS,
                _REPLICATION_KEY,
                account.naming,
                nullable=_AUTOMATIC - {*_KEYS},
            )
        ]

    def page_reads(self, entries: Sequence[CatalogEntry], start: SyncStart) -> list[StreamRead]:
        return [MembersRead(entry, start) for entry in entries]

    def bulk_object(self, family: str) -> str | None:
        return MembersFamily.bulk_object if family in (STREAM, SWEEP) else None


def _with_always(fields: Sequence[Field]) -> list[Field]:
    told = {field.name for field in fields}
    return [*fields, *(field for field in _ALWAYS if field.name not in told)]
