"""Activities page by page, and as change events: other tables are kept up to date by them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from tap_marketo.errors import odd_data
from tap_marketo.log import LOGGER
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Page, Row, date_token, dated_pages
from tap_marketo.names import find_names
from tap_marketo.streams.account import Account
from tap_marketo.times import parse_utc

_PATH = "/rest/v1/activities.json"
# The most types that a call takes.
_MOST_TYPES = 10


def activity_pages(
    client: MarketoClient, since: datetime, types: Collection[int]
) -> Iterator[tuple[Sequence[int], Iterator[Page]]]:
    """Yield those types together that go into one call, with the pages of their activities.

    Activities since a time (UTC), that second included (activities.md, Query), of types by number.

    Raises:
        DataError: pages that lead nowhere, or make no sense.
        MarketoError: a call was refused.
    """
    # One token stands for the time in all scans.
    start = cache(partial(date_token, client, since))
    numbers = sorted({*types})
    for first in range(0, len(numbers), _MOST_TYPES):
        some = numbers[first : first + _MOST_TYPES]
        filter_ = {"activityTypeIds": ",".join(map(str, some))}
        yield some, dated_pages(client, _PATH, "activities", start, None, filter_)


@dataclass(frozen=True)
class ChangeEvent:
    """An activity that reports a change.

    Attributes:
        type: the name of its type, as it was asked for.
        date: when it happened, UTC.
        subject: id of the program or list that it is about; None where it names none.
    """

    type: str
    lead: int
    date: datetime
    attributes: Mapping[str, Any]
    subject: int | None


class ChangeEvents:
    """The activities of some types.

    The types have the same names in all accounts, and other numbers (``type_numbers``) in each.

    Attributes:
        found: the names of those that the account has, as they were asked for.
    """

    def __init__(self, account: Account, types: Sequence[str], subject: str = "") -> None:
        """Find the types by their names; the subject is Program, List, or nothing but the lead."""
        self._client = account.client
        self._types = account.activity_types
        names = {number: str(entry["name"]) for number, entry in self._types.items()}
        found = find_names(types, set(names.values()))
        if not found:
            LOGGER.warning(
                "The account has no activity types %s: changes that they report are not seen.",
                ", ".join(types),
            )
        self._name_of = {
            number: wanted
            for wanted, name in found.items()
            for number, other in names.items()
            if other == name
        }
        self._subject = subject.lower()
        self.found = frozenset(found)
        self.type_numbers = sorted(self._name_of)

    def pages(self, since: datetime) -> Iterator[list[ChangeEvent]]:
        """Read the activities since a time (UTC) page by page."""
        for _, pages in activity_pages(self._client, since, self.type_numbers):
            for page in pages:
                yield list(map(self._event, page.rows))

    def _event(self, row: Row) -> ChangeEvent:
        try:
            number = int(row["activityTypeId"])
            listed = row.get("attributes")
            attributes = {
                str(each.get("name")): each.get("value")
                for each in (listed if isinstance(listed, list) else ())
                if isinstance(each, dict)
            }
            return ChangeEvent(
                self._name_of[number],
                int(row["leadId"]),
                parse_utc(str(row["activityDate"])),
                attributes,
                subject_of(self._types[number], row, attributes, self._subject),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise odd_data(
                f"GET {_PATH}: Marketo sent an activity that makes no sense ({error!r})"
            ) from None


def subject_of(
    kind: Mapping[str, Any], row: Row, attributes: Mapping[str, Any], subject: str
) -> int | None:
    """Return the id of what an activity is about; None where it names none.

    The subject is a program or list, in lower case. The primary attribute is its id where the type
    says so, as types.json has it; an attribute may be its id as well.

    Raises:
        ValueError: the id is no number.
    """
    primary = kind.get("primaryAttribute")
    value = None
    if isinstance(primary, dict) and _plain(primary.get("name")).startswith(subject):
        value = row.get("primaryAttributeValueId")
    if value is None:
        named = (each for name, each in attributes.items() if _plain(name) == f"{subject}id")
        value = next(named, None)
    return None if value in (None, "") else int(str(value))


def _plain(name: object) -> str:
    return "".join(filter(str.isalnum, str(name))).lower()
