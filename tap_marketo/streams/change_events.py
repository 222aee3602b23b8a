"""Activities as change events: other tables are kept up to date by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tap_marketo.errors import DataError
from tap_marketo.log import LOGGER
from tap_marketo.marketo.pages import Row
from tap_marketo.names import find_names
from tap_marketo.streams.account import Account
from tap_marketo.streams.activity_pages import PATH, ActivityPages, together
from tap_marketo.times import parse_utc


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

    The types have the same names in all accounts, and other numbers in each.

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

    @property
    def type_numbers(self) -> list[int]:
        """The numbers of the types."""
        return sorted(self._name_of)

    def pages(self, since: datetime) -> Iterator[list[ChangeEvent]]:
        """Read the activities since a time (UTC) page by page (activities.md, Query)."""
        pages = ActivityPages(self._client, since)
        for types in together(self.type_numbers):
            for rows in pages.of(types):
                yield list(map(self._event, rows))

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
            raise DataError(
                f"GET {PATH}: Marketo sent an activity that makes no sense ({error!r}). Run "
                "again; if it stays so, show it to Marketo Support."
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
