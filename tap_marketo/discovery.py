"""Discovery: what the account has, as a Singer catalog."""

from __future__ import annotations

from typing import Any

from tap_marketo.log import LOGGER
from tap_marketo.streams.account import Account
from tap_marketo.streams.registry import REGISTRY


def discover(account: Account) -> dict[str, Any]:
    """Return the catalog of all streams the account can give."""
    account.client.start()
    streams = [entry for kind in REGISTRY for entry in kind.discover(account)]
    LOGGER.info("Discovered %d streams.", len(streams))
    return {"streams": streams}
