"""Runs this tap, unchanged, with a pace by the sandbox's clock; executed by the Python it is in.

    python paced.py scale argument ...

Its pace allows so many calls in 20 seconds. Against a fast sandbox it can be told to allow as many
more; but then a thousand calls are made at once and followed by a long pause, in which no job is
looked at. So the 20 seconds are made as much shorter instead.
"""

from __future__ import annotations

import sys

from tap_marketo.cli import main
from tap_marketo.marketo import throttle

if __name__ == "__main__":
    throttle.PERIOD_SECONDS /= float(sys.argv.pop(1))
    sys.exit(main())
