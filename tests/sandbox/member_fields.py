"""Fields, statuses and tracks of program members (program-members.md, channels.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.sandbox.values import Value

MOST_CUSTOM = 20
"""Most custom fields of program members (program-members.md)."""

CADENCES = ("norm", "paus")
"""nurtureCadence is a string of length 4 (describe), and swagger-mapi.json has these two values;
bulk-program-member-extract.md writes the second as "pause"."""

TRACKS = ("Stream A", 'Stream "B", late', "Größe \U0001f600")
"""Streams of an engagement program."""


@dataclass(frozen=True)
class MemberField:
    """One field of program members."""

    name: str
    display: str
    data_type: str
    length: int | None = None
    updateable: bool = False
    custom: bool = False
    absent: float = 0.3
    values: tuple[Value, ...] = ()
    """Its values, where they are not the usual ones of its data type."""

    def described(self) -> dict[str, Any]:
        """The entry of describe.json (program-members.md, "Describe")."""
        entry: dict[str, Any] = {
            "name": self.name,
            "displayName": self.display,
            "dataType": self.data_type,
        }
        if self.length is not None:
            entry["length"] = self.length
        return {**entry, "updateable": self.updateable, "crmManaged": False}


# Name, data type, length.
_STANDARD = """
acquiredBy|boolean
attendanceLikelihood|integer
createdAt|datetime
isExhausted|boolean
leadId|integer
membershipDate|datetime
nurtureCadence|string|4
program|string|255
programId|integer
reachedSuccess|boolean
reachedSuccessDate|datetime
registrationLikelihood|integer
statusName|string|255
statusReason|string|255
trackName|string|255
updatedAt|datetime
waitlistPriority|integer
"""

# Name, display name, data type: one of each that a lead field can be made with.
_CUSTOM = """
myCustomField|myCustomField|string
mealChoice|Meal Choice|text
travelNotes|Travel Notes|textarea
guestEmail|Guest Email|email
badgePage|Badge Page|url
guestPhone|Guest Phone|phone
seatNumber|Seat Number|integer
quizScore|Quiz Score|score
discount|Discount|percent
distance|Distance|float
amountPaid|Amount Paid|currency
isSpeaker|Is Speaker|boolean
arrivalDate|Arrival Date|date
checkedInAt|Checked In At|datetime
"""


def make_member_fields() -> list[MemberField]:
    """The fields of the usual account, in the order of the page's example."""
    fields = []
    for line in _STANDARD.split():
        name, kind, *rest = line.split("|")
        fields.append(MemberField(name, name, kind, int(rest[0]) if rest else None))
    custom = []
    for line in _CUSTOM.strip().split("\n"):
        name, display, kind = line.split("|")
        length = 255 if kind == "string" else None
        custom.append(MemberField(name, display, kind, length, updateable=True, custom=True))
    webinar = [
        MemberField("registrationCode", "registrationCode", "string", 100, updateable=True),
        MemberField("webinarUrl", "webinarUrl", "string", 2000, updateable=True),
    ]
    return [*fields, custom[0], *webinar, *custom[1:]]


def describe(fields: Sequence[MemberField], filters: Sequence[str]) -> dict[str, Any]:
    """The one object of describe.json."""
    return {
        "name": "API Program Membership",
        "description": "Map for API program membership fields",
        "createdAt": "2021-03-20T01:30:05Z",
        "updatedAt": "2021-03-20T01:30:05Z",
        "dedupeFields": ["leadId", "programId"],
        "searchableFields": [[name] for name in filters],
        "fields": [field.described() for field in fields],
    }


@dataclass(frozen=True)
class Progression:
    """The statuses of one type of program; the first is "Not in Program" (channels.md)."""

    first_id: int
    names: tuple[str, ...]
    successes: tuple[str, ...]
    nurtures: bool = False
    """Whether members have a track and a cadence: in engagement programs alone."""

    def is_success(self, status: int) -> bool:
        """Whether a member of this status has reached success."""
        return self.names[status] in self.successes


NOT_IN_PROGRAM = "Not in Program"

# Default and user-defined statuses (bulk-program-member-extract.md, "Filters").
PROGRESSIONS = {
    "Default": Progression(
        20, (NOT_IN_PROGRAM, "On List", "Engaged", "Influenced"), ("Influenced",)
    ),
    "Event": Progression(
        1,
        (
            NOT_IN_PROGRAM,
            "Invited",
            'Registered, "early"',
            "Waitlisted",
            "No Show \U0001f600",
            "Attended",
        ),
        ("Attended",),
    ),
    "Engagement": Progression(
        26, (NOT_IN_PROGRAM, "Member", "Engaged", "Influenced"), ("Engaged", "Influenced"), True
    ),
    "Email": Progression(
        40, (NOT_IN_PROGRAM, "Sent", "Opened", "Clicked", "Bounced", "Unsubscribed"), ("Clicked",)
    ),
}
"""By the type of the program, as programs.json has it."""
