"""The wheel as pip takes and installs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tap_marketo import __version__
from tests.end_to_end.checks import SMALL
from tests.harness import ROOT, TAP, Tap, account, fresh_run


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir",
         str(folder), str(ROOT)],
        check=True,
    )  # fmt: skip
    (built,) = folder.glob("tap_marketo-*.whl")
    return built


def test_pip_takes_it_for_newer_than_the_tap_it_replaces(wheel: Path, tmp_path: Path) -> None:
    shutil.copy(wheel, tmp_path)
    about = "tap_marketo-2.9.4.dist-info"
    with zipfile.ZipFile(tmp_path / "tap_marketo-2.9.4-py3-none-any.whl", "w") as other:
        other.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: tap-marketo\nVersion: 2.9.4\n"
        )
        other.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        other.writestr(f"{about}/RECORD", "")
    done = fresh_run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "--upgrade", "--ignore-installed",
         "--no-index", "--no-deps", "--find-links", str(tmp_path), "tap-marketo"],
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert f"Would install tap-marketo-{__version__}\n" in done.stdout


def test_the_wheel_brings_no_pictures(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        assert not [name for name in files.namelist() if re.search(r"\.(svg|cast|png)$", name)]
        (about,) = (name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
        page = files.read(about).decode("utf-8")
    # PyPI shows the README, and can draw neither.
    assert "## Try it without an account" in page
    assert "```mermaid" not in page
    assert "![" not in page


def test_the_built_wheel_works_with_the_source_tree_away(
    tap: Tap, wheel: Path, tmp_path: Path
) -> None:
    home = tmp_path / "installed"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(home),
         str(wheel)],
        check=True,
    )  # fmt: skip
    with account(*SMALL) as marketo:
        command = tap.command(marketo.config(), None, None, "--discover")[len(TAP) :]
        done = subprocess.run(
            [str(home / "bin" / "tap-marketo"), *command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(home)},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        # Whatever stands beside the code, schemas for instance, was installed with it.
        assert json.loads(done.stdout) == tap.discover(marketo.config())
