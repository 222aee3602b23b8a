"""Ways to read a list page by page. Each yields pages and refuses to run in circles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.errors import DataError, RequestRefusedError, TapError, odd_data
from tap_marketo.log import LOGGER
from tap_marketo.marketo.answers import Envelope
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.ways import MAY_LACK_RESULT, REST, Way
from tap_marketo.times import before, to_marketo

# paging-tokens.md: the most a lead database call returns.
BATCH_SIZE = 300
# assets.md, user-management.md: the most that a call returns of assets, or of users.
MAX_RETURN = 200
# Empty pages in a row, each promising more, after which a list is taken to lead nowhere.
MOST_EMPTY_PAGES = 20
# The same of activities, where years may pass between two of them, a stretch in each call.
_MOST_EMPTY_STRETCHES = 500
# How a page token that is none any more is refused: as a value of the wrong type, or as invalid
# data (error-codes.md; no page speaks of tokens by name).
_STALE_TOKEN = frozenset({"1001", "1003"})
_SECOND = timedelta(seconds=1)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    """Rows of one answer.

    Attributes:
        rows: JSON objects.
        next_token: with which a later run can go on after this page; None where there is no such
            thing or nothing follows.
        restarted: the scan restarted with this page.
        moved: the list has changed under the reader by now, so that a row may stand in it that no
            page shows. A page token is a place in the list, whatever comes or goes before it.
        part: of the list to which the rows belong, where parts are asked for one after the other.
        error: why no more of this part can be read.
    """

    rows: list[Row]
    next_token: str | None = None
    restarted: bool = False
    moved: bool = False
    part: str = ""
    error: TapError | None = None


def all_rows(
    client: MarketoClient,
    path: str,
    endpoint: str,
    params: Mapping[str, Any] | None = None,
    way: Way = REST,
) -> list[Row]:
    """Read a list, or what there is of a single thing, that comes whole in one answer.

    Raises:
        DataError: it holds something else than objects.
    """
    return rows_of(path, client.get(path, endpoint, params, way=way))


def token_pages(
    client: MarketoClient,
    path: str,
    endpoint: str,
    token: str | None,
    filter_: Mapping[str, Any] | None = None,
) -> Iterator[Page]:
    """Read a list of the lead database by its position tokens (paging-tokens.md).

    A stopped scan resumes at its token. If Marketo refuses the token, the scan restarts.

    Raises:
        DataError: a token comes twice, or nothing but empty pages.
    """

    def ask(token: str | None) -> Envelope:
        return client.get(path, endpoint, _batch(filter_, token))

    return _scan(path, ask, token, _token, MOST_EMPTY_PAGES)


def query_pages(
    client: MarketoClient, path: str, endpoint: str, query: Mapping[str, Any]
) -> Iterator[Page]:
    """Read the rows that a query matches (lead-database.md, Query), which is sent as a form.

    Raises:
        DataError: a token comes twice, nothing but empty pages, or more follows without a token.
    """

    def ask(token: str | None) -> Envelope:
        return client.query(path, endpoint, _batch(query, token))

    # Not every answer that has a token is defined with moreResult (swagger-mapi.json).
    return _scan(path, ask, None, _token_if_more, MOST_EMPTY_PAGES)


def dated_pages(
    client: MarketoClient,
    path: str,
    endpoint: str,
    start: Callable[[], str],
    token: str | None,
    filter_: Mapping[str, Any] | None = None,
) -> Iterator[Page]:
    """Read activities since a time (paging-tokens.md, Date-Based; activities.md).

    Marketo looks through a stretch of time in each call: a page may be short or empty and yet not
    the last. Only moreResult says whether more follows.

    A new scan begins at the token that ``start`` returns, a stopped one resumes at its own.

    Raises:
        DataError: a token comes twice, nothing but empty pages, or no word on whether more follows.
    """

    def ask(token: str | None) -> Envelope:
        # Where a stretch of time holds nothing, Marketo leaves the result out.
        return client.get(path, endpoint, _batch(filter_, token or start()), MAY_LACK_RESULT)

    def following(path: str, envelope: Envelope) -> str | None:
        token = _token_if_more(path, envelope)
        if not isinstance(envelope.get("moreResult"), bool):
            raise DataError(f"GET {path}: Marketo does not say whether more follows. Run again.")
        return token

    return _scan(path, ask, token, following, _MOST_EMPTY_STRETCHES)


def _batch(query: Mapping[str, Any] | None, token: str | None) -> dict[str, Any]:
    """Return the parameters of a page of what a query matches."""
    params = {**(query or {}), "batchSize": BATCH_SIZE}
    return {**params, "nextPageToken": token} if token else params


def _scan(
    path: str,
    ask: Callable[[str | None], Envelope],
    token: str | None,
    following: Callable[[str, Envelope], str | None],
    most_empty: int,
) -> Iterator[Page]:
    """Read a list page by page; ``following`` returns the token of the page after an answer.

    Where Marketo no longer takes the last run's token, the scan restarts. A refusal for anything
    but the token is raised: the token is still good then.
    """
    seen: set[str] = set()
    empty = 0
    is_resumed = token is not None
    while True:
        restarted = False
        try:
            envelope = ask(token)
        except RequestRefusedError as error:
            if not is_resumed or error.code not in _STALE_TOKEN:
                raise
            LOGGER.warning("The page token of the last run is refused; starting over. %s", error)
            envelope, restarted = ask(None), True
        is_resumed = False
        token = following(path, envelope)
        rows = rows_of(path, envelope)
        # An empty page with a token is not the end.
        empty = 0 if rows else empty + 1
        if token and empty > most_empty:
            raise endless(
                path,
                f"answered {empty} times in a row with an empty page and a new page token",
            )
        yield Page(rows, token, restarted)
        if token is None:
            return
        if token in seen:
            raise endless(path, "gave the same page token twice")
        seen.add(token)


def endless(path: str, what: str) -> DataError:
    """Return the error for a list whose pages lead nowhere, given what Marketo did."""
    return odd_data(f"GET {path}: Marketo {what}, which would never end")


def date_token(client: MarketoClient, since: datetime) -> str:
    """Return a token for the activities of a time and after it.

    A token stands for what "occurred after the date" (paging-tokens.md, Date-Based), in whole
    seconds, and so leaves out that second itself: what is written in it after a run has read it
    would be lost to the next run.
    """
    path = "/rest/v1/activities/pagingtoken.json"
    params = {"sinceDatetime": to_marketo(before(since, _SECOND))}
    token = _token(path, client.get(path, "paging_token", params, MAY_LACK_RESULT))
    if token is None:
        raise DataError(f"GET {path}: Marketo answers without a page token. Run again.")
    return token


def _token_if_more(path: str, envelope: Envelope) -> str | None:
    more, token = envelope.get("moreResult"), _token(path, envelope)
    if more is True and token is None:
        raise DataError(f"GET {path}: Marketo promises more without a page token. Run again.")
    return None if more is False else token


def _token(path: str, envelope: Envelope) -> str | None:
    token = envelope.get("nextPageToken") or None
    if token is None or (isinstance(token, str) and token.isascii() and token.isprintable()):
        return token
    # It goes into an address and into the state, and not all text can.
    raise DataError(f"GET {path}: the page token is not printable text: {token!a}. Run again.")


def rows_of(path: str, envelope: Envelope) -> list[Row]:
    """Return the rows of an answer.

    Raises:
        DataError: it holds something else than objects.
    """
    rows = envelope["result"]
    if not all(isinstance(row, dict) for row in rows):
        raise odd_data(f"GET {path}: the result holds something else than objects")
    return list(rows)
