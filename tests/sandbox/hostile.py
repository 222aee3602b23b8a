"""What the option `hostile` adds to an account: names and values that are hard to hand on.

activities.md allows letters, digits, spaces and underscores in the names of new custom types; names
of existing types and of attributes are bound by no page, and a client has to read what there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.sandbox.activity_types import ActivityType, custom_type
from tests.sandbox.fields import LeadField
from tests.sandbox.member_fields import MemberField
from tests.sandbox.values import Value, as_number, as_text, make_pool

FIRST_HOSTILE = 100_101

HUGE = (
    123_456_789_012_345_678_901,
    -123_456_789_012_345_678_901,
    2**63,
    -(2**63) - 1,
    2**64,
    10**40,
)
"""Beyond the signed integers of 64 bits; no page bounds an integer."""

ZONED = (
    "2026-01-02T03:04:05+05:30",
    "2026-01-02T03:04:05-08:00",
    "2026-03-01T00:00:00+14:00",
    "2025-12-31T23:59:59-12:00",
    # In UTC the first is in the year 0 and the last in the year 10000.
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-05:00",
)
"""Datetimes with an offset: "TZD is "+hh:mm" or "-hh:mm"" (field-types.md)."""

TEXTS = (
    'she said "yes" \U0001f389\nand then "no" \U0001f494',
    '"\U0001f600"',
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\r\n\U0001f1e9\U0001f1ea, a family",
    '\n"\n',
    "it's; 50% 'off'\\\"",
    '{"quote": "\\"", \'emoji\': \'\U0001f680\'}',
)

_LONG_NAME = (
    "Attend the Annual Conference of Customers and Partners in Llanfairpwllgwyngyll and Stay "
)
_LONG_QUESTION = "Which of our products have you or your colleagues looked at this year"

LONG_TEXT = 'We call it so, and "so", and say why.\n' * 270
"""More than 10,000 characters; no page bounds a description or a display name."""

# Of types, in turns.
_DESCRIPTIONS = (None, "", "She said \"yes\",\r\n\tand 'no'; -- %s \\ :x ", LONG_TEXT)

_TYPES = (
    ('Web/Form "Contact"', "webFormContact"),
    ("Follow-up Call", "followUpCall"),
    ("FOLLOW-UP CALL", "followUpCallLegacy"),
    # The same for 80 characters and more.
    (_LONG_NAME + "for Dinner", "stayForDinner"),
    (_LONG_NAME + "Overnight", "stayOvernight"),
    # Nothing of the two in Japanese is a letter of ASCII.
    ("Téléchargement", "telechargement"),
    ("製品ページ閲覧", "viewProductPage"),
    ("資料請求", "requestMaterial"),
    ("3rd Party Event", "thirdPartyEvent"),
    # The same without their punctuation.
    ("Ask: Demo", "askDemoColon"),
    ("Ask Demo", "askDemo"),
)

_ATTRIBUTES = (
    "Page/Path|string|pagePath",
    "Follow-up|boolean|followUp",
    'The "Quoted" One|string|quoted',
    f"{_LONG_QUESTION}|string|productsLookedAt",
    f"{_LONG_QUESTION}, and why|text|productsLookedAtWhy",
    "ページ名|string|pageName",
    "Durée|integer|duration",
    "Colour|string|colourOne",
    "colour|string|colourTwo",
    "a-b|string|aHyphenB",
    "a b|string|aSpaceB",
    "2nd Answer|text|secondAnswer",
    "Id|integer|surveyId",
    "Huge Number|integer|hugeNumber",
    "Answered At|datetime|answeredAt",
)


def hostile_fields(seed: int, first: int) -> list[LeadField]:
    """Custom lead fields, numbered from `first` on.

    The names of three differ from another field's in letter case only, their values from that
    field's in every lead.
    """
    fields = (
        ("createdat", "Old Creation Date", "string", _labels("imported in batch")),
        ("Company_Size__c", "Company Size CRM", "string", _labels("employees: about")),
        ("company_size__c", "Company Size", "string", _labels("size class")),
        ("hugeNumber", "Huge Number", "integer", _numbers(seed, "integer")),
        ("hugeScore", "Huge Score", "score", _numbers(seed, "score")),
        ("seenAt", "Seen At", "datetime", _moments(seed)),
        ("wordsOnThePhone", "Words on the Phone", "string", _texts(seed)),
    )
    return [
        LeadField(first + place, rest, display, kind, standard=False, values=values)
        for place, (rest, display, kind, values) in enumerate(fields)
    ]


def hostile_member_fields(seed: int) -> list[MemberField]:
    """Custom fields of program members; two are named as others but for letter case."""
    fields = (
        ("updatedat", "Old Update", "string", _labels("imported in batch")),
        ("MyCustomField", "My Custom Field", "string", _labels("of my own:")),
        ("hugeNumber", "Huge Number", "integer", _numbers(seed, "integer")),
        ("seenAt", "Seen At", "datetime", _moments(seed)),
        ("wordsOnThePhone", "Words on the Phone", "string", _texts(seed)),
    )
    return [
        MemberField(name, display, kind, updateable=True, custom=True, values=values)
        for name, display, kind, values in fields
    ]


ROUGH_FIELDS: tuple[tuple[str, str | None, str], ...] = (
    ("marketoguid", "Old GUID", "string"),
    ("Colour", "The \"Colour\",\nas on the 'card'", "string"),
    ("colour", LONG_TEXT, "string"),
    ("2nd_owner", None, "string"),
    ("__c", " \n", "text"),
    ("hugeNumber", "Huge Number", "integer"),
    ("seenAt", "Seen At", "datetime"),
)
"""Name, display name and data type of fields of a custom object.

Names "can contain alphanumeric characters and the underscore character" (custom-objects.md).
"""


def rough_values(seed: int) -> dict[str, tuple[Value, ...]]:
    """The values of those fields that have not the usual ones, by name."""
    return {
        "marketoguid": _labels("before the move:"),
        "Colour": _labels("RAL"),
        "colour": _labels("shade"),
        "2nd_owner": _texts(seed),
        "hugeNumber": _numbers(seed, "integer"),
        "seenAt": _moments(seed),
    }


def hostile_types(seed: int) -> list[ActivityType]:
    """Custom activity types; the last has the attributes that are hard to name."""
    types = [
        custom_type(FIRST_HOSTILE + place, name, api_name, "Place|string|place", "Note|text|note")
        for place, (name, api_name) in enumerate(_TYPES)
    ]
    number = FIRST_HOSTILE + len(types)
    survey = custom_type(
        number, "Answer Survey", "answerSurvey", "Form/Name|string|formName", *_ATTRIBUTES
    )
    pools = {
        "Page/Path": _texts(seed),
        "Huge Number": _numbers(seed, "integer"),
        "Answered At": _moments(seed),
    }
    attributes = (
        replace(attribute, values=pools.get(attribute.name, ())) for attribute in survey.attributes
    )
    types.append(replace(survey, attributes=tuple(attributes)))
    return [
        replace(kind, description=_DESCRIPTIONS[place % len(_DESCRIPTIONS)])
        for place, kind in enumerate(types)
    ]


def _labels(text: str) -> tuple[Value, ...]:
    return tuple(as_text(f"{text} {number}") for number in range(1, 60))


def _numbers(seed: int, kind: str) -> tuple[Value, ...]:
    return _mixed(seed, kind, [as_number(number) for number in HUGE])


def _moments(seed: int) -> tuple[Value, ...]:
    return _mixed(seed, "datetime", [as_text(text) for text in ZONED])


def _texts(seed: int) -> tuple[Value, ...]:
    return _mixed(seed, "string", [as_text(text) for text in TEXTS])


def _mixed(seed: int, kind: str, values: Sequence[Value]) -> tuple[Value, ...]:
    """The values beside as many usual ones of the type."""
    usual = make_pool(f"{seed}:hostile:{kind}", kind, 0.3)
    return (*values, *usual[: len(values)])
