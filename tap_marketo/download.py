"""An export file as one unbroken stream of bytes, however often the connection breaks."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator

import backoff
import requests

from tap_marketo.clock import Clock
from tap_marketo.errors import DataError
from tap_marketo.exports import ExportApi, ExportInfo
from tap_marketo.log import LOGGER

# Connections in a row that bring no new byte before the download is given up.
_FRUITLESS_TRIES = 6
_LONGEST_WAIT_SECONDS = 30.0


class DamagedFileError(DataError):
    """The bytes are not those Marketo says the file has."""


class InterruptedDownloadError(DataError):
    """The connection keeps breaking at the same byte."""


class Download:
    """The bytes of a completed job's file, in constant memory.

    A dropped connection is resumed by Range from the byte reached (bulk-extract.md, Partial
    Retrieval and Resumption): Marketo drops downloads that are held open too long, as behind a
    slow target. At the end the whole is checked against fileSize and fileChecksum.

    Attributes:
        received: bytes handed out so far.
    """

    def __init__(
        self, api: ExportApi, bulk_object: str, info: ExportInfo, clock: Clock, wait_scale: float
    ) -> None:
        """Prepare; the connection is opened when the first byte is wanted.

        Args:
            api: opens the file.
            bulk_object: path part of the object.
            info: the completed job.
            clock: waits between fruitless tries.
            wait_scale: factor for those waits.
        """
        self.received = 0
        self._api = api
        self._object = bulk_object
        self._info = info
        self._clock = clock
        self._scale = wait_scale
        self._hash = hashlib.sha256()

    def __iter__(self) -> Generator[bytes, None, None]:
        """Yield the file's bytes.

        Raises:
            NotFoundError: there is no file.
            DamagedFileError: size or checksum are not what the job's status says.
            InterruptedDownloadError: the connection keeps breaking, or ranges are answered
                wrongly.
        """
        waits = backoff.expo(factor=self._scale, max_value=_LONGEST_WAIT_SECONDS * self._scale)
        next(waits)
        fruitless = 0
        while True:
            before = self.received
            problem = ""
            try:
                yield from self._one_connection()
            except requests.RequestException as error:
                problem = type(error).__name__
            except _WrongRangeError as error:
                problem = str(error)
            if not problem and not self._is_short():
                break
            fruitless = 0 if self.received > before else fruitless + 1
            problem = problem or "the connection ended early"
            if fruitless >= _FRUITLESS_TRIES:
                raise InterruptedDownloadError(
                    f"The download of {self._name} does not get past byte {self.received:,} "
                    f"({problem}). The next run takes up the same job."
                )
            LOGGER.warning(
                "Download of %s interrupted at byte %s (%s); resuming there.",
                self._name, f"{self.received:,}", problem,
            )  # fmt: skip
            if fruitless:
                self._clock.sleep(backoff.full_jitter(next(waits) or 0.0))
        self._verify()

    @property
    def _name(self) -> str:
        return f"{self._object} export {self._info.export_id}"

    def _is_short(self) -> bool:
        return self._info.file_size is not None and self.received < self._info.file_size

    def _one_connection(self) -> Iterator[bytes]:
        answer = self._api.open_file(self._object, self._info.export_id, self.received)
        try:
            skip = 0
            if answer.whole:
                # The range was ignored: what is known already is passed over.
                skip = self.received
            elif answer.first_byte != self.received:
                raise _WrongRangeError(
                    f"asked for bytes from {self.received:,} on, "
                    f"offered bytes from {answer.first_byte} on"
                )
            for chunk in answer.chunks:
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


class _WrongRangeError(Exception):
    """A 206 answer does not start at the byte asked for."""
