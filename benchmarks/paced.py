"""Runs this tap, unchanged, with a pace by the sandbox's clock; executed by the Python it is in.

    python paced.py scale argument ...

A pace that allows so many calls in 20 seconds also makes its pauses in seconds. To allow as many
more of them against a fast sandbox would change how calls and pauses follow each other; so the
20 seconds are made as much shorter.
"""

from __future__ import annotations

import sys

from tap_marketo.cli import main
from tap_marketo.marketo import throttle

if __name__ == "__main__":
    throttle.PERIOD_SECONDS /= float(sys.argv.pop(1))
    sys.exit(main())
