"""The lead fields of the sandbox, as leads/describe.json shows them (leads.md, "Describe")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.sandbox.crm.links import LINK_FIELDS
from tests.sandbox.options import Options
from tests.sandbox.values import DATA_TYPES, Value, as_number


@dataclass(frozen=True)
class LeadField:
    """One lead field. `rest` is None where the field is not readable over REST (leads.md)."""

    number: int
    rest: str | None
    display: str
    data_type: str
    standard: bool = True
    read_only: bool = False
    absent: float = 0.3
    length: int | None = None
    values: tuple[Value, ...] = ()
    """Its values, where they are not the usual ones of its data type."""

    @property
    def exportable(self) -> bool:
        """Formula fields "are not exported" (field-types.md); a field needs a REST name."""
        return self.rest is not None and self.data_type != "formula"

    def described(self) -> dict[str, Any]:
        """The entry of describe.json (swagger-mapi.json, LeadAttribute)."""
        entry: dict[str, Any] = {
            "id": self.number,
            "displayName": self.display,
            "dataType": self.data_type,
        }
        if self.length is not None:
            entry["length"] = self.length
        if self.rest is not None:
            entry["rest"] = {"name": self.rest, "readOnly": self.read_only}
        soap = self.rest or self.display.replace(" ", "")
        entry["soap"] = {"name": soap[:1].upper() + soap[1:], "readOnly": self.read_only}
        return entry

    def schema(self, hidden: bool = False) -> dict[str, Any]:
        """The entry of schema/fields.json; isApiCreated is the Swagger's alone (leads.md)."""
        entry: dict[str, Any] = {
            "displayName": self.display,
            "name": self.rest,
            "description": (None, "", 'Told, "quoted" \U0001f600')[self.number % 3],
            "dataType": self.data_type,
            "isHidden": hidden,
            "isHtmlEncodingInEmail": self.data_type in ("string", "email", "phone", "text"),
            "isSensitive": self.number % 4 == 0,
            "isCustom": not self.standard,
        }
        if self.length is not None:
            entry["length"] = self.length
        if self.number % 2 == 0:
            entry["isApiCreated"] = not self.standard and self.number % 8 == 0
        return entry


HIDDEN = (
    LeadField(9001, "hiddenNote", "Hidden Note", "string", standard=False, length=255),
    LeadField(9002, "hiddenScore", "Hidden Score", "score"),
)
"""Hidden fields: the schema has them (leads.md, "Query Fields"), here describe has not."""

# REST name, display name, data type, share of absent values
_STANDARD = """
id|Id|integer|0
createdAt|Created At|datetime|0
updatedAt|Updated At|datetime|0
email|Email Address|email|0.05
firstName|First Name|string|0.1
middleName|Middle Name|string|0.8
lastName|Last Name|string|0.05
salutation|Salutation|string|0.5
company|Company Name|string|0.2
title|Job Title|string|0.3
phone|Phone Number|phone|0.3
mobilePhone|Mobile Phone Number|phone|0.6
fax|Fax Number|phone|0.9
website|Website|url|0.4
address|Address|text|0.4
city|City|string|0.3
state|State|string|0.4
country|Country|string|0.2
postalCode|Postal Code|string|0.3
dateOfBirth|Date of Birth|date|0.7
industry|Industry|string|0.4
numberOfEmployees|Num Employees|integer|0.5
annualRevenue|Annual Revenue|currency|0.5
leadScore|Lead Score|integer|0.2
priority|Priority|integer|0.8
relativeScore|Relative Score|integer|0.8
rating|Lead Rating|string|0.6
leadStatus|Lead Status|string|0.4
leadSource|Lead Source|string|0.3
leadRole|Role|string|0.8
leadPartitionId|Lead Partition Id|integer|0
unsubscribed|Unsubscribed|boolean|0
unsubscribedReason|Unsubscribed Reason|text|0.8
emailInvalid|Email Invalid|boolean|0
doNotCall|Do Not Call|boolean|0
inferredCompany|Inferred Company|string|0.5
inferredCountry|Inferred Country|string|0.5
originalSourceType|Original Source Type|string|0.2
originalReferrer|Original Referrer|url|0.4
anonymousIP|Anonymous IP|string|0.6
mktoIsPartner|Is Partner|boolean|0
cookies|Cookies|string|0.5
contactCompany|Contact Company|reference|0.3
leadPerson|Lead Person|lead_function|0.5
ecids|ECIDs|array|0.6
"""

_CUSTOM_NAMES = {
    "string": "favouriteColour",
    "text": "shortNotes",
    "textarea": "callNotes",
    "email": "secondEmail",
    "url": "profilePage",
    "phone": "assistantPhone",
    "reference": "parentAccount",
    "lead_function": "buyingRole",
    "formula": "fullGreeting",
    "integer": "externalNumber",
    "score": "behaviourScore",
    "percent": "discountPercent",
    "float": "latitude",
    "currency": "lifetimeValue",
    "boolean": "isSubscriber",
    "date": "renewalDate",
    "datetime": "lastContactAt",
    "array": "interestTags",
}

UNIQUE_FIELD = "sandboxUnique"
"""A custom string that no two leads and no two versions of one lead share."""
LONG_FIELD = "longNotes"
"""A custom text area in which some leads have 30,000 bytes, the most there may be."""
BODY_FIELD = "sandboxBody"
"""The text column that --text-bytes adds."""


def make_fields(options: Options) -> list[LeadField]:
    """All lead fields."""
    fields: list[LeadField] = []

    def add(rest: str | None, display: str, kind: str, standard: bool, absent: float) -> None:
        read_only = rest in ("id", "createdAt", "updatedAt")
        length = {"string": 255, "text": 2000, "textarea": 30000}.get(kind)
        # The partitions that there are; any numbers where there is none.
        there = range(1, options.lead_partitions + 1) if rest == "leadPartitionId" else ()
        values = tuple(map(as_number, there))
        number = len(fields) + 2
        fields.append(
            LeadField(number, rest, display, kind, standard, read_only, absent, length, values)
        )

    for line in _STANDARD.split("\n"):
        if line:
            rest, display, kind, absent = line.split("|")
            add(rest, display, kind, True, float(absent))
    for kind in DATA_TYPES:
        name = _CUSTOM_NAMES[kind]
        add(name, "Custom " + kind.replace("_", " ").title(), kind, False, 0.35)
    add(None, "Not Over Rest", "string", False, 1.0)
    add(UNIQUE_FIELD, "Sandbox Unique", "string", False, 0.0)
    add(LONG_FIELD, "Long Notes", "textarea", False, 0.0)
    # Names that an importer might mangle: a suffix __c, a digit first, mixed case.
    add("Region__c", "Region (CRM)", "string", False, 0.5)
    add("2ndChoice", "2nd Choice", "string", False, 0.6)
    add("oldLeadScore", "Lead Score (old)", "score", False, 0.6)
    for rest, display, kind in LINK_FIELDS if options.crm_objects else ():
        add(rest, display, kind, True, 0.0)
    if options.text_bytes:
        add(BODY_FIELD, "Sandbox Body", "textarea", False, 0.0)
    for number in range(1, options.sparse_strings + 1):
        add(f"sparse{number:04d}", f"Sparse {number:04d}", "string", False, 0.9)
    kinds = ("string", "integer", "boolean", "datetime", "float", "string", "date", "score")
    short = options.lead_fields - sum(field.exportable for field in fields)
    for number in range(1, short + 1):
        kind = kinds[number % len(kinds)]
        add(f"customField{number:04d}", f"Custom Field {number:04d}", kind, False, 0.6)
    return fields


def schema_of(
    fields: list[LeadField], standard: bool = True, custom: bool = True
) -> list[dict[str, Any]]:
    """What schema/fields.json shows to a role that may see standard fields, custom ones or both.

    "Depending on the role permissions, the response can include standard fields, custom fields,
    and hidden fields" (leads.md, "Query Fields").
    """
    shown = [(field, False) for field in fields if field.rest] + [(each, True) for each in HIDDEN]
    return [
        field.schema(hidden) for field, hidden in shown if (standard if field.standard else custom)
    ]
