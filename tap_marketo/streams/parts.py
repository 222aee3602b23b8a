"""Streams whose rows come from a list for each of several objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from tap_marketo.errors import NOT_HERE, MarketoError, TapError
from tap_marketo.failed_parts import concerns_one_part
from tap_marketo.log import LOGGER
from tap_marketo.marketo.pages import Page

Part = Callable[[], Iterable[Page]]


def pages_of_parts(what: str, parts: Mapping[str, Part]) -> Iterator[Page]:
    """Read the lists of some objects; each row says of which object it is.

    An object whose list Marketo refuses is logged, and the others are read. So they are where one
    list fails; the stream then fails at its end.

    Args:
        what: is not there of such an object, in the log.
        parts: ask for the list of each object.

    Raises:
        TapError: a list failed; or all are refused, and this is the first refusal.
    """
    refusals: list[MarketoError] = []
    failures: list[TapError] = []
    for name, ask in parts.items():
        try:
            pages = list(ask())
        except NOT_HERE as error:
            LOGGER.info("%s of %s cannot be listed. %s", what, name, error)
            refusals.append(error)
        except TapError as error:
            if not concerns_one_part(error):
                raise
            LOGGER.warning("%s of %s cannot be read, others are. %s", what, name, error)
            failures.append(error)
        else:
            for page in pages:
                yield Page([{**row, "object": name} for row in page.rows])
    if failures:
        raise failures[0]
    if refusals and len(refusals) == len(parts):
        raise refusals[0]
