"""How far a run is: one live line at a terminal, lines of the log elsewhere."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import struct
import sys
import termios
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.end_to_end.checks import assert_all_fired
from tests.harness import HANG, Account, Run, Tap, account, piped, run, select

STREAMS = ["leads", "activities_visit_webpage", "lists", "programs", "program_members"]

LINE = re.compile(
    r"((?P<read>[\d,]+) of (?P<all>[\d,]+) exports?, )?((?P<doing>(reading|\d+ at Marketo).+?), )?"
    r"((?P<end>about (\d+ h )?\d+ min left), )?[\d,]+ rows?, "
    r"[\d,]+ of 40,000 calls, [\d.]+ of 500 MB today$"
)
# The pieces of the line, each of which is there whole or not at all.
PIECE = re.compile(
    r"[\d,]+ of [1-9][\d,]* exports?|reading [\w ]+?(: [\d,]+ (rows?|of [\d,]+))?|reading the .+"
    r"|\d+ at Marketo, next poll in \d+ s|about (\d+ h )?\d+ min left|[\d,]+ rows?"
    r"|[\d,]+ of 40,000 calls|[\d.]+ of 500 MB today"
)
BAR_COLUMNS = 10
# Seconds: longer than the line stays as it is.
LONG = 0.3
# Bytes of a page of 300 lists, at least.
PAGE = 40_000


@pytest.fixture(scope="module")
def marketo() -> Iterator[Account]:
    sizes = ("--leads", "300", "--activities", "3000", "--programs", "25", "--folders", "10")
    with account(*sizes, "--export-minutes", "2") as running:
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
    with piped(command, stderr) as (process, out):
        os.close(stderr)
        listener.start()
        stdout = out.readall()
        code = process.wait(HANG)
        listener.join()
    os.close(terminal)
    return Run(code, stdout.decode(), b"".join(said).decode())


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
    marketo.fault("lists", "drip", bytes_per_second=PAGE / LONG)
    done = run_at_a_terminal(command)
    assert done.code == 0, done.stderr
    lines, states = screen(done.stderr)
    shown = [state for state in states if " MB today" in state]
    found = [match for state in shown if (match := re.search(LINE, state))]
    assert len(found) == len(shown) > 3
    read = [int(match["read"]) for match in found if match["read"]]
    assert read == sorted(read)
    assert read[0] == 0 < read[-1] <= int(found[-1]["all"])
    assert all(match["all"] != "0" for match in found)
    doing = [match["doing"] or "" for match in found]
    assert any(re.match("reading lists: [0-9,]+ rows$", each) for each in doing)
    assert any(re.fullmatch(r"\d+ at Marketo, next poll in \d+ s", each) for each in doing)
    assert any(match["end"] for match in found)
    # Nothing of it stays, and the lines of the log are whole.
    assert not any(" MB today" in line for line in lines)
    logged = [line for line in lines if line]
    assert logged
    assert all(re.match(r"(INFO|WARNING) \S", line) for line in logged), logged
    assert any(re.match(r"INFO Read the leads export .*: [\d,]+ rows", line) for line in logged)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("columns", [60, 80, 100])
def test_a_narrow_line_leaves_out_what_does_not_fit(
    marketo: Account, tap: Tap, columns: int
) -> None:
    catalog = select(tap.discover(marketo.config()), ["leads", "tokens"])
    for parents in range(0, 30, 6):
        marketo.fault("tokens", "timeout", skip=parents, seconds=LONG)
    done = run_at_a_terminal(tap.command(marketo.config(), catalog), columns)
    assert done.code == 0, done.stderr
    shown = [state for state in screen(done.stderr)[1] if "exports" in state or "reading" in state]
    assert shown
    assert all(len(state) <= columns for state in shown)
    for state in shown:
        # Numbers have commas without a blank behind them; one piece has a comma of its own.
        pieces = state[BAR_COLUMNS:].strip().replace("Marketo, next", "Marketo; next").split(", ")
        whole = [each.replace("Marketo; next", "Marketo, next") for each in pieces]
        assert all(PIECE.fullmatch(each) for each in whole), state
    counts = {found[1] for state in shown if (found := re.search(r"tokens: ([\d,]+) of \d", state))}
    assert len(counts) > 3
    assert_all_fired(marketo)
    marketo.heal()


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
