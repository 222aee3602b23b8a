"""A process of the fork server is as good as one that was started: the same code, run both ways."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.checks import wait_until
from tests.fork_server import ForkServer, Process, can_be_set
from tests.harness import ROOT, TAP, fresh_run, run

SHARED: list[str] = []


def prepare(arguments: list[str]) -> None:
    """Be called in the server."""
    if arguments[0] == "prepare":
        SHARED.append(arguments[1])


def main() -> None:
    """What the server runs: the code that it is given."""
    exec(sys.argv[1], {"SHARED": SHARED})


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    running = ForkServer(__name__)
    yield running
    running.close()


@pytest.mark.parametrize(
    "code",
    [
        "print('out')",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('a reason')",
        "import os; os.write(1, b'whole'); os._exit(4)",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import os; print('nobody reads this'); os.close(1)",
        "import sys; print('before'); sys.stdout.close()",
        "import sys; sys.exit(-1)",
        "import os; os.close(2); print('out')",
        "import atexit; atexit.register(print, 'at the end'); print('before')",
        "import threading, time; threading.Timer(0.05, print, ['a thread is waited for']).start()",
        "import sys; print(sys.argv[2:], sys.stdin.read())",
        "import os; print(os.getcwd(), os.environ['TAP_MARKETO_X'], sorted(os.environ))",
        "import time; print(time.strftime('%z', time.localtime(0)))",
        "import signal; print(*map(signal.getsignal, [2, 13, 15, 17]))",
        "import logging; print(logging.getLogger().handlers, logging.getLogger().level)",
        "import os; print(len(os.listdir('/dev/fd')))",
        "import sys; print(sys.stdout.encoding, sys.stdout.line_buffering, sys.stderr.errors)",
        "import threading; print(threading.active_count())",
        "import os; print(os.umask(0))",
    ],
)
def test_it_does_what_a_started_one_does(server: ForkServer, tmp_path: Path, code: str) -> None:
    environment = {**os.environ, "TAP_MARKETO_X": "ä", "TZ": "Asia/Tokyo"}
    started = subprocess.run(
        [sys.executable, "-c", "import sys\nexec(sys.argv[1])", code, "more"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    forked = server.run([code, "more"], tmp_path, environment, 20)
    assert forked == (started.returncode, started.stdout.decode(), started.stderr.decode())


def test_an_error_is_a_traceback(server: ForkServer, tmp_path: Path) -> None:
    code, out, log = server.run(["1 / 0"], tmp_path, os.environ, 20)
    assert (code, out) == (1, "")
    assert log.startswith("Traceback")
    assert log.endswith("ZeroDivisionError: division by zero\n")


def test_one_that_hangs_is_killed_and_what_it_said_is_shown(
    server: ForkServer, tmp_path: Path
) -> None:
    code = (
        "import os, sys, time; open('pid', 'w').write(str(os.getpid()));"
        "print('said', file=sys.stderr); time.sleep(60)"
    )
    with pytest.raises(AssertionError, match="it hangs: said"):
        server.run([code], tmp_path, os.environ, 0.5)
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_none_sees_what_another_did_but_all_what_was_prepared(
    server: ForkServer, tmp_path: Path
) -> None:
    server.run(["SHARED.append('own')"], tmp_path, os.environ, 20)
    server.run(["prepare", "for all"], tmp_path, os.environ, 20)
    assert server.run(["print(SHARED)"], tmp_path, os.environ, 20)[1] == "['for all']\n"
    twice = [server.run(["import random; print(random.random())"], tmp_path, os.environ, 20)[1]
             for _ in range(2)]  # fmt: skip
    assert twice[0] != twice[1]


def sleeping(server: ForkServer) -> Process:
    with open(os.devnull, "r+b") as nothing:
        fd = nothing.fileno()
        return server.start(["import time; time.sleep(60)"], ROOT, os.environ, fd, fd, fd)


def test_it_can_be_sent_signals_while_others_run(server: ForkServer) -> None:
    first, second = sleeping(server), sleeping(server)
    assert first.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(0.01)
    second.kill()
    assert second.wait(20) == -signal.SIGKILL
    assert first.poll() is None
    first.terminate()
    assert first.wait(20) == first.poll() == -signal.SIGTERM
    first.kill()


def test_they_end_with_whoever_started_them(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from tests.test_fork_server import ForkServer, sleeping\n"
        "print(sleeping(ForkServer('tests.test_fork_server')).pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, check=False
    )
    pid = int(done.stdout)

    def has_ended() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    wait_until(has_ended)


def test_only_what_is_read_later_may_be_set() -> None:
    assert all(map(can_be_set, ["TAP_MARKETO_LOGLEVEL", "https_proxy", "REQUESTS_CA_BUNDLE", "TZ"]))
    assert not any(map(can_be_set, ["PYTHONPATH", "LOGGING_CONF_FILE", "LC_ALL", "PATH"]))


def test_the_tap_says_the_same_both_ways() -> None:
    for options in (["--version"], ["--nonsense"], ["--about"], ["--config", "/none", "--test"]):
        command = [*TAP, *options]
        assert run(command, COLUMNS="70") == fresh_run(command, COLUMNS="70")
