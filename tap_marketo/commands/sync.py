"""One sync: exports and pages side by side, STATE, and what is logged at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from singer import metrics

from tap_marketo.commands.display import Display, open_display
from tap_marketo.commands.preparation import Preparation, prepare
from tap_marketo.errors import FailedStreamsError, OutputClosedError, QuotaError, TapError
from tap_marketo.exports.engine import ExportEngine
from tap_marketo.failures import Failures
from tap_marketo.log import LOGGER, counted, log_metric
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import STATE_SECONDS, Emitter
from tap_marketo.protocol.messages import Output
from tap_marketo.protocol.pipe import Terminated
from tap_marketo.protocol.state import State
from tap_marketo.rows.page_rows import describe_unknown
from tap_marketo.streams.account import Account
from tap_marketo.streams.stream_read import Read, StreamRead
from tap_marketo.times import next_allowance_reset, to_marketo

# How often, in seconds, a long wait checks that the target is still there.
_LONGEST_NAP = 5.0


class Sync:
    """One run over the selected streams."""

    def __init__(self, account: Account, state: State, output: Output) -> None:
        """Prepare; no call is made and nothing is written yet."""
        self._account = account
        self._clock = account.clock
        self._state = state
        self._output = output
        output.pipe.wait_scale = account.config.wait_scale
        pace = STATE_SECONDS * account.config.wait_scale
        self._emitter = Emitter(state, output, self._clock, pace)
        self._engine: ExportEngine | None = None
        self._started = self._clock.monotonic()
        self._next = "resumes from the last STATE that was kept"

    def run(self, entries: Sequence[CatalogEntry]) -> None:
        """Sync the selected streams.

        Raises:
            TapError: what stopped the run; what has been written is valid.
        """
        try:
            self._sync(entries)
        except QuotaError:
            resets = to_marketo(next_allowance_reset(self._clock.now()))
            self._next = f"can continue at {resets}, when the day's allowances are reset"
            raise
        except FailedStreamsError:
            self._next = "tries the failed streams again, and reads what is new of the others"
            raise
        self._next = "reads what is new"

    def _sync(self, entries: Sequence[CatalogEntry]) -> None:
        begun = prepare(self._account, self._state, entries)
        if begun.is_early:
            return
        with open_display() as display:
            self._engine = engine = ExportEngine(
                self._account.client,
                self._clock,
                begun.context,
                self._emitter,
                begun.failures,
                lambda is_news: display.show(engine.progress, is_news=is_news),
            )
            self._read(begun, engine, display)
        self._emitter.state()
        for read in begun.reads:
            if isinstance(read, StreamRead):
                begun.failures.add_parts(read.stream, read.failed.errors)
        begun.failures.check()
        engine.check_quota()

    def log_summary(self) -> None:
        """Log in one line what the run has read, the day's allowances, and what comes next."""
        counts, budget = self._emitter.counts, self._account.client.budget
        streams = sum(rows > 0 for rows in counts.values())
        read = f"{counted(counts.total(), 'row')} of {counted(streams, 'stream')}"
        today = f"{budget.used:,} of {counted(budget.allowed, 'call')}"
        if self._engine:
            progress = self._engine.progress()
            read += f", {counted(progress.read, 'export')}"
            today += f", {progress.megabytes_today()} MB exported"
        seconds = round(self._clock.monotonic() - self._started)
        LOGGER.info(
            "Summary: %s, in %s. Today: %s. The next run %s.",
            read, counted(seconds, "second"), today, self._next,
        )  # fmt: skip

    def _read(self, begun: Preparation, engine: ExportEngine, display: Display) -> None:
        reads = begun.reads
        try:
            for family, bulk_object in begun.dropped:
                engine.drop(family, bulk_object)
            pages = self._pages(reads, begun.failures, engine, display)
            if reads and reads[0].is_one_call:
                # A caller that only tries a config ends the run at the first row. No job may be
                # under way then.
                next(pages, _END)
                self._output.flush()
            engine.expect_families(_find_families(reads))
            engine.start(begun.families)
            self._output.pipe.on_stall = engine.look_after
            self._work_through(begun, engine, display, pages)
            engine.announce()
        except (TapError, Terminated) as end:
            self._output.pipe.on_stall = None
            # The next run does not repeat what has been reached since the last STATE.
            with suppress(OutputClosedError):
                self._emitter.catch_up()
            if isinstance(end, Terminated):
                engine.end_early()
            raise
        finally:
            self._output.pipe.on_stall = None
            self._log_streams(begun)

    def _log_streams(self, begun: Preparation) -> None:
        """Log how many rows of each stream were read, and which values did not fit."""
        issues = {name: each for read in begun.reads for name, each in read.issues_of.items()}
        for family in begun.families:
            issues.update(family.issues)
        for read in begun.reads:
            if read.unknown:
                LOGGER.info("%s: %s.", read.name, describe_unknown(read.unknown))
            for line in read.remarks():
                LOGGER.warning("%s: %s.", read.name, line)
        for stream, its in issues.items():
            rows = self._emitter.counts[stream]
            tags = {metrics.Tag.endpoint: stream}
            log_metric("counter", metrics.Metric.record_count, rows, tags)
            for line in its.summary():
                LOGGER.warning("%s.%s", stream, line)

    def _work_through(
        self, begun: Preparation, engine: ExportEngine, display: Display, pages: Iterator[None]
    ) -> None:
        """Read files that are ready; while none is, read pages; while there are none, wait."""
        more_pages = True
        while True:
            engine.look_after()
            if engine.read_next():
                continue
            if more_pages:
                more_pages = next(pages, _END) is not _END
            elif engine.is_done:
                spent = engine.spent
                more = [r for r in begun.reads if r.has_more or any(map(r.takes_place_of, spent))]
                if not more:
                    return
                pages, more_pages = self._pages(more, begun.failures, engine, display), True
            else:
                self._emitter.catch_up()
                self._output.pipe.check_reader()
                self._clock.sleep(min(engine.seconds_to_wait(), _LONGEST_NAP))

    def _pages(
        self, reads: Sequence[Read], failures: Failures, engine: ExportEngine, display: Display
    ) -> Iterator[None]:
        for place, read in enumerate(reads):
            display.begin(read.name)
            engine.expect_families(_find_families(reads[place:]))
            try:
                for found in read.steps(self._emitter):
                    if found:
                        engine.start([found])
                    engine.expect_families(_find_families(reads[place:]))
                    rows = sum(self._emitter.counts[stream] for stream in read.streams)
                    display.reach(rows, read.parents_read, read.parents)
                    yield
            except TapError as error:
                failures.skip(read.streams, error, read.further_permissions, read.name)
            self._emitter.catch_up()
        display.end()
        engine.expect_families(False)


def _find_families(reads: Sequence[Read]) -> bool:
    """Return whether some of them may find families to export."""
    return any(read.finds_families for read in reads)


_END = object()
