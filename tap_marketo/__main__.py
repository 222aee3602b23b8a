"""``python -m tap_marketo``: the same program as the ``tap-marketo`` command."""

import sys

from tap_marketo.cli import main

if __name__ == "__main__":
    sys.exit(main())
