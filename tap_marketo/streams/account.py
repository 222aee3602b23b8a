"""What the account has, asked for once a run by whichever stream needs it first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from tap_marketo.clock import Clock
from tap_marketo.errors import DataError, MarketoError
from tap_marketo.marketo import describe
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.describe import LeadField
from tap_marketo.names import AsMarketo, Naming


class Account:
    """An account and the way to it.

    Attributes:
        client: makes the calls.
        clock: tells the time.
        naming: how what is discovered is named; a sync goes by its catalog.
    """

    def __init__(self, client: MarketoClient, clock: Clock, naming: Naming | None = None) -> None:
        """Ask for nothing yet."""
        self.client = client
        self.clock = clock
        self.naming = naming or AsMarketo()
        self._no_types: MarketoError | DataError | None = None

    @cached_property
    def lead_fields(self) -> list[LeadField]:
        """The lead fields that Marketo has now."""
        return describe.lead_fields(self.client)

    @cached_property
    def activity_types(self) -> Mapping[int, Mapping[str, Any]]:
        """The activity types that Marketo has now, by number.

        Where they cannot be had, they are not asked for again: several kinds of stream need them.
        """
        if self._no_types:
            raise self._no_types
        try:
            return describe.activity_types(self.client)
        except (MarketoError, DataError) as error:
            self._no_types = error
            raise
