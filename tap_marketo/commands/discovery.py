"""Discovery: what the account has, as a Singer catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tap_marketo.errors import AccessDeniedError
from tap_marketo.log import LOGGER, counted, some_of
from tap_marketo.plain_names import is_plain
from tap_marketo.streams.account import Account
from tap_marketo.streams.permissions import PermissionProbe
from tap_marketo.streams.registry import REGISTRY


def discover(account: Account) -> dict[str, Any]:
    """Return the catalog of all streams the account can give.

    Streams whose permission the API user lacks are left out; a warning names the permission.
    """
    account.client.start()
    needing: dict[str, list[str]] = {}
    offered = [kind for kind in REGISTRY if kind.is_offered(account)]
    for kind in offered:
        needing.setdefault(kind.permission, []).append(kind.name)
    permissions = PermissionProbe(account, needing)
    streams: list[dict[str, Any]] = []
    for kind in offered:
        if permissions.has(kind.permission):
            try:
                streams += kind.discover(account)
            except AccessDeniedError as error:
                permissions.deny(kind.permission, error)
    LOGGER.info("Discovered %s.", counted(len(streams), "stream"))
    _warn_of_names(streams)
    return {"streams": streams}


def _warn_of_names(streams: Sequence[dict[str, Any]]) -> None:
    """Warn of names that a target may refuse, or take for another stream's."""
    hard = _hard_names(stream["tap_stream_id"] for stream in streams)
    named = [
        stream["tap_stream_id"]
        for stream in streams
        if stream["tap_stream_id"] in hard or _hard_names(_emitted_columns(stream))
    ]
    if named:
        LOGGER.warning(
            "%d of %d streams have names, or columns with names, that many targets cannot hold: "
            '%s. To have names that all can hold, set "names": "plain" and run discovery again.',
            len(named), len(streams), some_of(named, most=5),
        )  # fmt: skip


def _hard_names(names: Iterable[str]) -> set[str]:
    """Return the names that are not plain, or differ from another in letter case only."""
    names = list(names)
    counts = Counter(name.lower() for name in names)
    return {name for name in names if not is_plain(name) or counts[name.lower()] > 1}


def _emitted_columns(stream: dict[str, Any]) -> list[str]:
    return [
        item["breadcrumb"][-1]
        for item in stream["metadata"]
        if item["breadcrumb"] and item["metadata"]["inclusion"] != "unsupported"
    ]
