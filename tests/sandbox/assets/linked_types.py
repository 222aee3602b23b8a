"""Types of custom objects that do not hang on leads, and the bridges to them (custom-objects.md).

Bulk extract gives "first-level Marketo custom object records linked directly to leads". Others are
reached through a bridge object, as a course through enrollments (the page's example of an edge
object), or hang on companies ("List Linkable Custom Objects").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LEAD, COMPANY = "Lead", "Company"
FIRST_NUMBER = 902


@dataclass(frozen=True)
class LinkedType:
    """One type.

    dedupe: fields that make a row unique, each with its data type.
    links: fields that link to other objects: the field, the object, its field, the data type.
    """

    name: str
    display: str
    dedupe: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str, str, str], ...] = ()

    @property
    def keys(self) -> list[str]:
        """The names of the dedupe fields."""
        return [name for name, _ in self.dedupe]

    @property
    def is_of_leads(self) -> bool:
        """Whether bulk extract gives it."""
        return any(other == LEAD for _, other, _, _ in self.links)

    @property
    def searchable(self) -> list[list[str]]:
        """A compound key as one entry, the id, and each link (as in the examples)."""
        links = [field for field, *_ in self.links]
        return [self.keys, ["marketoGUID"], *([field] for field in links if [field] != self.keys)]


_OF_LEAD = ("leadID", LEAD, "Id", "integer")
COURSE, HOUSE, CONTRACT = "course_c", "house_c", "contract_c"
ENROLLMENT, STAY, SERVICE, LONELY = "enrollment_c", "stay_c", "service_c", "lonely_c"
LINKED_TYPES = (
    LinkedType(COURSE, "Course", (("courseID", "string"),)),
    LinkedType(HOUSE, "House", (("mlsNum", "string"), ("houseOwnerId", "integer"))),
    LinkedType(
        ENROLLMENT, "Enrollment", (("enrollmentID", "string"),),
        (_OF_LEAD, ("courseID", COURSE, "courseID", "string")),
    ),
    LinkedType(
        STAY, "Stay", (("stayNo", "string"),),
        (
            _OF_LEAD, ("courseTaken", COURSE, "courseID", "string"),
            ("mlsNum", HOUSE, "mlsNum", "string"),
            ("ownerId", HOUSE, "houseOwnerId", "integer"),
        ),
    ),
    LinkedType(
        CONTRACT, "Contract", (("contractNo", "string"),),
        (("companyID", COMPANY, "Id", "integer"),),
    ),
    # Of a row of the first example's type: its link is to another custom object's key.
    LinkedType(
        SERVICE, "Service", (("serviceNo", "string"),),
        (("enrollment", ENROLLMENT, "enrollmentID", "string"),),
    ),
    LinkedType(LONELY, "Lonely", (("no", "string"),)),
)  # fmt: skip
BY_NAME = {each.name: each for each in LINKED_TYPES}


def relationships(
    kind: LinkedType, edges_tell: bool, word: str = "relatedTo"
) -> list[dict[str, Any]]:
    """What list and describe say of the links of a type.

    No page shows what describe answers about an edge object. With edges_tell it names its bridges,
    which name nothing but leads; without, the bridges name it.
    """
    own = [
        (field, other, theirs)
        for field, other, theirs, _ in kind.links
        if not (edges_tell and kind.is_of_leads and other in BY_NAME)
    ]
    if edges_tell:
        own += [
            (theirs, bridge.name, field)
            for bridge in LINKED_TYPES
            if bridge.is_of_leads
            for field, other, theirs, _ in bridge.links
            if other == kind.name
        ]
    # Whichever the related object is: the examples call a lead "parent" as well as "child".
    types = ("child", "parent")
    return [
        {"field": field, "type": types[place % 2], word: {"name": other, "field": theirs}}
        for place, (field, other, theirs) in enumerate(own)
    ]
