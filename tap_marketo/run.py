"""One run of the command: puts the parts together, and ends with the right exit code."""

from __future__ import annotations

from tap_marketo.clock import Clock
from tap_marketo.config import Config, load_config
from tap_marketo.discovery import discover
from tap_marketo.errors import CatalogError, QuotaError, TapError, Terminated
from tap_marketo.log import LOGGER, set_up_logging
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.names import NAMINGS
from tap_marketo.protocol.catalog import load_catalog
from tap_marketo.protocol.messages import Output
from tap_marketo.protocol.state_file import load_state
from tap_marketo.streams.account import Account
from tap_marketo.sync import Sync

# Tells orchestrators "come again tomorrow" from "something is wrong".
QUOTA_EXIT_CODE = 3


def run(config: str, catalog: str | None, state: str | None, *, discovers: bool) -> int:
    """Discover or sync, and return the exit code.

    Args:
        config: path of the settings.
        catalog: path of the catalog; a sync needs one.
        state: path of the last run's state, None for none.
        discovers: write the catalog instead of syncing.

    Returns:
        0 done, 1 stopped with a reason, 3 a daily allowance is spent, 128 + n ended by signal n.
    """
    set_up_logging()
    try:
        output = Output()
        output.pipe.catch_signals()
        settings = load_config(config)
        if discovers:
            clock = Clock()
            client = MarketoClient(settings, clock)
            output.catalog(discover(Account(client, clock, NAMINGS[settings.names])))
        else:
            _sync(settings, catalog, state, output)
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


def _sync(config: Config, catalog: str | None, state: str | None, output: Output) -> None:
    if not catalog:
        raise CatalogError(
            "Nothing to do without a catalog: make one with --discover, select streams in it, "
            "and give it with --catalog."
        )
    clock = Clock()
    client = MarketoClient(config, clock)
    known = load_state(state)
    entries = load_catalog(catalog)
    if not entries:
        LOGGER.warning("No stream is selected in %s: nothing to sync.", catalog)
    try:
        Sync(client, clock, config, known, output).run(entries)
    except QuotaError as error:
        if config.on_quota == "fail":
            raise
        LOGGER.warning("%s", error)
