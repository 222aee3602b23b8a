"""Output, over real pipes: whole lines, in order, whatever the reader does."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import tap_marketo
from tap_marketo.errors import OutputClosedError, TapError
from tap_marketo.protocol.messages import Output
from tap_marketo.protocol.pipe import Terminated

# A pipe takes 64 KiB before its writer blocks.
MORE_THAN_A_PIPE_TAKES = 300_000


class Pipe:
    """Both ends of a pipe."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.open = {self.reader, self.writer}

    def read_now(self) -> bytes:
        """Return what lies in the pipe at the moment."""
        taken = b""
        while select.select([self.reader], [], [], 0)[0]:
            chunk = os.read(self.reader, 1 << 16)
            if not chunk:
                break
            taken += chunk
        return taken

    def close(self, *ends: int) -> None:
        for end in ends or tuple(self.open):
            os.close(end)
            self.open.remove(end)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def numbered(count: int, size: int = 100) -> list[bytes]:
    return [b"%06d " % number + b"x" * size + b"\n" for number in range(count)]


def test_messages_are_written_as_singer_defines_them(pipe: Pipe) -> None:
    output = Output(pipe.writer)
    output.schema("lists", {"properties": {"é": {}}}, ["id"], ["updatedAt"])
    output.schema("types", {}, ["id"], [])
    output.line(b'{"type":"RECORD"}\n')
    output.state({"bookmarks": {}})
    lines = pipe.read_now().decode().split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == [
        {
            "type": "SCHEMA",
            "stream": "lists",
            "schema": {"properties": {"é": {}}},
            "key_properties": ["id"],
            "bookmark_properties": ["updatedAt"],
        },
        {"type": "SCHEMA", "stream": "types", "schema": {}, "key_properties": ["id"]},
        {"type": "RECORD"},
        {"type": "STATE", "value": {"bookmarks": {}}},
    ]


def test_a_catalog_is_written_at_once(pipe: Pipe) -> None:
    Output(pipe.writer).json({"streams": [{"stream": "é"}]})
    written = pipe.read_now()
    assert json.loads(written) == {"streams": [{"stream": "é"}]}
    assert written.endswith(b"}\n")


def test_flush_writes_what_was_collected_once(pipe: Pipe) -> None:
    output = Output(pipe.writer)
    output.line(b"one\n")
    output.flush()
    output.flush()
    assert pipe.read_now() == b"one\n"


@pytest.mark.parametrize("size", [10, 5_000, 100_000])
def test_lines_of_every_length_arrive_whole_and_in_order(pipe: Pipe, size: int) -> None:
    lines = numbered(1_000_000 // size, size)
    taken = bytearray()

    def read() -> None:
        while select.select([pipe.reader], [], [])[0]:
            chunk = os.read(pipe.reader, 7_777)
            if not chunk:
                return
            taken.extend(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    output = Output(pipe.writer)
    for line in lines:
        output.line(line)
    output.flush()
    pipe.close(pipe.writer)
    reader.join(timeout=20)
    assert bytes(taken) == b"".join(lines)


def test_lines_go_to_a_regular_file_as_well(tmp_path: Path) -> None:
    lines = numbered(5_000)
    with (tmp_path / "out").open("wb") as file:
        output = Output(file.fileno())
        for line in lines:
            output.line(line)
        output.flush()
    assert (tmp_path / "out").read_bytes() == b"".join(lines)


def test_while_nobody_reads_other_work_is_done_and_its_lines_follow(pipe: Pipe) -> None:
    output = Output(pipe.writer)
    taken = b""
    stalls = 0

    def work() -> None:
        nonlocal taken, stalls
        stalls += 1
        output.state({"stall": stalls})
        if stalls > 1:
            taken += pipe.read_now()

    output.pipe.on_stall = work
    lines = numbered(3, MORE_THAN_A_PIPE_TAKES // 3)
    output.line(b"".join(lines))
    taken += pipe.read_now()
    assert stalls >= 2
    said = [b'{"type":"STATE","value":{"stall":%d}}\n' % (n + 1) for n in range(stalls)]
    assert taken == b"".join(lines + said)


def test_nothing_stalls_while_the_reader_keeps_up(pipe: Pipe) -> None:
    output = Output(pipe.writer)
    stalls: list[str] = []
    output.pipe.on_stall = lambda: stalls.append("stall")
    for line in numbered(100):
        output.line(line)
    output.flush()
    assert stalls == []


def test_what_fails_while_stalling_is_raised_once_the_lines_under_way_are_written(
    pipe: Pipe,
) -> None:
    output = Output(pipe.writer)
    lines = numbered(3, 60_000)
    taken = bytearray()
    calls = 0

    def work() -> None:
        nonlocal calls
        calls += 1
        raise TapError("the job failed")

    def read_late() -> None:
        # Time for the output to stall again.
        time.sleep(0.7)
        while len(taken) < sum(map(len, lines)):
            taken.extend(pipe.read_now())

    output.pipe.on_stall = work
    reader = threading.Thread(target=read_late)
    reader.start()
    with pytest.raises(TapError, match="the job failed"):
        output.line(b"".join(lines))
    reader.join(timeout=20)
    assert bytes(taken) == b"".join(lines)
    assert calls == 1


def test_a_signal_while_stalling_leaves_whole_lines_and_drops_all_that_follow(pipe: Pipe) -> None:
    output = Output(pipe.writer)
    taken = b""

    def work() -> None:
        nonlocal taken
        taken += pipe.read_now()
        output.line(b"said while stalling\n")
        raise Terminated(signal.SIGTERM)

    output.pipe.on_stall = work
    lines = numbered(30, 6_000)
    with pytest.raises(Terminated) as caught:
        output.line(b"".join(lines))
    output.flush()
    taken += pipe.read_now()
    assert caught.value.signum == signal.SIGTERM
    whole = taken.split(b"\n")
    assert whole.pop() == b""
    assert [line + b"\n" for line in whole] == lines[: len(whole)]
    assert 0 < len(whole) < len(lines)


def test_a_reader_that_went_away_is_noticed_when_writing(pipe: Pipe) -> None:
    output = Output(pipe.writer)
    pipe.close(pipe.reader)
    output.line(b"x\n")
    with pytest.raises(OutputClosedError, match="target closed our stdout"):
        output.flush()


def test_a_reader_that_goes_away_while_we_wait_for_it_is_noticed(pipe: Pipe) -> None:
    output = Output(pipe.writer)
    output.pipe.on_stall = lambda: pipe.close(pipe.reader)
    with pytest.raises(OutputClosedError):
        output.line(b"x" * MORE_THAN_A_PIPE_TAKES + b"\n")


def test_a_reader_that_went_away_is_noticed_while_nothing_is_written(pipe: Pipe) -> None:
    output = Output(pipe.writer)
    output.pipe.check_reader()
    pipe.close(pipe.reader)
    with pytest.raises(OutputClosedError):
        output.pipe.check_reader()


# The program under test for signals: it writes numbered lines until it is told to end.
PROGRAM = """
import sys
from tap_marketo.protocol.messages import Output
from tap_marketo.protocol.pipe import Terminated

def stalled():
    sys.stderr.write("stalled\\n")
    sys.stderr.flush()

output = Output(1)
output.pipe.catch_signals()
output.pipe.on_stall = stalled
try:
    for number in range(10_000):
        output.line(b"%06d " % number + b"x" * 6001 + b"\\n")
    output.flush()
except Terminated as request:
    sys.exit(request.exit_code)
"""


@pytest.fixture
def blocked() -> Iterator[subprocess.Popen[bytes]]:
    """A program that writes and has said that nobody reads."""
    root = str(Path(tap_marketo.__file__).parent.parent)
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )
    with program:
        assert program.stderr is not None
        assert program.stderr.readline() == b"stalled\n"
        yield program
        program.kill()


def assert_whole_lines(written: bytes) -> None:
    lines = written.split(b"\n")
    assert lines.pop() == b""
    assert lines == [b"%06d " % number + b"x" * 6001 for number in range(len(lines))]
    assert lines


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_a_blocked_write_leaves_only_whole_lines(
    blocked: subprocess.Popen[bytes], signum: signal.Signals
) -> None:
    blocked.send_signal(signum)
    written, _ = blocked.communicate(timeout=20)
    assert blocked.returncode == 128 + signum
    assert_whole_lines(written)


def test_a_signal_ends_the_program_within_seconds_though_nobody_reads(
    blocked: subprocess.Popen[bytes],
) -> None:
    started = time.monotonic()
    blocked.send_signal(signal.SIGTERM)
    assert blocked.wait(timeout=20) == 128 + signal.SIGTERM
    assert time.monotonic() - started < 10


def test_a_reader_that_comes_back_late_gets_everything(
    blocked: subprocess.Popen[bytes],
) -> None:
    written, _ = blocked.communicate(timeout=60)
    assert blocked.returncode == 0
    assert_whole_lines(written)
    assert written.count(b"\n") == 10_000
