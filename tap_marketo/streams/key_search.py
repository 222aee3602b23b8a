"""The search for rows by keys: what one object's rows name is asked of the others, until all is.

A search begins with keys that the tap can export, such as the companies of leads. The rows that it
finds name further ones: an opportunity its owner, a role its opportunity.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from tap_marketo.errors import DataError, MarketoError, TapError
from tap_marketo.exports.family import RecordBlock
from tap_marketo.exports.plan_line import Calls
from tap_marketo.log import LOGGER
from tap_marketo.marketo.by_keys import MOST_VALUES
from tap_marketo.marketo.pages import Row
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.streams.account import Account
from tap_marketo.streams.keyed_object import KeyedObject, KeyedStream, Question
from tap_marketo.streams.keyed_table import KeyedTable


class KeySearch:
    """The search of one run.

    Attributes:
        tables: the selected streams, by name.
        failed: those of them that cannot be read, and why.
    """

    def __init__(
        self,
        declared: Iterable[KeyedStream],
        tables: Mapping[str, KeyedTable],
        account: Account,
        emitter: Emitter | None,
    ) -> None:
        """Search for nothing yet.

        Among the objects that are ``declared``, those with values that wait are asked in this
        order. The emitter takes SCHEMA messages; it is None where nothing is read.
        """
        self.tables = tables
        self.failed: dict[str, TapError] = {}
        self._emitter = emitter
        self._declared = {each.name: each for each in declared}
        self._account = account
        self._objects: dict[str, KeyedObject] = {}
        self._by_source: dict[str, list[Question]] = {}

    @property
    def live(self) -> Mapping[str, KeyedTable]:
        """The selected streams that can be read, as far as is known."""
        return {name: each for name, each in self.tables.items() if name not in self.failed}

    def prepare(self) -> None:
        """Ask what Marketo says of the objects: of the selected streams, and of what they need.

        What it refuses of the latter is done without.

        Raises:
            TapError: no stream can be read.
        """
        described = {}
        for name in self._needed(self.tables):
            declared = self._declared[name]
            try:
                described[name] = declared.description(self._account)
            except (MarketoError, DataError) as error:
                self.fail(name, error)
        sources = {source for name in described for source in self._declared[name].filters.values()}
        for name in self._needed(self.live):
            if name not in described:
                continue
            table = self.tables.get(name)
            columns = table.fit_to(described[name]) if table else []
            self._objects[name] = KeyedObject(
                self._declared[name],
                described[name],
                [*columns, *sources],
                self._account.client,
                table.lose if table else lambda fields: None,
            )
        for each in self._objects.values():
            for question in each.questions.values():
                self._by_source.setdefault(question.source, []).append(question)
        self.check(self.tables)

    def check(self, streams: Collection[str]) -> None:
        """Check that one of some streams can be read.

        Raises:
            TapError: none can; it is the error of the first.
        """
        if self.live.keys().isdisjoint(streams):
            raise self.failed[next(iter(streams or self.failed))]

    @property
    def calls(self) -> Calls:
        """What the search takes, as far as that is known beforehand."""
        return Calls(0, f"one for {MOST_VALUES} keys of {', '.join(self._objects)}")

    def asks_for(self, source: str) -> bool:
        """Say whether some rows are asked for by values of this name."""
        return source in self._by_source

    def asks_by(self, stream: str, *filters: str) -> bool:
        """Say whether the rows of a stream are asked for by one of some filters."""
        found = self._objects.get(stream)
        return found is not None and any(name in found.questions for name in filters)

    def note(self, source: str, value: str, is_news: bool = True) -> None:
        """Take a value that was found of a source; it may be asked of several objects.

        If it is news, so are the rows that it finds, whenever these have changed.
        """
        for question in self._by_source.get(source, ()):
            question.add(value, is_news)

    def blocks(self, *, to_the_end: bool) -> Iterator[RecordBlock]:
        """Ask for rows, and yield the RECORD lines of those of selected streams.

        All values that wait are asked for, or only as many as fill a call.

        Raises:
            TapError: what concerns the whole run.
        """
        if self._emitter is None:
            raise TypeError("a plan reads nothing")
        while found := self._next(to_the_end=to_the_end):
            which, question = found
            try:
                values, are_news = question.take()
                for rows in which.pages(question, values):
                    self._note_rows(which, rows)
                    table = self.live.get(which.declared.name)
                    if table:
                        table.announce(self._emitter)
                        yield table.block(rows, self._emitter.now(), are_news=are_news)
            except (MarketoError, DataError) as error:
                if error.ends_run:
                    raise
                self.fail(which.declared.name, error)

    def _next(self, *, to_the_end: bool) -> tuple[KeyedObject, Question] | None:
        """Choose what is asked next: whatever fills a call, then the objects in their order."""
        needed = self._needed(self.live)
        waiting = [
            (each, question)
            for name, each in self._objects.items()
            if name in needed
            for question in each.questions.values()
            if question.has_waiting
        ]
        full = next((pair for pair in waiting if pair[1].is_full), None)
        return full or (waiting[0] if waiting and to_the_end else None)

    def _note_rows(self, which: KeyedObject, rows: Iterable[Row]) -> None:
        """Take the values that rows name."""
        for row in rows:
            which.note(row)
            for source in self._by_source:
                if row.get(source) is not None:
                    self.note(source, str(row[source]))

    def _needed(self, streams: Iterable[str]) -> list[str]:
        """Return the objects that are asked for the rows of some streams, in their order."""
        needed = {*streams}
        while more := {name for each in needed for name in self._declared[each].needs} - needed:
            needed |= more
        return [name for name in self._declared if name in needed]

    def fail(self, name: str, error: TapError) -> None:
        """Ask no more of an object, and give up the streams that lack rows without it.

        What Marketo does not give at all, to this role or in this account, leads to nothing: the
        other streams do without it.
        """
        self._objects.pop(name, None)
        for stream in self.live:
            if stream == name:
                self.failed[stream] = error
            elif name in self._needed([stream]):
                if error.is_refusal:
                    LOGGER.info(
                        "%s: what %s would lead to is not found, as Marketo refuses them. %s",
                        stream, name, error,
                    )  # fmt: skip
                else:
                    self.failed[stream] = error
