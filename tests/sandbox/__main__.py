"""Run a sandbox as a process: python -m tests.sandbox."""

from __future__ import annotations

import json
import os
import signal
import threading

from tests.sandbox.options import parse_options
from tests.sandbox.sandbox import Sandbox


def main() -> None:
    """Serve until a signal comes, or until standard input closes where that is asked for."""
    options = parse_options()
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())

    def watch() -> None:
        while os.read(0, 4096):
            pass
        done.set()

    with Sandbox(options) as sandbox:
        print(json.dumps(sandbox.described()), flush=True)
        if options.exit_with_stdin:
            threading.Thread(target=watch, daemon=True).start()
        done.wait()


if __name__ == "__main__":
    main()
