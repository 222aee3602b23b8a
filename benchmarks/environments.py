"""The taps, each installed into a virtual environment of its own under ``.bench/``."""

from __future__ import annotations

import shutil
import subprocess
import venv
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tests.harness import ROOT

HOME = ROOT / ".bench"
INCUMBENT = "tap-marketo==2.9.4"
AIRBYTE = "airbyte-source-marketo==2.1.3"
# Of which the report names the versions: what an environment of ours, and of theirs, consists of.
_NAMED = {
    "ours": ("tap-marketo", "singer-python", "requests", "orjson"),
    "incumbent": ("tap-marketo", "singer-python", "requests"),
    "airbyte": ("airbyte-source-marketo", "airbyte-cdk", "requests", "orjson"),
}
_TELL_VERSIONS = """
import importlib.metadata, sys
for name in sys.argv[1:]:
    print(name, importlib.metadata.version(name))
"""
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Tool:
    """A tap as it is run here.

    Attributes:
        name: in results and messages.
        command: what starts it.
        poll_interval: its default, in (simulated) seconds.
        catalog_option: how it takes a catalog as JSON.
    """

    name: str
    command: tuple[str, ...]
    poll_interval: float
    catalog_option: str = "--catalog"

    def paced(self, scale: float) -> Tool:
        """Return this tap with its pace by a clock so many times as fast; of ours alone."""
        python = Path(self.command[0]).with_name("python")
        return replace(self, command=(str(python), str(_HERE / "paced.py"), str(scale)))


class Tools:
    """The taps; each is installed when it is first asked for."""

    @cached_property
    def ours(self) -> Tool:
        """This tree, installed anew in every run."""
        home = _installed("ours", "--upgrade", str(ROOT))
        return Tool("ours", (str(home / "bin" / "tap-marketo"),), 60)

    @cached_property
    def incumbent(self) -> Tool:
        """The tap it replaces."""
        home = _installed("incumbent", INCUMBENT)
        command = (str(home / "bin" / "python"), str(_HERE / "incumbent.py"))
        return Tool("incumbent", command, 300, "--properties")

    @cached_property
    def airbyte(self) -> Tool:
        """Airbyte's source."""
        home = _installed("airbyte", AIRBYTE)
        command = (str(home / "bin" / "python"), str(_HERE / "airbyte.py"))
        return Tool("airbyte", command, 60)

    @cached_property
    def floor(self) -> tuple[str, ...]:
        """The command that turns CSV files into JSON lines, with the Python and orjson of ours."""
        return str(Path(self.ours.command[0]).with_name("python")), str(_HERE / "floor.py")

    @property
    def both(self) -> tuple[Tool, Tool]:
        """Ours and the incumbent, in the order of the table's columns."""
        return self.ours, self.incumbent


def versions() -> dict[str, str]:
    """Return, for each environment there is, the versions of what its figures depend on."""
    told = {}
    for name, packages in _NAMED.items():
        python = HOME / name / "bin" / "python"
        if python.exists():
            command = [str(python), "-I", "-c", _TELL_VERSIONS, *packages]
            said = subprocess.run(command, check=True, capture_output=True, text=True)
            told[name] = ", ".join(said.stdout.splitlines())
    return told


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
