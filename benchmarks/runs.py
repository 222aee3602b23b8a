"""Running a tap: discovery, a sync, and what the process took."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.environments import Tool
from tests.harness import BY_PAGES, ROOT, Account, Tap, Target, select

_LAUNCHER = str(Path(__file__).with_name("measured.py"))
_CHUNK = 1 << 16
# Delete Lead, the one type that Marketo does not export in bulk.
_NOT_EXPORTED = 37
# Types whose values in activities the incumbent stops at when Marketo writes them as JSON numbers
# (12.5 for a percent, 1 for true). Left out for both taps.
_STOPS_INCUMBENT = ("boolean", "percent")


class MeasurementError(Exception):
    """A figure cannot be measured."""


@dataclass(frozen=True)
class Usage:
    """What a finished process took.

    Attributes:
        started: monotonic seconds at which it was started.
        wall: seconds from start to end.
        cpu: user and system seconds.
        peak_bytes: the most memory it held at once.
        lines: messages it wrote.
    """

    started: float
    wall: float
    cpu: float
    peak_bytes: int
    lines: int


class MeasuredTap(Tap):
    """One of the two taps, with its files in a directory of its own."""

    def __init__(self, tool: Tool, marketo: Account, scale: float, directory: Path) -> None:
        """Run a tap against a sandbox whose clock is that much faster."""
        super().__init__(directory)
        self.tool = tool
        self.marketo = marketo
        self.scale = scale

    def command(self, config: Any, catalog: Any = None, state: Any = None, *more: str) -> list[str]:
        command = [*self.tool.command, "--config", str(self.write("config.json", config)), *more]
        if catalog is not None:
            command += [self.tool.catalog_option, str(self.write("catalog.json", catalog))]
        if state is not None:
            command += ["--state", str(self.write("state.json", state))]
        return command

    def settings(self, start_date: str, **more: Any) -> dict[str, Any]:
        """Return a config: every default as it is, every wait as fast as the sandbox's clock."""
        waits: dict[str, Any] = {
            "poll_interval": self.tool.poll_interval / self.scale,
            "max_calls_per_20_seconds": int(50 * self.scale),
            "request_timeout": 300,
        }
        return self.marketo.config(start_date=start_date, **waits, **BY_PAGES, **more)

    def catalog(
        self,
        config: Any,
        lead_columns: Sequence[str] | None = None,
        types: Collection[int] | None = None,
    ) -> dict[str, Any]:
        """Discover, and select leads and activities.

        Args:
            config: from :meth:`settings`.
            lead_columns: of the leads; all that can be exported when None, no leads when empty.
            types: of the activities; all that can be exported when None.
        """
        return _select_exports(self.discover(config), self.marketo, lead_columns, types)

    def measure(
        self, config: Any, catalog: Any, target: Target | None = None, seconds: float = 1800
    ) -> Usage:
        """Sync from the target's state and into the target.

        Args:
            config: from :meth:`settings`.
            catalog: with what to sync selected.
            target: None to throw the messages away as they come.
            seconds: a run that takes longer hangs.

        Raises:
            MeasurementError: the tap failed.
        """
        command = self.command(config, catalog, target.state if target else None)
        name = self.tool.name
        if target is None:
            return execute(name, command, self.directory, seconds=seconds)
        output = self.directory / "messages.jsonl"
        usage = execute(name, command, self.directory, output, seconds)
        with output.open(encoding="utf-8", newline="\n") as lines:
            target.take(list(lines))
        output.unlink()
        return usage


def execute(
    name: str,
    command: Sequence[str],
    directory: Path,
    output: Path | None = None,
    seconds: float = 1800,
) -> Usage:
    """Run a program to its end.

    Args:
        name: what to call it when it fails.
        command: its command line.
        directory: for its log.
        output: where its output goes; None to throw it away as it comes, as fast as it comes.
        seconds: a run that takes longer hangs.

    Raises:
        MeasurementError: it failed.
    """
    usage_file, log = directory / "usage.json", directory / "log.txt"
    usage_file.unlink(missing_ok=True)
    with log.open("wb") as errors, open(output or os.devnull, "wb") as kept:
        process = subprocess.Popen(
            [sys.executable, "-I", _LAUNCHER, str(usage_file), *command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=kept if output else subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        overdue = threading.Timer(seconds, _kill, (process,))
        overdue.start()
        try:
            lines = _drain(process) if output is None else 0
            process.wait()
        finally:
            overdue.cancel()
            _kill(process)
    if process.returncode or not usage_file.exists():
        said = log.read_text(encoding="utf-8", errors="replace")[-3000:]
        raise MeasurementError(f"{name} failed with exit code {process.returncode}: {said}")
    told = json.loads(usage_file.read_text())
    return Usage(told["started"], told["wall"], told["cpu"], told["peak_bytes"], lines)


@contextmanager
def measured_tap(
    tool: Tool, marketo: Account, scale: float, kind: type[MeasuredTap] = MeasuredTap
) -> Iterator[MeasuredTap]:
    """A tap with a temporary directory."""
    with TemporaryDirectory(prefix="tap-marketo-bench-") as directory:
        yield kind(tool, marketo, scale, Path(directory))


def _select_exports(
    catalog: Mapping[str, Any],
    marketo: Account,
    lead_columns: Sequence[str] | None = None,
    types: Collection[int] | None = None,
) -> dict[str, Any]:
    """Return a Singer tap's catalog with streams selected as :meth:`MeasuredTap.catalog` says."""
    if lead_columns is None:
        lead_columns = [
            field["rest"]["name"]
            for field in marketo.truth("lead_fields")
            if "rest" in field and field["dataType"] != "formula"
        ]
    left_out = {
        kind["id"]: {
            attribute["name"].lower().replace(" ", "_")
            for attribute in kind["attributes"]
            if attribute["dataType"] in _STOPS_INCUMBENT
        }
        for kind in marketo.truth("activity_types")
        if kind["id"] != _NOT_EXPORTED and (types is None or kind["id"] in types)
    }
    columns: dict[str, Sequence[str]] = {"leads": lead_columns} if lead_columns else {}
    for stream in catalog["streams"]:
        for item in stream["metadata"]:
            number = item["metadata"].get("marketo.activity-id")
            if number in left_out:
                columns[stream["tap_stream_id"]] = [
                    name for name in stream["schema"]["properties"] if name not in left_out[number]
                ]
    return select(catalog, list(columns), **columns)


def _drain(process: subprocess.Popen[bytes]) -> int:
    if process.stdout is None:
        return 0
    lines = 0
    while chunk := os.read(process.stdout.fileno(), _CHUNK):
        lines += chunk.count(b"\n")
    return lines


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a tap that is still there, with the launcher that started it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
