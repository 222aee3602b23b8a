"""Objects whose rows Marketo gives by keys only: what is declared of each, how it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tap_marketo.errors import CRM_ENABLED, NOT_OFFERED, FieldNotFoundError
from tap_marketo.log import LOGGER
from tap_marketo.marketo.by_keys import MOST_VALUES, KeyedRows
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.describe import Field, ObjectDescription
from tap_marketo.marketo.pages import Row
from tap_marketo.names import find_names
from tap_marketo.protocol.catalog import schema_types
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import SingleStream
from tap_marketo.streams.described import described_entry, with_fields
from tap_marketo.streams.descriptions import declared_columns
from tap_marketo.streams.object_links import KeyPath

REPLICATION_KEY = "updatedAt"
_DATES = ("createdAt", REPLICATION_KEY)
# Each filter and each table remembers at most so many values, and at least the last half of them.
_MOST_REMEMBERED = 50_000
# At most this many of the values that cannot be asked for are named.
_MOST_NAMED = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class KeyedStream(SingleStream):
    """A stream of an object whose rows Marketo gives by keys only (lead-database.md, Query).

    Its columns are the fields that Marketo describes, and always those of the schema file.

    Attributes:
        path: of the object, without ``.json``.
        families: as of any definition.
        filters: which values each filter takes: fields of other rows by that name, or what the
            read finds by that name. A filter that Marketo does not describe is not used.
        own_key: the filter by which a value finds one row.
        needs: the streams whose rows have such values, which are asked for even if they are not
            selected.
        described_with: the path of the object with which it is there or not. An account can add no
            fields to it, so that discovery asks for the description of that object only.
        schema_file: which; by default that with the stream's name.
        paths: the exports whose rows lead to its rows, where links of custom objects do.
    """

    path: str
    families: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ("marketoGUID",)
    filters: Mapping[str, str] = field(default_factory=dict)
    own_key: str = ""
    needs: tuple[str, ...] = ()
    described_with: str = ""
    schema_file: str = ""
    paths: Sequence[KeyPath] = ()

    def description(self, account: Account) -> ObjectDescription:
        """Return what Marketo says of the object.

        Raises:
            TapError: it could not be asked.
        """
        if self.described_with:
            account.description(self.described_with)
        return account.description(self.path)

    def discover(self, account: Account) -> list[dict[str, Any]]:
        try:
            described = account.description(self.described_with or self.path)
        except NOT_OFFERED as error:
            why = "the account's CRM has them" if error.code == CRM_ENABLED else "not there"
            LOGGER.info("%s: left out of the catalog, %s. %s", self.name, why, error.brief)
            return []
        automatic = {*self.keys, *_DATES}
        return [
            described_entry(
                self.name,
                with_fields(() if self.described_with else described.fields, self.always()),
                automatic,
                self.keys,
                REPLICATION_KEY,
                account.naming,
                nullable=automatic - {*self.keys},
                schema_file=self.schema_file,
            )
        ]

    def always(self) -> list[Field]:
        """Return the fields of which there is a column whatever Marketo describes."""
        return declared_fields(self.schema_file or self.name)


def declared_fields(schema_file: str) -> list[Field]:
    """Return the columns of a schema file as fields."""
    columns = declared_columns(schema_file)
    return [Field(name, _data_type(each)) for name, each in columns.items()]


def _data_type(schema: Mapping[str, Any]) -> str:
    """Return the type of Marketo's that a column of a schema file has."""
    kinds = {*schema_types(schema)} - {"null"}
    if schema.get("format") == "date-time":
        return "datetime"
    return "float" if "number" in kinds else kinds.pop()


class Remembered:
    """The last of the values that were added."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._older: set[str] = set()

    def add(self, value: str) -> bool:
        """Remember a value; return whether it is new, as far as is remembered."""
        is_new = value not in self
        if len(self._values) >= _MOST_REMEMBERED // 2 and value not in self._values:
            self._older, self._values = self._values, set()
        self._values.add(value)
        return is_new

    def __contains__(self, value: str) -> bool:
        return value in self._values or value in self._older


class Question:
    """One filter of an object, and the values that are to be asked for.

    Attributes:
        source: the name of the values that it takes.
    """

    def __init__(self, stream: str, name: str, source: str, rows: KeyedRows) -> None:
        self.source = source
        self.rows = rows
        self._where = f"{stream}: the {name}"
        self._waiting: dict[str, None] = {}
        self._asked = Remembered()
        # Values whose rows are emitted only if they have changed.
        self._old_waiting: dict[str, None] = {}
        self._old_asked = Remembered()
        self._named = 0

    @property
    def has_waiting(self) -> bool:
        """Whether some wait."""
        return bool(self._waiting or self._old_waiting)

    @property
    def is_full(self) -> bool:
        """Whether as many wait as a call takes."""
        return max(len(self._waiting), len(self._old_waiting)) >= MOST_VALUES

    def add(self, value: str, is_news: bool = True) -> None:
        """Take a value, unless it was asked for; one with a comma would be two."""
        if not value or (not is_news and value in self._asked):
            return
        if not (self._asked if is_news else self._old_asked).add(value):
            return
        if "," not in value or self.rows.is_compound:
            (self._waiting if is_news else self._old_waiting)[value] = None
        elif self._named < _MOST_NAMED:
            self._named += 1
            LOGGER.warning("%s %r cannot be asked for, as it holds a comma.", self._where, value)

    def has_row(self, value: str) -> None:
        """Note that the row of a value has been read."""
        self._asked.add(value)
        self._waiting.pop(value, None)

    def take(self) -> tuple[list[str], bool]:
        """Return the values of one call, which wait no more, and whether their rows are news."""
        are_news = len(self._waiting) >= min(MOST_VALUES, len(self._old_waiting))
        waiting = self._waiting if are_news else self._old_waiting
        some = list(waiting)[:MOST_VALUES]
        for value in some:
            del waiting[value]
        return some, are_news


class KeyedObject:
    """An object of the account, as one run asks for its rows.

    Attributes:
        declared: what it is.
        questions: by filter.
    """

    def __init__(
        self,
        declared: KeyedStream,
        described: ObjectDescription,
        columns: Iterable[str],
        client: MarketoClient,
        lose: Callable[[Collection[str]], None],
    ) -> None:
        """Ask for nothing yet.

        The columns are fields that are wanted of its rows, as far as Marketo has them; ``lose``
        takes those that it turns out not to have.
        """
        self.declared = declared
        self._lose = lose
        known = {each.name for each in described.fields}
        # Not every description has the dates, which come all the same.
        wanted = dict.fromkeys([*declared.keys, *_DATES, *columns])
        found = find_names(wanted, known)
        self._fields = [found.get(name, name) for name in wanted if name in found or name in _DATES]
        self._fields = list(dict.fromkeys([*declared.keys, *self._fields]))
        path = f"{declared.path}.json"
        self.questions: dict[str, Question] = {}
        for name, source in declared.filters.items():
            if described.takes(name) or name in (declared.own_key, *declared.keys):
                is_compound = described.is_compound(name)
                rows = KeyedRows(client, path, declared.name, name, is_compound=is_compound)
                self.questions[name] = Question(declared.name, name, source, rows)

    def pages(self, question: Question, values: Sequence[str]) -> Iterator[list[Row]]:
        """Yield the rows of some values, a page at a time.

        Raises:
            TapError: they cannot be had.
        """
        while True:
            try:
                yield from question.rows.pages(values, self._fields)
            except FieldNotFoundError as error:
                self._do_without(error)
            else:
                return

    def _do_without(self, error: FieldNotFoundError) -> None:
        """Ask for fewer fields, because Marketo says that some do not exist."""
        named = find_names(error.names, self._fields)
        unknown = {*named.values()} - {*self.declared.keys}
        if not unknown:
            raise error
        self._fields = [name for name in self._fields if name not in unknown]
        self._lose(unknown)

    def note(self, row: Row) -> None:
        """Note that a row has been read: it need not be asked for by its own key."""
        question = self.questions.get(self.declared.own_key)
        if question:
            question.has_row(str(row.get(self.declared.own_key)))
