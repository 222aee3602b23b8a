"""Who is shown a list while a stream reads it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from tap_marketo.marketo.pages import Page
from tap_marketo.protocol.emitter import Emitter


class ListWatcher(Protocol):
    """Is shown a whole list, page by page."""

    def begin(self, time: datetime) -> None:
        """Note that the first page is asked for now (UTC)."""

    def add(self, page: Page, time: datetime) -> None:
        """Take a page with all of its rows, fetched at a time (UTC)."""

    def end(self, emitter: Emitter) -> None:
        """Note that the list has been read to its end."""
