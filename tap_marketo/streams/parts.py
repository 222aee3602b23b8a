"""Streams whose rows come from a list for each of several objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from tap_marketo.errors import NOT_HERE, MarketoError
from tap_marketo.log import LOGGER
from tap_marketo.marketo.pages import Page

Part = Callable[[], Iterable[Page]]


def pages_of_parts(what: str, parts: Mapping[str, Part]) -> Iterator[Page]:
    """Read the lists of some objects; each row says of which object it is.

    An object whose list Marketo refuses is logged, and the others are read.

    Args:
        what: is not there of such an object, in the log.
        parts: ask for the list of each object.

    Raises:
        MarketoError: all are refused; this is the first refusal.
    """
    refusals: list[MarketoError] = []
    for name, ask in parts.items():
        try:
            pages = list(ask())
        except NOT_HERE as error:
            LOGGER.info("%s of %s cannot be listed. %s", what, name, error)
            refusals.append(error)
        else:
            for page in pages:
                yield Page([{**row, "object": name} for row in page.rows])
    if refusals and len(refusals) == len(parts):
        raise refusals[0]
