"""The command line: its arguments. What they ask for is done by :mod:`tap_marketo.run`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tap_marketo import __version__


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tap-marketo",
        description="Read a Marketo account and write it to stdout as Singer messages.",
        epilog="Settings, streams and state are described in the project's docs/.",
    )
    parser.add_argument("--version", action="version", version=f"tap-marketo {__version__}")
    parser.add_argument(
        "-c", "--config", metavar="FILE", required=True, help="settings, a JSON file"
    )
    parser.add_argument(
        "-s", "--state", metavar="FILE", help="state of the last run: go on from there"
    )
    parser.add_argument(
        "-d", "--discover", action="store_true", help="write the catalog of all streams"
    )
    parser.add_argument(
        "--catalog", metavar="FILE", help="sync the streams selected in this catalog"
    )
    parser.add_argument("-p", "--properties", metavar="FILE", help="old name of --catalog")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tap and return its exit code, that of :func:`tap_marketo.run.run`."""
    args = _parser().parse_args(arguments)
    # Only now: --help and --version do without requests and singer, which take their time.
    from tap_marketo.run import run  # noqa: PLC0415

    return run(args.config, args.catalog or args.properties, args.state, discovers=args.discover)
