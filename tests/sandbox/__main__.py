"""Run a sandbox as a process: python -m tests.sandbox."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import lru_cache

from tests.sandbox.clock import parse_time
from tests.sandbox.database import Database
from tests.sandbox.options import Options, parse_options
from tests.sandbox.sandbox import Sandbox


@lru_cache(maxsize=8)
def _made(options: Options, start: float) -> Database:
    database = Database(options, start)
    # Here once, and not in each process that is forked from this one.
    database.activities.make_contents()
    return database


def _shared_database(options: Options) -> Database | None:
    start = parse_time(options.now)
    return None if start is None else _made(options.of_data(), start)


def prepare(arguments: Sequence[str]) -> None:
    """Make the data for main() to find in any process that is forked from this one."""
    _shared_database(parse_options(arguments))


def main() -> None:
    """Serve until a signal comes, or until standard input closes where that is asked for."""
    options = parse_options(sys.argv[1:])
    # A pipe, as a handler may come while the main thread holds the lock of an Event.
    ends, end = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(end, b"."))

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.write(end, b".")

    with Sandbox(options, _shared_database(options)) as sandbox:
        print(json.dumps(sandbox.described()), flush=True)
        if options.exit_with_stdin:
            threading.Thread(target=watch, daemon=True).start()
        os.read(ends, 1)


if __name__ == "__main__":
    main()
