"""The taps, each installed into a virtual environment of its own under ``.bench/``."""

from __future__ import annotations

import shutil
import subprocess
import venv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.harness import ROOT

HOME = ROOT / ".bench"
INCUMBENT = "tap-marketo==2.9.4"
_HERE = Path(__file__).parent


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


class Tools:
    """The taps; each is installed when it is first asked for."""

    @cached_property
    def ours(self) -> Tool:
        """This tree, installed anew in every run."""
        home = _installed("ours", "--upgrade", str(ROOT))
        return Tool("ours", (str(home / "bin" / "tap-marketo"),), "--catalog", 60)

    @cached_property
    def incumbent(self) -> Tool:
        """The tap it replaces."""
        home = _installed("incumbent", INCUMBENT)
        command = (str(home / "bin" / "python"), str(_HERE / "incumbent.py"))
        return Tool("incumbent", command, "--properties", 300)

    @property
    def both(self) -> tuple[Tool, Tool]:
        """Ours and the incumbent, in the order of the table's columns."""
        return self.ours, self.incumbent


def _installed(name: str, *what: str) -> Path:
    home = _environment(name)
    print(f"Installing {name} into {home.relative_to(ROOT)} ...", flush=True)
    _pip(home, "install", *what)
    return home


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
