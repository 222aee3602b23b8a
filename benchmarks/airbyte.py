"""Runs Airbyte's source-marketo, unchanged, against the sandbox; executed by the Python it is in.

It looks at its jobs once a minute of real time and cannot be told otherwise. The config's
poll_interval, in seconds, is given to it from outside. Everything else is as released.
"""

from __future__ import annotations

import importlib
import json
import sys


def main() -> None:
    """Run the source with the command line that was given."""
    with open(sys.argv[sys.argv.index("--config") + 1], encoding="utf-8") as file:
        poll_interval = json.load(file)["poll_interval"]
    importlib.import_module("source_marketo.source").MarketoExportBase.poll_interval = poll_interval
    source = importlib.import_module("source_marketo").SourceMarketo()
    importlib.import_module("airbyte_cdk.entrypoint").launch(source, sys.argv[1:])


if __name__ == "__main__":
    main()
