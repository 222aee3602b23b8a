"""Activities read as signs: what has changed, by which other tables are kept up to date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tap_marketo.errors import DataError
from tap_marketo.log import LOGGER
from tap_marketo.marketo.pages import Row, dated_pages
from tap_marketo.names import find_names
from tap_marketo.streams.account import Account
from tap_marketo.times import parse_utc

_PATH = "/rest/v1/activities.json"
# activities.md, Query: so many types a call.
_MOST_TYPES = 10


@dataclass(frozen=True)
class Sign:
    """One activity.

    Attributes:
        type: the name of its type, as it was asked for.
        lead: id of the lead.
        date: when it happened, UTC.
        attributes: values by the attributes' names.
        subject: id of the program or list it is about, None where it tells of none.
    """

    type: str
    lead: int
    date: datetime
    attributes: Mapping[str, Any]
    subject: int | None


class ActivityLog:
    """The activities of some types, which Marketo numbers as it likes and names always alike."""

    def __init__(self, account: Account, types: Sequence[str], subject: str = "") -> None:
        """Find the types.

        Args:
            account: whose activities they are.
            types: their names; those that the account lacks have no activities.
            subject: what they are about, Program or List.
        """
        self._client = account.client
        self._types = account.activity_types
        names = {number: str(entry["name"]) for number, entry in self._types.items()}
        found = find_names(types, set(names.values()))
        if not found:
            LOGGER.warning(
                "Marketo has none of the activity types %s: what they would tell is not seen.",
                ", ".join(types),
            )
        self._name_of = {
            number: wanted
            for wanted, name in found.items()
            for number, other in names.items()
            if other == name
        }
        self._subject = subject.lower()

    @property
    def numbers(self) -> list[int]:
        """The numbers of the types."""
        return sorted(self._name_of)

    def pages(self, since: datetime) -> Iterator[list[Sign]]:
        """Read the activities since a time (UTC) page by page (activities.md, Query)."""
        numbers = self.numbers
        for start in range(0, len(numbers), _MOST_TYPES):
            asked = ",".join(map(str, numbers[start : start + _MOST_TYPES]))
            filter_ = {"activityTypeIds": asked}
            for page in dated_pages(self._client, _PATH, "activities", since, None, filter_):
                yield list(map(self._sign, page.rows))

    def _sign(self, row: Row) -> Sign:
        try:
            number = int(row["activityTypeId"])
            told = row.get("attributes")
            attributes = {
                str(each.get("name")): each.get("value")
                for each in (told if isinstance(told, list) else ())
                if isinstance(each, dict)
            }
            return Sign(
                self._name_of[number],
                int(row["leadId"]),
                parse_utc(str(row["activityDate"])),
                attributes,
                subject_of(self._types[number], row, attributes, self._subject),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"GET {_PATH}: Marketo sent an activity that makes no sense ({error!r}). Run "
                "again; if it stays so, show it to Marketo Support."
            ) from None


def subject_of(
    kind: Mapping[str, Any], row: Row, attributes: Mapping[str, Any], subject: str
) -> int | None:
    """Return the id of what an activity is about, None where it tells of none.

    Args:
        kind: what types.json tells of its type: the primary attribute may be the subject.
        row: the activity.
        attributes: its values by the attributes' names; one may be the id of the subject.
        subject: program or list, in lower case.

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
