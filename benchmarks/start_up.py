"""How long the commands take that do nothing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.environments import Tools
from benchmarks.report import Figure, at_most, sample
from benchmarks.runs import Usage, execute
from benchmarks.settings import Settings

RUNS = 15
SECONDS = 0.25


def measure(tools: Tools, settings: Settings) -> Figure:
    """Run each command several times, ours and the incumbent's in turn."""
    commands = {
        ("--version", "ours"): [*tools.ours.command, "--version"],
        ("--help", "ours"): [*tools.ours.command, "--help"],
        # It has no --version. Its own command, not the one that takes it to the sandbox.
        ("--help", "incumbent"): [
            str(Path(tools.incumbent.command[0]).with_name("tap-marketo")),
            "--help",
        ],
    }
    usages: dict[tuple[str, str], list[Usage]] = {name: [] for name in commands}
    print("Starting up ...", flush=True)
    with TemporaryDirectory(prefix="tap-marketo-bench-") as directory:
        # The first run of each finds no compiled modules and is not counted.
        for number in range(-1, settings.runs or RUNS):
            for (option, name), command in commands.items():
                usage = execute(f"{name} {option}", command, Path(directory))
                if number >= 0:
                    usages[option, name].append(usage)
    wall = {name: sample(usage.wall for usage in each) for name, each in usages.items()}
    figure = Figure("Start-up")
    figure.measures = [
        at_most("--version", wall["--version", "ours"], SECONDS, "s", 3),
        at_most(
            "--help", wall["--help", "ours"], SECONDS, "s", 3, incumbent=wall["--help", "incumbent"]
        ),
    ]
    figure.notes = ["The incumbent has no --version."]
    figure.raw = {
        " ".join(name): [asdict(usage) for usage in each] for name, each in usages.items()
    }
    return figure
