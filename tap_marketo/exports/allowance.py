"""The day's budget of export bytes: what is used, what a window will cost, what still fits.

And with it, how much time one job should cover: Marketo takes minutes for any job, so few large
ones are fast; a file that fails costs its bytes again, and one that is cut to what is left of
the day leaves the rest of it unused, so they must not be too large.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from tap_marketo.marketo.export_calls import FinishedExport
from tap_marketo.times import Window, last_allowance_reset

# Windows that follow each other may grow: rows lie where they changed last, and that is mostly
# lately. So the dearer of the last window and of those before it is expected of the next.
_MEMORY = 0.7

# A window is not cut shorter than this, whatever it costs.
_SHORTEST = timedelta(hours=1)

# A file holds at most this part of a day's allowance: recreated, it costs a tenth of a day.
_PART_OF_THE_DAY = 10
# Smaller files are of no use: up to this size they are checked before any row is emitted.
_SMALL_FILE = 8_000_000
# If the last file was cheaper than those before it, it says how long the next window gets, so that
# one dear day does not make weeks of small windows; but an empty night says little of a month, so
# that the next file is expected to be at most this many times as cheap as those before.
_CHEAPER = 4
# Of a family whose costs are not known yet, the first jobs of a long stretch are made so long
# only. Two of them are under way before the first file tells more; a year still takes no more
# jobs than it takes windows of 30 days.
FIRST_WINDOWS = timedelta(days=14)
_DAY = timedelta(days=1).total_seconds()


class ExportAllowance:
    """Bytes of export files, metered as Marketo meters them (bulk-extract.md, File Size).

    Marketo lets a job that is under way complete when the allowance is spent, but refuses to
    make or enqueue another one until midnight Central time. Only jobs of our own API user can be
    seen: what others export is unknown until Marketo says that the quota is spent.
    """

    def __init__(self, limit: int, bytes_per_day: Mapping[str, int]) -> None:
        """Start with nothing used of ``limit`` bytes, which are allowed from one reset to the next.

        ``bytes_per_day`` is what a day of each family has cost in earlier runs.
        """
        self.limit = limit
        self._good_size = max(limit / _PART_OF_THE_DAY, _SMALL_FILE)
        self._finished: dict[str, FinishedExport] = {}
        self._sums: dict[str, tuple[float, float]] = {
            family: (float(size), _DAY) for family, size in bytes_per_day.items()
        }
        self._rates = {family: size / _DAY for family, size in bytes_per_day.items()}
        self._last_rates: dict[str, float] = {}
        self._sums_by_id: dict[str, tuple[float, float]] = {}

    @property
    def bytes_per_day(self) -> dict[str, int]:
        """What a day of each family costs, as far as known."""
        return {family: round(rate * _DAY) for family, rate in self._rates.items()}

    def take_over(self, exports: Iterable[FinishedExport]) -> None:
        """Count finished jobs that Marketo lists."""
        self._finished.update((export.export_id, export) for export in exports)

    def add(self, export: FinishedExport, family: str, window: Window, ids: int = 0) -> None:
        """Count a job that has just finished, and learn from it what its family costs.

        If it exports the rows of so many ``ids``, programs for instance, its bytes depend on that,
        and not on its window.
        """
        self._finished[export.export_id] = export
        sums = self._sums_by_id if ids else self._sums
        amount = ids or window.length.total_seconds()
        size, total = sums.get(family, (0.0, 0.0))
        size, total = size * _MEMORY + export.file_size, total * _MEMORY + amount
        sums[family] = (size, total)
        if ids:
            return
        rate = export.file_size / amount
        self._last_rates[family] = rate
        self._rates[family] = size / total
        if amount >= _DAY:
            self._rates[family] = max(self._rates[family], rate)

    def usual_size(self, bulk_object: str) -> float | None:
        """Return how many bytes a job of an object has cost on average; None if none is known."""
        sizes = [e.file_size for e in self._finished.values() if e.bulk_object == bulk_object]
        return sum(sizes) / len(sizes) if sizes else None

    def used(self, now: datetime) -> int:
        """Return the bytes used since the last reset before ``now`` (UTC)."""
        since = last_allowance_reset(now)
        return sum(e.file_size for e in self._finished.values() if e.finished_at >= since)

    def cost(self, family: str, window: Window, ids: int = 0) -> float:
        """Return the bytes a window, or a job of ids, is to cost; 0 while nothing is known."""
        if ids:
            size, number = self._sums_by_id.get(family, (0.0, 1.0))
            return size / number * ids
        return self._rates.get(family, 0.0) * window.length.total_seconds()

    def one_job(self, family: str, stretch: Window, longest: timedelta) -> Window:
        """Return the first part of a stretch of time, as much as one job should export."""
        rate = self._rates.get(family)
        if rate is not None:
            rate = max(rate / _CHEAPER, min(rate, self._last_rates.get(family, rate)))
            cost = rate * stretch.length.total_seconds()
            window = _worth(stretch, cost, self._good_size)
        else:
            window = stretch if stretch.length <= longest else stretch.first(FIRST_WINDOWS)
        return window.first(longest)

    def has_room(self, cost: float, under_way: float, now: datetime) -> bool:
        """Return whether a job that cannot be cut can be exported today (``now``: UTC).

        ``cost`` and ``under_way`` are the bytes that it, and the jobs under way, are to cost.
        """
        committed = self.used(now) + under_way
        # What is larger than a whole day's allowance must not stop the stream for good.
        return committed < self.limit and (not committed or committed + cost <= self.limit)

    def fit(self, family: str, window: Window, under_way: float, now: datetime) -> Window | None:
        """Return the part of a window that can be exported today (``now``: UTC).

        The part begins where the window begins, and is whole hours long. It is None if what is
        left of the day is not worth a job, and also while the day is nearly spent and the bytes
        ``under_way`` are only estimated: then the caller waits for these.
        """
        committed = self.used(now) + under_way
        left = self.limit - committed
        if left <= 0:
            return None
        cost = self.cost(family, window)
        if under_way and left < 2 * cost:
            # Close to the end, guesses do not add up: first see what is under way costs.
            return None
        if committed and left < min(cost, self.cost(family, window.first(_SHORTEST))):
            return None
        # A whole day's allowance that does not hold an hour must not stop the stream for good.
        return _worth(window, cost, left)


def _worth(window: Window, cost: float, size: float) -> Window:
    """Return as many whole hours of a window as cost so many bytes, one at least."""
    if cost <= size:
        return window
    hours = int(window.length * (size / cost) / _SHORTEST)
    return window.first(max(hours, 1) * _SHORTEST)
