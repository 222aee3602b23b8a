"""The command: reads the arguments, puts the parts together, and ends with the right exit code."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tap_marketo import __version__
from tap_marketo.catalog import load_catalog
from tap_marketo.client import MarketoClient
from tap_marketo.clock import Clock
from tap_marketo.config import Config, load_config
from tap_marketo.discovery import discover
from tap_marketo.errors import CatalogError, QuotaError, TapError, Terminated
from tap_marketo.log import LOGGER, set_up_logging
from tap_marketo.messages import Output
from tap_marketo.state import load_state
from tap_marketo.sync import Sync

# Tells orchestrators "come again tomorrow" from "something is wrong".
QUOTA_EXIT_CODE = 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tap-marketo",
        description="Read a Marketo account and write it to stdout as Singer messages.",
        epilog="Settings, streams and state are described in the README.",
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
    """Run the tap and return its exit code.

    0 done, 1 stopped with a reason, 3 a daily allowance is spent, 128 + n ended by signal n.
    """
    args = _parser().parse_args(arguments)
    set_up_logging()
    try:
        output = Output()
        output.catch_signals()
        _run(args, load_config(args.config), output)
    except Terminated as request:
        LOGGER.warning(
            "Stopped by %s. The next run goes on from the last STATE that was kept.", request
        )
        return request.exit_code
    except QuotaError as error:
        LOGGER.critical("%s", error)
        return QUOTA_EXIT_CODE
    except TapError as error:
        LOGGER.critical("%s", error)
        return 1
    except Exception:  # noqa: BLE001  the one place for what nobody foresaw
        LOGGER.critical("This is a fault of tap-marketo; please report it.", exc_info=True)
        return 1
    return 0


def _run(args: argparse.Namespace, config: Config, output: Output) -> None:
    clock = Clock()
    client = MarketoClient(config, clock)
    if args.discover:
        output.catalog(discover(client, clock))
        return
    path = args.catalog or args.properties
    if not path:
        raise CatalogError(
            "Nothing to do without a catalog: make one with --discover, select streams in it, "
            "and give it with --catalog."
        )
    state = load_state(args.state)
    entries = load_catalog(path)
    if not entries:
        LOGGER.warning("No stream is selected in %s: nothing to sync.", path)
    try:
        Sync(client, clock, config, state, output).run(entries)
    except QuotaError as error:
        if config.on_quota == "fail":
            raise
        LOGGER.warning("%s", error)
