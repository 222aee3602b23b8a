"""The only writer of stdout: whole lines, in order. Those of a sync are Singer messages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tap_marketo.protocol.pipe import Pipe

# Collect this much before writing.
_BATCH_BYTES = 1 << 16


class Output:
    """Singer messages on a file descriptor."""

    def __init__(self, fd: int = 1) -> None:
        """Write to a descriptor, stdout by default.

        Raises:
            OutputClosedError: it is not open.
        """
        self.pipe = Pipe(fd)
        self._batch: list[bytes] = []
        self._size = 0
        self._is_cut = False

    def schema(
        self,
        stream: str,
        schema: Mapping[str, Any],
        keys: Sequence[str],
        bookmark_properties: Sequence[str],
    ) -> None:
        """Write a SCHEMA message."""
        message: dict[str, Any] = {
            "type": "SCHEMA",
            "stream": stream,
            "schema": schema,
            "key_properties": list(keys),
        }
        if bookmark_properties:
            message["bookmark_properties"] = list(bookmark_properties)
        self.line(orjson.dumps(message) + b"\n")

    def state(self, value: Mapping[str, Any]) -> None:
        """Write a STATE message, and everything before it, through to the reader.

        If lines before it have been dropped, nothing is written: STATE promises all of them.
        """
        self.line(orjson.dumps({"type": "STATE", "value": value}) + b"\n")
        self.flush()

    def json(self, value: Mapping[str, Any]) -> None:
        """Write JSON in place of messages, such as the catalog of a discovery."""
        self.page(json.dumps(value, indent=2))

    def page(self, text: str) -> None:
        """Write a text for people or programs in place of messages.

        It may quote Marketo, whose JSON can carry half of a surrogate pair, which UTF-8 cannot
        hold: a question mark stands for it.
        """
        self.pipe.closed = "What reads this output closed it before the end: not all is written."
        self.line(text.encode(errors="replace") + b"\n")
        self.flush()

    def line(self, line: bytes) -> None:
        """Collect lines, with their line breaks; they are written with the next full batch."""
        self._batch.append(line)
        self._size += len(line)
        if self._size >= _BATCH_BYTES and not self.pipe.is_writing:
            self.flush()

    def flush(self) -> None:
        """Write what has been collected.

        Raises:
            OutputClosedError: nobody reads any more.
            Terminated: a signal came meanwhile; whole lines have been written. If some were
                dropped, nothing is written from then on.
        """
        # on_stall may add lines while a batch is being written: they follow it.
        if self.pipe.is_writing:
            return
        with self.pipe.writing():
            while self._batch:
                data = b"".join(self._batch)
                self._batch.clear()
                self._size = 0
                if self._is_cut:
                    return
                # If this raises, something is missing.
                self._is_cut = True
                self._is_cut = not self.pipe.write(memoryview(data))


def unwritable(value: Any) -> str | None:
    """Return why no message can carry a JSON value; None if one can."""
    try:
        # A message puts two levels of its own around it.
        orjson.dumps([[value]])
    except TypeError as error:
        return str(error)
    return None
