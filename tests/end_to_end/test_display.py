"""How far a run is: one live line at a terminal, lines of the log elsewhere."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.harness import HANG, ROOT, Account, Run, Tap, account, run, select

STREAMS = ["leads", "activities_visit_webpage", "lists", "programs", "program_members"]

LINE = re.compile(
    r"(?P<read>\d+) of (?P<all>\d+) exports, (?P<end>about \d+ min left, )?(?P<doing>.+?); "
    r"[\d.]+/500 MB, [\d,]+/40,000 calls today; [\d,]+ rows$"
)


@pytest.fixture(scope="module")
def marketo() -> Iterator[Account]:
    with account("--leads", "300", "--activities", "3000", "--export-minutes", "2") as running:
        yield running


@pytest.fixture
def command(marketo: Account, tap: Tap) -> list[str]:
    catalog = select(tap.discover(marketo.config()), STREAMS)
    return tap.command(marketo.config(), catalog)


def run_at_a_terminal(command: Sequence[str], columns: int = 200) -> Run:
    """Run a command to its end with a terminal for stderr."""
    terminal, stderr = pty.openpty()
    fcntl.ioctl(stderr, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    said: list[bytes] = []

    def listen() -> None:
        try:
            while data := os.read(terminal, 65536):
                said.append(data)
        except OSError:
            # Linux says so when nobody holds the other end any more.
            pass

    listener = threading.Thread(target=listen)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr) as process:
        os.close(stderr)
        listener.start()
        stdout = process.communicate(timeout=HANG)[0]
        listener.join()
    os.close(terminal)
    return Run(process.returncode, stdout.decode(), b"".join(said).decode())


def screen(said: str) -> tuple[list[str], list[str]]:
    """Return the lines that stay on a terminal, and all that its last line ever was."""
    lines, states, line = [], [], ""
    for part in re.split(r"(\r\n|\n|\r|\x1b\[A)", said):
        if part in ("\r\n", "\n"):
            lines.append(line.rstrip())
            line = ""
        elif part == "\r":
            states.append(line.rstrip())
        elif part and part != "\x1b[A":
            line = part + line[len(part) :]
    lines.append(line.rstrip())
    return lines, states


def messages(done: Run) -> list[dict[str, Any]]:
    return [m for m in done.messages if m["type"] == "RECORD"]


def test_a_terminal_shows_one_line_that_tells_how_far_the_run_is(
    marketo: Account, command: list[str]
) -> None:
    done = run_at_a_terminal(command)
    assert done.code == 0, done.stderr
    lines, states = screen(done.stderr)
    shown = [state for state in states if " exports, " in state]
    told = [match for state in shown if (match := re.search(LINE, state))]
    assert len(told) == len(shown) > 3
    read = [int(match["read"]) for match in told]
    assert read == sorted(read)
    assert read[0] == 0 < read[-1] <= int(told[-1]["all"])
    assert any(re.fullmatch("reading (lists|programs|program_members)", m["doing"]) for m in told)
    assert any(re.fullmatch(r"\d+ at Marketo, next look in \d+ s", m["doing"]) for m in told)
    assert any(match["end"] for match in told)
    # Nothing of it stays, and the lines of the log are whole.
    assert not any("/40,000 calls today; " in line for line in lines)
    logged = [line for line in lines if line]
    assert logged
    assert all(re.match(r"(INFO|WARNING) \S", line) for line in logged), logged
    assert any(re.match(r"INFO Read the leads export .*: [\d,]+ rows", line) for line in logged)


def test_stdout_is_the_same_with_and_without_a_terminal(command: list[str]) -> None:
    at_a_terminal, elsewhere = run_at_a_terminal(command, columns=60), run(command)
    assert sorted(map(str, messages(at_a_terminal))) != []
    keys = [
        sorted((m["stream"], str(m["record"].get("id") or m["record"].get("marketoGUID")))
               for m in messages(done))
        for done in (at_a_terminal, elsewhere)
    ]  # fmt: skip
    assert keys[0] == keys[1]


def test_elsewhere_lines_of_the_log_tell_it(command: list[str]) -> None:
    done = run([sys.executable, "-X", "importtime", *command[1:]])
    assert done.code == 0
    assert re.search(r"INFO Exports: .*queued, .* rows and .* MB read; calls today: ", done.stderr)
    assert "\r" not in done.stderr
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "singer" in loaded
    assert "tqdm" not in loaded


def test_without_a_stderr_rows_come_all_the_same(command: list[str]) -> None:
    words = " ".join(map(shlex.quote, command))
    done = run(["bash", "-c", f"exec {words} 2>&-"])
    assert done.code == 0
    assert messages(done)
