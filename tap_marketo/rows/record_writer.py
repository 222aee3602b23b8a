"""RECORD lines: everything that is constant for a stream is worked out once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import orjson

from tap_marketo.errors import DataError
from tap_marketo.protocol.catalog import Schema
from tap_marketo.rows.column_types import ConversionIssues
from tap_marketo.rows.columns import Column
from tap_marketo.rows.csv_cells import ABSENT


class RecordWriter:
    """Writes a stream's RECORD lines. JSON is Latin-1 text here, as in the columns' values.

    Attributes:
        columns: of the record, in order.
        key_places: the places of the key columns among them.
        prefix: what stands in a line before its record.
        suffix: what stands behind it, the line break included.
        parts: all that is constant in a line, with a slot for a value behind the name of each
            column; the last one is what comes after the record.
    """

    def __init__(
        self,
        stream: str,
        columns: Mapping[str, Schema],
        keys: Sequence[str],
        time_extracted: str,
        issues: ConversionIssues,
    ) -> None:
        self.columns = [Column(name, schema, issues) for name, schema in columns.items()]
        self.key_places = [list(columns).index(key) for key in keys]
        self._stream = stream
        self.prefix = f'{{"type":"RECORD","stream":{_json(stream)},"record":'
        self.suffix = f',"time_extracted":{_json(time_extracted)}}}\n'
        self.parts: list[str] = []
        for column in self.columns:
            self.parts += [f",{column.json_name}:", ""]
        self.parts[0] = f"{self.prefix}{{{self.parts[0].removeprefix(',')}"
        self.parts += [f"}}{self.suffix}"]

    def check_key(self, place: int, values: Collection[str]) -> None:
        """Check the values, as JSON or fragments, of some records' key column.

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
