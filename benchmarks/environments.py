"""The two taps, each installed into a virtual environment of its own under ``.bench/``."""

from __future__ import annotations

import shutil
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.harness import ROOT

HOME = ROOT / ".bench"
INCUMBENT = "tap-marketo==2.9.4"


@dataclass(frozen=True)
class Tool:
    """A tap as it is run here.

    Attributes:
        name: in results and messages.
        command: what starts it.
        catalog_option: how it takes a catalog as JSON.
        poll_interval: its default, in (simulated) seconds.
    """

    name: str
    command: tuple[str, ...]
    catalog_option: str
    poll_interval: float


@dataclass(frozen=True)
class Tools:
    """Both taps."""

    ours: Tool
    incumbent: Tool

    @property
    def both(self) -> tuple[Tool, Tool]:
        """Ours and the incumbent, in the order of the table's columns."""
        return self.ours, self.incumbent


def install() -> Tools:
    """Install both, ours anew every time, and say how each is run."""
    ours = _environment("ours")
    print(f"Installing this tree into {ours.relative_to(ROOT)} ...", flush=True)
    _pip(ours, "install", "--upgrade", str(ROOT))
    incumbent = _environment("incumbent")
    print(f"Installing {INCUMBENT} into {incumbent.relative_to(ROOT)} ...", flush=True)
    _pip(incumbent, "install", INCUMBENT)
    runner = Path(__file__).with_name("incumbent.py")
    return Tools(
        Tool("ours", (str(ours / "bin" / "tap-marketo"),), "--catalog", 60),
        Tool("incumbent", (str(incumbent / "bin" / "python"), str(runner)), "--properties", 300),
    )


def _environment(name: str) -> Path:
    home = HOME / name
    ready = home / "ready"
    if not ready.exists():
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        ready.touch()
    return home


def _pip(home: Path, *arguments: str) -> None:
    pip = [str(home / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *arguments], check=True)
