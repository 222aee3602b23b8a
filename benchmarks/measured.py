"""Runs one command and writes down what it took: a program of its own, so that it stays small.

    python measured.py usage.json command argument ...

On Linux the peak memory of a process begins with that of the process that started it; this one
is smaller than any tap.
"""

import json
import os
import sys
import time


def main() -> int:
    """Run the command with our stdout and stderr; its exit code is ours."""
    usage_file, command = sys.argv[1], sys.argv[2:]
    started = time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - started
    code = os.waitstatus_to_exitcode(status)
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    with open(usage_file, "w", encoding="utf-8") as file:
        json.dump(
            {
                "code": code,
                "started": started,
                "wall": wall,
                "cpu": usage.ru_utime + usage.ru_stime,
                "peak_bytes": usage.ru_maxrss * unit,
            },
            file,
        )
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
