"""A terminal: a program recorded at one, and the screens that it showed.

A recording is a file of asciinema's second format: a line with the size of the screen, then a line
for each output with its second since the beginning.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

COLUMNS, ROWS = 100, 16


class Output(NamedTuple):
    """What a program wrote at once, and in which second since the beginning."""

    second: float
    text: str


def record(command: Sequence[str], directory: Path) -> list[Output]:
    """Run a command at a terminal of its own to its end; return what it wrote.

    Raises:
        SystemExit: the command failed.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    began, outputs = time.monotonic(), list[Output]()
    with subprocess.Popen(
        command, cwd=directory, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        with open(ours, "rb", buffering=0) as terminal:
            # A character may come in two parts.
            rest = b""
            while data := _read(terminal.fileno()):
                whole = (rest + data).decode("utf-8", "ignore")
                rest = (rest + data)[len(whole.encode()) :]
                outputs.append(Output(round(time.monotonic() - began, 3), whole))
    if process.returncode:
        raise SystemExit("".join(output.text for output in outputs)[-2000:])
    return outputs


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # so Linux says that nobody holds the other side any more
        return b""


def save(outputs: Sequence[Output], path: Path) -> None:
    """Write a recording."""
    head = {"version": 2, "width": COLUMNS, "height": ROWS}
    lines = [json.dumps(head), *(json.dumps([each.second, "o", each.text]) for each in outputs)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def load(path: Path) -> list[Output]:
    """Read a recording."""
    _, *lines = path.read_text(encoding="utf-8").splitlines()
    return [Output(second, text) for second, _, text in map(json.loads, lines)]


class Screen:
    """The characters on a screen.

    It knows what the tap and the demo write: text, ends of lines, and the way back to the
    beginning of a line. Anything else would be drawn wrongly, and raises ValueError.
    """

    def __init__(self) -> None:
        """Begin with an empty screen."""
        self._rows = [""]
        self._column = 0

    @property
    def rows(self) -> list[str]:
        """The lines, without blanks at their ends."""
        return [row.rstrip() for row in self._rows]

    def write(self, text: str) -> None:
        """Show a text."""
        for character in text:
            if character == "\r":
                self._column = 0
            elif character == "\n":
                self._begin_row()
            elif character.isprintable():
                if self._column == COLUMNS:
                    self._begin_row()
                    self._column = 0
                row = self._rows[-1].ljust(self._column)
                self._rows[-1] = row[: self._column] + character + row[self._column + 1 :]
                self._column += 1
            else:
                raise ValueError(f"the screen does not know {character!r}")

    def _begin_row(self) -> None:
        self._rows = [*self._rows, ""][-ROWS:]


def screens(outputs: Sequence[Output]) -> Iterator[tuple[float, list[str]]]:
    """Yield what the screen shows after each output, and since which second."""
    screen = Screen()
    for output in outputs:
        screen.write(output.text)
        yield output.second, screen.rows
