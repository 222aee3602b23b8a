"""An export file as one unbroken stream of bytes, however often the connection breaks."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator

import backoff
import requests

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import DataError, NotFoundError
from tap_marketo.log import LOGGER
from tap_marketo.marketo.export_calls import ExportApi, ExportInfo

# Connections in a row that bring next to nothing before the download is given up: to go on by a
# few bytes at a time would spend the day's calls.
_FRUITLESS_TRIES = 8
_NEXT_TO_NOTHING_BYTES = 1 << 16
# A connection that stalls has cost up to request_timeout: it has to bring more to count as none.
_WORTH_A_STALL_BYTES = 1 << 20
_LONGEST_WAIT_SECONDS = 30.0
# A connection that takes longer than request_timeout for so many bytes is given up.
_STRETCH_BYTES = 1 << 14
# How often, in seconds, to say how far a file is.
_REPORT_SECONDS = 60.0
# Files up to this size are checked before any row is emitted.
_CHECKED_FIRST_BYTES = 8 << 20


class NoFileError(DataError):
    """Marketo says that a job is completed, but has no file of it."""


class DamagedFileError(DataError):
    """The bytes are not those Marketo says the file has."""


class InterruptedDownloadError(DataError):
    """The connection keeps breaking at the same byte."""


class Download:
    """The bytes of a completed job's file, in constant memory.

    A dropped connection is resumed by Range from the byte reached (bulk-extract.md, Partial
    Retrieval and Resumption): Marketo drops downloads that are held open too long, as behind a
    slow target. At the end the whole is checked against fileSize and fileChecksum. ``received`` is
    how many bytes have been handed out so far.
    """

    def __init__(
        self, api: ExportApi, bulk_object: str, info: ExportInfo, clock: Clock, config: Config
    ) -> None:
        """Prepare; the connection is opened when the first byte is wanted."""
        self.received = 0
        self._api = api
        self._object = bulk_object
        self._info = info
        self._clock = clock
        self._timeout = config.request_timeout
        self._scale = config.wait_scale
        self._hash = hashlib.sha256()
        self._reported = clock.monotonic()

    def __iter__(self) -> Generator[bytes, None, None]:
        """Yield the file's bytes.

        Raises:
            NoFileError: there is no file.
            DamagedFileError: size or checksum are not what the job's status says.
            InterruptedDownloadError: the connection keeps breaking, or ranges are answered
                wrongly.
        """
        waits = backoff.expo(factor=self._scale, max_value=_LONGEST_WAIT_SECONDS * self._scale)
        next(waits)
        fruitless = stalls = 0
        while True:
            before = self.received
            problem = ""
            try:
                yield from self._one_connection()
            except requests.RequestException as error:
                problem = type(error).__name__
            except _WrongRangeError as error:
                problem = str(error)
            except _StalledError as error:
                problem = str(error)
                stalls += 1
            if not problem and not self._is_short():
                break
            brought = self.received - before
            fruitless = 0 if brought > _NEXT_TO_NOTHING_BYTES else fruitless + 1
            if brought > _WORTH_A_STALL_BYTES:
                stalls = 0
            problem = problem or "the connection ended early"
            if max(fruitless, stalls) >= _FRUITLESS_TRIES:
                raise InterruptedDownloadError(
                    f"The download of {self._name} does not get past byte {self.received:,} "
                    f"({problem}). The next run resumes the same job."
                )
            LOGGER.warning(
                "Download of %s interrupted at byte %s (%s). Resuming there.",
                self._name, f"{self.received:,}", problem,
            )  # fmt: skip
            if fruitless:
                self._clock.sleep(backoff.full_jitter(next(waits) or 0.0))
        self._verify()

    def checked_first(self) -> Generator[bytes, None, None]:
        """Yield the bytes of a small file once all have proved right, of a large one as they come.

        Rows of a large file are emitted before its checksum is known; should it be wrong, the file
        is read again and its rows replace those emitted, by key. A row whose key itself was
        damaged would stay: where the whole file fits into memory, that is avoided.
        """
        size = self._info.file_size
        if size is None or size > _CHECKED_FIRST_BYTES:
            yield from self
        else:
            yield b"".join(self)

    @property
    def _name(self) -> str:
        return f"{self._object} export {self._info.export_id}"

    def _is_short(self) -> bool:
        return self._info.file_size is not None and self.received < self._info.file_size

    def _one_connection(self) -> Iterator[bytes]:
        try:
            answer = self._api.open_file(self._object, self._info.export_id, self.received)
        except NotFoundError:
            raise NoFileError(f"There is no file of {self._name}.") from None
        try:
            skip = 0
            if answer.whole:
                # Marketo ignored the range: skip what is known already.
                skip = self.received
            elif answer.first_byte != self.received:
                raise _WrongRangeError(
                    f"asked for bytes from {self.received:,} on, "
                    f"offered bytes from {answer.first_byte} on"
                )
            for chunk in self._steady(answer.chunks):
                if skip >= len(chunk):
                    skip -= len(chunk)
                    continue
                fresh = chunk[skip:] if skip else chunk
                skip = 0
                self._hash.update(fresh)
                self.received += len(fresh)
                yield fresh
        finally:
            answer.close()

    def _steady(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass chunks on as long as they come in time; how slow our own reader is is no matter."""
        waited, arrived = 0.0, 0
        while True:
            asked = self._clock.monotonic()
            chunk = next(chunks, None)
            waited += self._clock.monotonic() - asked
            if chunk is None:
                return
            yield chunk
            self._report()
            arrived += len(chunk)
            if arrived >= _STRETCH_BYTES:
                waited, arrived = 0.0, 0
            elif waited > self._timeout:
                raise _StalledError("the connection is too slow")

    def _report(self) -> None:
        """Log once a minute how far the file is."""
        now = self._clock.monotonic()
        if now - self._reported >= _REPORT_SECONDS * self._scale:
            self._reported = now
            whole = "" if self._info.file_size is None else f" of {self._info.file_size:,}"
            LOGGER.info("Download of %s: %s%s bytes.", self._name, f"{self.received:,}", whole)

    def _verify(self) -> None:
        size, checksum = self._info.file_size, self._info.checksum
        if size is not None and self.received != size:
            raise DamagedFileError(
                f"The file of {self._name} has {self.received:,} bytes where its job says {size:,}"
            )
        algorithm, _, expected = (checksum or "").partition(":")
        if algorithm == "sha256" and expected and self._hash.hexdigest() != expected.lower():
            raise DamagedFileError(
                f"The file of {self._name} does not have the checksum that its job says"
            )


class _StalledError(Exception):
    """A connection is alive but hardly brings anything."""


class _WrongRangeError(Exception):
    """A 206 answer does not start at the byte asked for."""
