"""Which programs there are, and which have been created or changed (programs.md)."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from datetime import datetime

from tap_marketo.errors import DataError, NotFoundError, TapError
from tap_marketo.failed_parts import concerns_one_part
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.list_sizes import ListSize
from tap_marketo.marketo.moving_list import offset_pages
from tap_marketo.marketo.pages import Row, all_rows
from tap_marketo.protocol.position import Parent
from tap_marketo.streams.stream_read import id_of, is_since, raw_id
from tap_marketo.times import to_marketo

# So many programs are looked up one by one; of more, all programs are listed.
_FEW_PROGRAMS = 10
PROGRAMS = "/rest/asset/v1/programs.json"


class Programs:
    """The programs of an account, by their ids. Each method yields after each of its calls."""

    def __init__(self, client: MarketoClient) -> None:
        """Ask for nothing yet."""
        self._client = client
        self._all: set[int] | None = None

    def all(self) -> Generator[None, None, set[int]]:
        """Return all programs; they are listed once."""
        if self._all is None:
            found: set[int] = set()
            for page in offset_pages(self._client, PROGRAMS, "programs", {}, raw_id):
                found.update(_ids(page.rows))
                yield
            self._all = found
        return self._all

    def updated(self, since: datetime) -> Generator[None, None, tuple[set[int], set[int]]]:
        """Return the programs created since a time (UTC), and all that were changed since."""
        span = {"earliestUpdatedAt": to_marketo(since)}
        created: set[int] = set()
        updated: set[int] = set()
        for page in offset_pages(self._client, PROGRAMS, "programs", span, raw_id):
            updated.update(_ids(page.rows))
            created.update(_ids(row for row in page.rows if is_since(row.get("createdAt"), since)))
            yield
        return created, updated

    def existing(self, programs: set[int]) -> Generator[None, None, set[int]]:
        """Return which of some programs still exist.

        Raises:
            DataError: Marketo returned another program than the one asked for.
        """
        if len(programs) > _FEW_PROGRAMS or self._all is not None:
            return programs & (yield from self.all())
        found: set[int] = set()
        for number in sorted(programs):
            path = f"/rest/asset/v1/program/{number}.json"
            ids: list[int] = []
            try:
                ids = _ids(all_rows(self._client, path, "program"))
            except TapError as error:
                # Marketo may answer with an error for one program, and that for ever.
                if not (isinstance(error, NotFoundError) or concerns_one_part(error)):
                    raise
            if not ids:
                # Its changes are not asked for again, so that one answer is not enough.
                return programs & (yield from self.all())
            if any(other != number for other in ids):
                raise DataError(
                    f"GET {path}: Marketo returned another program than the one asked for. Run "
                    "again; if it stays so, show it to Marketo Support."
                )
            found.update(ids)
            yield
        return found


def expected_programs(
    programs: ListSize[int], known: Collection[int], reached: Parent | None
) -> set[int]:
    """Return ids that stand for all programs: those that are known, and made up ones behind them.

    Args:
        programs: how many there are.
        known: ids of some of them.
        reached: the last one that stopped runs have read; as many as are left follow it.
    """
    behind = reached.id if reached else 0
    left = programs.about(lambda number: number > behind)
    others = left - sum(number > behind for number in known)
    first = max(known, default=behind) + 1
    return {*known, *range(first, first + others)}


def _ids(rows: Iterable[Row]) -> list[int]:
    return [id_of(row, "program") for row in rows]
