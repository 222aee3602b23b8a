"""Many short runs of the real command: a process that has it loaded forks for each of them.

As a program: reads lines of JSON, {"arguments", "stdout", "stderr"}, runs the command with these
arguments and its output in these files, and answers each with its exit code.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness import HANG, ROOT, TAP, Run


class Forks:
    """A process that runs the command again and again."""

    def __init__(self, process: subprocess.Popen[str], directory: Path) -> None:
        self._process = process
        self._directory = directory

    def run(self, command: list[str]) -> Run:
        """Run the command to its end, as tests.harness.run does."""
        paths = {name: str(self._directory / name) for name in ("stdout", "stderr")}
        order = {"arguments": command[len(TAP) :], **paths}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], HANG)
        assert ready, "it hangs"
        code = int(self._process.stdout.readline())
        out, log = (Path(path).read_text(encoding="utf-8") for path in paths.values())
        return Run(code, out, log)


@contextmanager
def forks(directory: Path) -> Iterator[Forks]:
    """Load the command once, to be run many times.

    Args:
        directory: where its output goes.
    """
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Forks(process, directory)
        finally:
            os.killpg(process.pid, 9)


def _serve() -> None:
    # Loaded by the child processes' parent only, once, with all that a run needs.
    import tap_marketo.run  # noqa: F401, PLC0415
    from tap_marketo.cli import main  # noqa: PLC0415

    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            for fd, name in ((1, "stdout"), (2, "stderr")):
                os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), fd)
            os._exit(main(order["arguments"]))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
