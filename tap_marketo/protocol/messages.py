"""The only writer of stdout: whole lines, in order, and nothing but Singer messages."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

import orjson

from tap_marketo.errors import OutputClosedError, Terminated

# Collect this much before writing.
_BATCH_BYTES = 1 << 16
# A pipe that is ready to be written takes this many bytes without blocking (POSIX PIPE_BUF).
_PIPE_BYTES = 4096
# How often, in seconds, to look after other work while the target does not read.
_STALL_SECONDS = 0.2
# How long, in seconds, a signal waits for the target to take the rest of a line.
_FINISH_LINE_SECONDS = 2.0


class Output:
    """Singer messages on a file descriptor.

    A target that does not read stops only the writing: while it stalls, ``on_stall`` is called
    again and again, so that jobs go on being watched. A signal waits for the end of the line
    being written, so that nothing half-written is left.
    """

    def __init__(self, fd: int = 1) -> None:
        """Write to a descriptor.

        Args:
            fd: where lines go, stdout unless told.

        Raises:
            OutputClosedError: it is not open.
        """
        self._fd = fd
        try:
            self._is_file = stat.S_ISREG(os.fstat(fd).st_mode)
            self._portion = _PIPE_BYTES
            if stat.S_ISFIFO(os.fstat(fd).st_mode):
                self._open_again()
        except OSError as error:
            raise OutputClosedError(f"Cannot write to stdout: {error.strerror}.") from None
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self._batch: list[bytes] = []
        self._size = 0
        self._writing = False
        self._stalling = False
        self._signal: int | None = None
        self._stall_error: Exception | None = None
        self.on_stall: Callable[[], None] | None = None

    def _open_again(self) -> None:
        """Where the system can, open the pipe once more, to write what fits and never wait.

        Not to wait is a setting of whoever shares an opened pipe; this one is only ours.
        """
        with suppress(OSError):
            ours = os.open(f"/proc/self/fd/{self._fd}", os.O_WRONLY | os.O_NONBLOCK)
            os.dup2(ours, self._fd)
            os.close(ours)
            self._portion = _BATCH_BYTES

    def catch_signals(self) -> None:
        """Let SIGINT and SIGTERM raise Terminated, at once or after the line being written."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)

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
        """Write a STATE message, and everything before it, through to the reader."""
        self.line(orjson.dumps({"type": "STATE", "value": value}) + b"\n")
        self.flush()

    def catalog(self, catalog: Mapping[str, Any]) -> None:
        """Write the catalog of a discovery."""
        self.line(json.dumps(catalog, indent=2).encode() + b"\n")
        self.flush()

    def line(self, line: bytes) -> None:
        """Take lines, with their line breaks; they are written with the next full batch."""
        self._batch.append(line)
        self._size += len(line)
        if self._size >= _BATCH_BYTES and not self._writing:
            self.flush()

    def flush(self) -> None:
        """Write what has been collected.

        Raises:
            OutputClosedError: nobody reads any more.
            Terminated: a signal came meanwhile; whole lines have been written.
        """
        # on_stall may add lines while a batch is being written: they follow it.
        if self._writing:
            return
        self._writing = True
        try:
            while self._batch:
                data = b"".join(self._batch)
                self._batch.clear()
                self._size = 0
                self._write(memoryview(data))
        finally:
            self._writing = False
        if self._stall_error is not None:
            raise self._stall_error

    def check_reader(self) -> None:
        """Raise OutputClosedError if the target went away while nothing was being written."""
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in self._poll.poll(0)):
            raise OutputClosedError(_CLOSED)

    def _write(self, data: memoryview) -> None:
        start = 0
        deadline: float | None = None
        while start < len(data):
            if self._signal is not None and deadline is None:
                # Finish the line that is under way and drop the rest.
                deadline = time.monotonic() + _FINISH_LINE_SECONDS
                data = data[: _end_of_line(data, start)]
                continue
            if deadline is not None and time.monotonic() > deadline:
                break
            if not self._is_file and not self._poll.poll(_STALL_SECONDS * 1000):
                self._use_stall()
                continue
            until = len(data) if self._is_file else start + self._portion
            try:
                start += os.write(self._fd, data[start:until])
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno in (errno.EPIPE, errno.EBADF, errno.ECONNRESET):
                    raise OutputClosedError(_CLOSED) from None
                raise OutputClosedError(f"Cannot write to stdout: {error.strerror}.") from None
        if self._signal is not None:
            self._batch.clear()
            raise Terminated(self._signal)

    def _use_stall(self) -> None:
        """Do other work; what goes wrong there waits until the lines under way are written."""
        if self.on_stall is None or self._signal is not None or self._stall_error is not None:
            return
        self._stalling = True
        try:
            self.on_stall()
        except Terminated as request:
            self._signal = request.signum
        except Exception as error:  # noqa: BLE001  raised again by flush()
            self._stall_error = error
        finally:
            self._stalling = False

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self._stalling or not self._writing:
            raise Terminated(signum)
        self._signal = signum


def unwritable(value: Any) -> str | None:
    """Say why no message can carry a JSON value; None if one can."""
    try:
        # A message puts two levels of its own around it.
        orjson.dumps([[value]])
    except TypeError as error:
        return str(error)
    return None


_CLOSED = (
    "The target closed our stdout. Look for its own error; the next run goes on from the last "
    "STATE it kept."
)


def _end_of_line(data: memoryview, start: int) -> int:
    if start == 0 or data[start - 1] == ord("\n"):
        return start
    rest = bytes(data[start:])
    return start + rest.index(b"\n") + 1
