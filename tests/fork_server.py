"""Processes that need not load their program: a process that has loaded it forks for each of them.

To load the tap takes three times as long as a small sync, and a test starts it two or three times.

A process started here is one like any other: it has arguments, a directory, an environment,
descriptors and signal handlers of its own, runs the program's `main`, and exits as Python does,
with what `atexit` and the buffers have left, and a traceback where there is one. Only what Python
and the program do before `main` is done already. So a variable that is read before then has to be
the same as it was when the server began; :func:`can_be_set` tells.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

_HEAD_BYTES = 4
_SET_LATER = re.compile(
    r"TAP_MARKETO_\w+|\w+_PROXY|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|SSL_CERT_\w+|NETRC|TZ|COLUMNS"
    r"|PYTEST_CURRENT_TEST",
    re.IGNORECASE,
)


def can_be_set(variable: str) -> bool:
    """Whether an environment variable is read after the start only, so that a fork may have it."""
    return _SET_LATER.fullmatch(variable) is not None


class Process:
    """A running process, with what subprocess.Popen has for it."""

    def __init__(self, pid: int, answers: int) -> None:
        """Know a process by its id, and the descriptor on which its exit code will come."""
        self.pid = pid
        self._answers = answers
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Return the exit code, -n after signal n; wait so many seconds for it.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self.returncode is None:
            if not select.select([self._answers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            self.returncode = int(os.read(self._answers, 64))
            os.close(self._answers)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal unless it has ended."""
        # It may end at this very moment.
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """A process that has a program loaded, begun when it is first needed.

    When this process ends, however it ends, so do the server and all processes it has started.
    """

    def __init__(self, program: str, *more: str) -> None:
        """Say what to load: the module with `main`, and others that it would load later.

        Where the module has a function `prepare`, it is called in the server with the arguments of
        each process, before that is forked: to make what processes with equal arguments can share.
        """
        self._modules = (program, *more)
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None

    def _begin(self) -> None:
        self._control, theirs = socket.socketpair()
        root = Path(__file__).resolve().parent.parent
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno()), *self._modules],
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self.close)

    def close(self) -> None:
        """End the server and its processes."""
        with self._lock:
            if self._server:
                self._control.close()
                self._server.wait()
                self._server = None

    def start(
        self,
        arguments: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        stdin: int,
        stdout: int,
        stderr: int,
    ) -> Process:
        """Start the program; the three descriptors become its own and stay the caller's as well."""
        order = {"arguments": arguments, "cwd": str(cwd), "environment": dict(environment)}
        message = json.dumps(order).encode()
        mine, theirs = os.pipe()
        with self._lock:
            if self._server is None:
                self._begin()
            head = len(message).to_bytes(_HEAD_BYTES, "big")
            socket.send_fds(self._control, [head], [stdin, stdout, stderr, theirs])
            self._control.sendall(message)
        os.close(theirs)
        pid = os.read(mine, 8)
        assert pid, "the fork server has ended"
        return Process(int.from_bytes(pid, "big"), mine)

    def run(
        self, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], seconds: float
    ) -> tuple[int, str, str]:
        """Run the program to its end, without input; return its exit code and what it wrote.

        Raises:
            AssertionError: it hangs, longer than so many seconds, and was killed.
        """
        readers, writers = zip(os.pipe(), os.pipe(), strict=True)
        nothing = os.open(os.devnull, os.O_RDONLY)
        process = self.start(arguments, cwd, environment, nothing, *writers)
        for fd in (nothing, *writers):
            os.close(fd)
        received, has_ended = _read_all(readers, seconds)
        out, log = (text.decode() for text in received)
        if not has_ended:
            process.kill()
        for fd in readers:
            os.close(fd)
        code = process.wait(seconds)
        assert has_ended, f"it hangs: {log}"
        return code, out, log


def _read_all(pipes: Sequence[int], seconds: float) -> tuple[list[bytes], bool]:
    """Read pipes until all have ended, or for so long; tell whether they have."""
    received = {pipe: bytearray() for pipe in pipes}
    is_open, deadline = set(pipes), time.monotonic() + seconds
    while is_open and (left := deadline - time.monotonic()) > 0:
        for pipe in select.select([*is_open], [], [], left)[0]:
            chunk = os.read(pipe, 1 << 16)
            received[pipe] += chunk
            if not chunk:
                is_open.remove(pipe)
    return [bytes(received[pipe]) for pipe in pipes], not is_open


# In the server -----------------------------------------------------------------------------------


def _next_order(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    head, fds, _, _ = socket.recv_fds(control, _HEAD_BYTES, 4)
    if not head:
        # Whoever started processes here has ended, and they end with it.
        os.killpg(0, signal.SIGKILL)
    message = bytearray()
    while len(message) < int.from_bytes(head, "big"):
        message += control.recv(int.from_bytes(head, "big") - len(message))
    return json.loads(message), fds


def _report_ended(answers: dict[int, int]) -> None:
    """Write the exit codes of the processes that have ended; their CPU seconds count as the
    server's."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            fd = answers.pop(ended[0])
            # Whoever started it may no longer want to know.
            with contextlib.suppress(BrokenPipeError):
                os.write(fd, str(os.waitstatus_to_exitcode(ended[1])).encode())
            os.close(fd)


def _serve(control: socket.socket, program: Any) -> dict[str, Any]:
    """Fork for each order; return only in a new process, with its order."""
    answers: dict[int, int] = {}
    wakes, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    while True:
        ready = select.select([control.fileno(), wakes], [], [])[0]
        if wakes in ready:
            os.read(wakes, 4096)
            _report_ended(answers)
        if control.fileno() not in ready:
            continue
        order, fds = _next_order(control)
        if hasattr(program, "prepare"):
            program.prepare(order["arguments"])
        # What is loaded stays: no process need look through it for garbage, nor copy its pages.
        gc.freeze()
        *streams, answer = fds
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            for fd in (wakes, wake, answer, *answers.values()):
                os.close(fd)
            for number, fd in enumerate(streams):
                os.dup2(fd, number)
                os.close(fd)
            return order
        os.write(answer, pid.to_bytes(8, "big"))
        answers[pid] = answer
        for fd in streams:
            os.close(fd)


def _end(code: Any) -> NoReturn:
    """End as Python does, but leave the memory to the system.

    To take apart what the server has loaded would copy all of it first, and take longer than most
    processes run.
    """
    if not isinstance(code, int | None):
        sys.exit(code)
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join()
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (OSError, ValueError):
        # Python has words, and an exit code, for what it cannot write.
        sys.exit(code)
    os._exit((code or 0) & 0xFF)


def _run() -> None:
    fd, name, *more = sys.argv[1:]
    program: Any = importlib.import_module(name)
    for each in more:
        importlib.import_module(each)
    order = _serve(socket.socket(fileno=int(fd)), program)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    sys.argv[1:] = order["arguments"]
    try:
        code = program.main()
    except SystemExit as ended:
        code = ended.code
    _end(code)


if __name__ == "__main__":
    _run()
