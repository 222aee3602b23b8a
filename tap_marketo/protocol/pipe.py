"""A descriptor to which whole lines are written, whatever its reader or a signal does."""

from __future__ import annotations

import errno
import os
import select
import signal
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from tap_marketo.errors import OutputClosedError
from tap_marketo.log import LOGGER

# The most that is written at once where nothing waits.
_PORTION_BYTES = 1 << 16
# A pipe that is ready to be written takes this many bytes without blocking (POSIX PIPE_BUF).
_PIPE_BYTES = 4096
# Seconds between two calls of on_stall while the target does not read.
_STALL_SECONDS = 0.2
# After a signal, a target that reads has so many seconds for the lines that are left,
_FINISH_SECONDS = 1.0
# and any target has so many seconds for the rest of the line under way.
_FINISH_LINE_SECONDS = 2.0
# For how long, in seconds, a target may read nothing before it is named; after ten times as long
# it is named again.
_NOTABLE_STALL_SECONDS = 60.0
# Less is no stall, however fast the clock of a sandbox runs.
_LEAST_STALL_SECONDS = 2.0
_CLOSED = (
    "The target closed our stdout. Look for the target's own error. The next run resumes from the "
    "last STATE that the target kept."
)


class Terminated(BaseException):
    """A signal asked the program to end. A BaseException, so that no handler takes it for one."""

    def __init__(self, signum: int) -> None:
        self.signum = signum
        super().__init__(signal.Signals(signum).name)

    @property
    def exit_code(self) -> int:
        """128 + signal number, as shells report it."""
        return 128 + self.signum


class Pipe:
    """A descriptor whose reader may be slow, stand still or go away.

    A reader that does not read stops only the writing: while it stalls, ``on_stall`` is called
    again and again, so that jobs are polled meanwhile. A signal takes effect at the end of the line
    under way, so that no half line is left, or at the end of all lines if the target reads.

    Attributes:
        closed: the message of the error when the reader has gone.
        is_writing: whether lines are being written.
        on_stall: called while the reader stalls; None for nothing.
        wait_scale: factor for the time after which a reader that reads nothing is named.
    """

    def __init__(self, fd: int) -> None:
        """Write to a descriptor.

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
        self.is_terminal = os.isatty(fd)
        self.closed = _CLOSED
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self.is_writing = False
        self._stalling = False
        self._signal: int | None = None
        self._signal_at: float | None = None
        self._stall_error: Exception | None = None
        self.on_stall: Callable[[], None] | None = None
        self.wait_scale = 1.0
        self._stalled_since: float | None = None
        self._named_at = 0.0

    def _open_again(self) -> None:
        """Open the pipe once more, where the system can, so that writing never blocks.

        O_NONBLOCK goes for all who share an opened pipe, and nobody shares this one.
        """
        with suppress(OSError):
            ours = os.open(f"/proc/self/fd/{self._fd}", os.O_WRONLY | os.O_NONBLOCK)
            os.dup2(ours, self._fd)
            os.close(ours)
            self._portion = _PORTION_BYTES

    def catch_signals(self) -> None:
        """Let SIGINT and SIGTERM raise Terminated, at once or after the line being written."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write what belongs together; signals and errors of ``on_stall`` are raised at its end.

        Raises:
            Terminated: a signal came.
            Exception: ``on_stall`` raised it.
        """
        self.is_writing = True
        try:
            yield
        finally:
            self.is_writing = False
        if self._signal is not None:
            signum, self._signal = self._signal, None
            raise Terminated(signum)
        if self._stall_error is not None:
            raise self._stall_error

    def write(self, data: memoryview) -> bool:
        """Write whole lines, and return whether all of them were written.

        After a signal, lines are written as long as the target reads, for a second at most. The
        others are dropped, but for the line under way.

        Raises:
            OutputClosedError: nobody reads any more.
        """
        size, start = len(data), 0
        deadline: float | None = None
        is_stalled = False
        while start < len(data):
            if deadline is None and self._gives_up(is_stalled):
                deadline = time.monotonic() + _FINISH_LINE_SECONDS
                data = data[: _end_of_line(data, start)]
                continue
            if deadline is not None and time.monotonic() > deadline:
                break
            is_stalled = not self._is_file and not self._poll.poll(_STALL_SECONDS * 1000)
            if is_stalled:
                self._name_stall()
                self._use_stall()
                continue
            self._stalled_since = None
            until = len(data) if self._is_file else start + self._portion
            try:
                start += os.write(self._fd, data[start:until])
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno in (errno.EPIPE, errno.EBADF, errno.ECONNRESET):
                    raise OutputClosedError(self.closed) from None
                raise OutputClosedError(f"Cannot write to stdout: {error.strerror}.") from None
        return start == size

    def _gives_up(self, is_stalled: bool) -> bool:
        """Return whether a signal has come and waits for the target no longer."""
        if self._signal_at is None:
            return False
        return is_stalled or time.monotonic() > self._signal_at + _FINISH_SECONDS

    def _name_stall(self) -> None:
        """Log that the target does not read, if it has not for long."""
        now = time.monotonic()
        limit = max(_LEAST_STALL_SECONDS, _NOTABLE_STALL_SECONDS * self.wait_scale)
        if self._stalled_since is None:
            self._stalled_since, self._named_at = now, now - 9 * limit
        if now - self._named_at >= 10 * limit:
            self._named_at = now
            LOGGER.warning(
                "The target has read nothing for %.0f s. Waiting for it.",
                now - self._stalled_since,
            )

    def _use_stall(self) -> None:
        """Call ``on_stall``; its error is raised when the lines under way are written."""
        if self.on_stall is None or self._signal is not None or self._stall_error is not None:
            return
        self._stalling = True
        try:
            self.on_stall()
        except Terminated as request:
            self._signal, self._signal_at = request.signum, time.monotonic()
        except Exception as error:  # noqa: BLE001  raised again when the lines are written
            self._stall_error = error
        finally:
            self._stalling = False

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self._signal_at = time.monotonic()
        if self._stalling or not self.is_writing:
            raise Terminated(signum)
        self._signal = signum

    def check_reader(self) -> None:
        """Raise OutputClosedError if the target went away while nothing was being written."""
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in self._poll.poll(0)):
            raise OutputClosedError(self.closed)


def _end_of_line(data: memoryview, start: int) -> int:
    if start == 0 or data[start - 1] == ord("\n"):
        return start
    rest = bytes(data[start:])
    return start + rest.index(b"\n") + 1
