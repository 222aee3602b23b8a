"""Discovery: what the account has, as a Singer catalog."""

from __future__ import annotations

from typing import Any

from tap_marketo.errors import AccessDeniedError
from tap_marketo.log import LOGGER
from tap_marketo.streams.account import Account
from tap_marketo.streams.permissions import Grants
from tap_marketo.streams.registry import REGISTRY


def discover(account: Account) -> dict[str, Any]:
    """Return the catalog of all streams the account can give.

    Streams that the API user may not read are left out, with a warning for each permission.
    """
    account.client.start()
    grants = Grants(account)
    streams: list[dict[str, Any]] = []
    for kind in REGISTRY:
        if grants.has(kind.permission):
            try:
                streams += kind.discover(account)
            except AccessDeniedError as error:
                grants.deny(kind.permission, error)
    LOGGER.info("Discovered %d streams.", len(streams))
    return {"streams": streams}
