"""Records to RECORD lines: everything that is constant for a stream is worked out once.

JSON is wire text here (:mod:`tap_marketo.rows.plain_csv`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson

from tap_marketo.errors import DataError
from tap_marketo.protocol.schemas import Schema
from tap_marketo.rows.columns import Column
from tap_marketo.rows.fields import Misfits
from tap_marketo.rows.plain_csv import ABSENT


class RecordWriter:
    """Writes a stream's RECORD lines.

    Attributes:
        columns: the record's columns, in order.
        key_places: the places of the key columns among them.
        before: what stands in a line before its record.
        after: what stands behind it, the line break included.
        parts: all that is constant in a line, with a room for a value behind the name of each
            column; the last one is what comes after the record.
    """

    def __init__(
        self,
        stream: str,
        columns: Mapping[str, Schema],
        keys: Sequence[str],
        time_extracted: str,
        misfits: Misfits,
    ) -> None:
        """Prepare the constant parts of the line.

        Args:
            stream: the stream's name.
            columns: the record's columns with their schemas, in order.
            keys: the key columns, which must never be null.
            time_extracted: when the rows were fetched, as the message carries it.
            misfits: where odd values are counted.
        """
        self.columns = [Column(name, schema, misfits) for name, schema in columns.items()]
        self.key_places = [list(columns).index(key) for key in keys]
        self._stream = stream
        self.before = f'{{"type":"RECORD","stream":{_json(stream)},"record":'
        self.after = f',"time_extracted":{_json(time_extracted)}}}\n'
        self.parts: list[str] = []
        for column in self.columns:
            self.parts += [f",{column.json_name}:", ""]
        self.parts[0] = f"{self.before}{{{self.parts[0].removeprefix(',')}"
        self.parts += [f"}}{self.after}"]

    def line(self, values: Sequence[str]) -> bytes:
        """Return the line of a record, given the JSON of each column's value.

        Raises:
            DataError: it has no key.
        """
        for place in self.key_places:
            self.check_key(place, (values[place],))
        parts = list(self.parts)
        parts[1::2] = values
        return "".join(parts).encode("latin-1")

    def check_key(self, place: int, values: Collection[str]) -> None:
        """Make sure that no record is without a key.

        Args:
            place: of the key column.
            values: of some records, as JSON or as spellings.

        Raises:
            DataError: one is absent.
        """
        if ABSENT in values:
            raise DataError(
                f"Marketo sent a row of {self._stream} without {self.columns[place].name}: it "
                "could not be told from any other. Run again; if it stays so, show it to Marketo "
                "Support."
            )


def _json(text: str) -> str:
    return orjson.dumps(text).decode("latin-1")


def object_lines(rows: Iterable[Mapping[str, Any]], writer: RecordWriter) -> list[bytes]:
    """Turn JSON objects, as paged calls return them, into RECORD lines.

    Args:
        rows: objects with the columns' names; a missing one is null.
        writer: of the stream.

    Raises:
        DataError: a row has no key.
    """
    return [
        writer.line([column.of_value(row.get(column.name)) for column in writer.columns])
        for row in rows
    ]
