"""The activity types of the sandbox, as activities/types.json shows them (activities.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.values import DATA_TYPES, Value

DELETE_LEAD = 37
"""The type that bulk extract refuses (bulk-activity-extract.md, "Filters")."""
CHANGE_STATUS, ADD_TO_NURTURE, CHANGE_TRACK, CHANGE_CADENCE = 104, 113, 114, 115
CHANGE_MEMBER_DATA = 123
ABOUT_MEMBERS = (CHANGE_STATUS, ADD_TO_NURTURE, CHANGE_TRACK, CHANGE_CADENCE, CHANGE_MEMBER_DATA)
"""Types that tell of a change of a membership in a program: none is recorded without one."""
NEW_LEAD, CHANGE_DATA_VALUE, CHANGE_SCORE = 12, 13, 22
ADD_TO_LIST, REMOVE_FROM_LIST, MERGE_LEADS = 24, 25, 32
CHANGE_OWNER, CHANGE_STAGE, CHANGE_PARTITION = 51, 101, 103
ABOUT_LEADS = (
    *(NEW_LEAD, CHANGE_DATA_VALUE, ADD_TO_LIST, REMOVE_FROM_LIST),
    *(MERGE_LEADS, CHANGE_OWNER, CHANGE_STAGE, CHANGE_PARTITION),
)
"""Types that tell of a change of a lead or a list: none is recorded without one."""
SEND_EMAIL, EMAIL_DELIVERED, OPEN_EMAIL, CLICK_EMAIL = 6, 7, 10, 11
EMAIL_BOUNCED, UNSUBSCRIBE_EMAIL, EMAIL_BOUNCED_SOFT = 8, 9, 27
ABOUT_MAILS = (
    *(SEND_EMAIL, EMAIL_DELIVERED, EMAIL_BOUNCED, UNSUBSCRIBE_EMAIL),
    *(OPEN_EMAIL, CLICK_EMAIL, EMAIL_BOUNCED_SOFT),
)
"""Types that tell of a mail to a lead: all but the first come after a send."""
FIRST_CUSTOM = 100_001


@dataclass(frozen=True)
class Attribute:
    """An attribute of an activity type; only custom types have names for the API."""

    name: str
    data_type: str
    api_name: str | None = None
    values: tuple[Value, ...] = ()
    """Its values, where they are not the usual ones of its data type."""

    @classmethod
    def read(cls, entry: dict[str, Any]) -> Attribute:
        """The attribute that a control call describes in the shape of types.json."""
        return cls(str(entry["name"]), str(entry["dataType"]), entry.get("apiName"))

    def described(self) -> dict[str, Any]:
        """The entry of types.json (swagger-mapi.json, ActivityTypeAttribute)."""
        entry: dict[str, Any] = {"name": self.name, "dataType": self.data_type}
        if self.api_name is not None:
            entry["apiName"] = self.api_name
        return entry


@dataclass(frozen=True)
class ActivityType:
    """One activity type."""

    id: int
    name: str
    description: str | None
    primary: Attribute | None
    attributes: tuple[Attribute, ...] = field(default=())
    api_name: str | None = None

    def described(self) -> dict[str, Any]:
        """The entry of types.json; it "does not indicate whether a given type is custom"."""
        entry: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "description": self.description,
        }
        if self.api_name is not None:
            entry["apiName"] = self.api_name
        if self.primary is not None:
            entry["primaryAttribute"] = self.primary.described()
        entry["attributes"] = [attribute.described() for attribute in self.attributes]
        return entry


# id|name|primary attribute|other attributes; a data type follows a colon, string where none does;
# an indented line goes on with the line before.
_STANDARD = """
1|Visit Webpage|Webpage ID:integer|Client IP Address;Query Parameters;Referrer URL;User Agent;
  Webpage URL;Search Engine;Search Query;Token
2|Fill Out Form|Webform ID:integer|Client IP Address;Form Fields:text;Query Parameters;
  Referrer URL;User Agent;Webpage ID:integer
12|New Lead||Form Name;List Name;SFDC Type;Source Type;Created Date:date;API Method Name;
  Modifying User;Request Id
13|Change Data Value|Attribute Name|New Value:text;Old Value:text;Reason:text;Source;
  API Method Name;Modifying User;Request Id
37|Delete Lead|Lead ID:integer|API Method Name;Modifying User;Request Id
6|Send Email|Mailing ID:integer|Campaign Run ID:integer;Choice Number:integer;
  Has Predictive:boolean;Step ID:integer;Test Variant:integer
7|Email Delivered|Mailing ID:integer|Campaign Run ID:integer;Choice Number:integer;
  Has Predictive:boolean;Step ID:integer;Test Variant:integer
10|Open Email|Mailing ID:integer|Campaign Run ID:integer;Choice Number:integer;Device;
  Has Predictive:boolean;Is Mobile Device:boolean;Is Bot Activity:boolean;Bot Activity Pattern;
  Platform;Step ID:integer;Test Variant:integer;User Agent
11|Click Email|Mailing ID:integer|Campaign Run ID:integer;Choice Number:integer;Device;
  Is Bot Activity:boolean;Bot Activity Pattern;Is Mobile Device:boolean;Is Predictive:boolean;
  Link;Link ID;Platform;Step ID:integer;Test Variant:integer;User Agent
3|Click Link|Link ID:integer|Client IP Address;Query Parameters;Referrer URL;User Agent;
  Webpage ID:integer
8|Email Bounced|Mailing ID:integer|Campaign Run ID:integer;Category;Choice Number:integer;
  Details:text;Email;Has Predictive:boolean;Step ID:integer;Subcategory;Test Variant:integer
9|Unsubscribe Email|Mailing ID:integer|Campaign Run ID:integer;Client IP Address;Form Fields:text;
  Query Parameters;Referrer URL;Test Variant:integer;User Agent;Webform ID:integer;
  Webpage ID:integer
22|Change Score|Score Name|Change Value:score;New Value:score;Old Value:score;Reason:text;
  Urgency:float;Priority:float;Relative Score:float;Relative Urgency:float
24|Add to List|List ID:integer|Source
25|Remove from List|List ID:integer|Source
27|Email Bounced Soft|Mailing ID:integer|Campaign Run ID:integer;Category;Choice Number:integer;
  Details:text;Email;Step ID:integer;Subcategory
32|Merge Leads|Lead ID:integer|Master Updated:boolean;Merge IDs:array;Merge Fields:text;
  Merge Source;Merged in Sales:boolean
34|Add to Opportunity|Oppty ID:integer|Role;Is Primary:boolean;API Method Name
104|Change Status in Progression|Program ID:integer|Acquired By:boolean;New Status;
  New Status ID:integer;Old Status;Old Status ID:integer;Program Member ID:integer;Reason:text;
  Registration Code;Success:boolean;Webinar URL:url
113|Add to Nurture|Program ID:integer|Track ID:integer;Track Name
114|Change Nurture Track|Program ID:integer|New Track ID:integer;New Track Name;
  Previous Track ID:integer;Previous Track Name
115|Change Nurture Cadence|Program ID:integer|New Nurture Cadence;Previous Nurture Cadence
51|Change Owner|New Owner|Old Owner;Reason:text
101|Change Revenue Stage|Model ID:integer|New Stage ID:integer;Old Stage ID:integer;Reason:text;
  SLA Expiration:datetime
123|Change Program Member Data|Program ID:integer|Attribute Name;New Value:text;Old Value:text;
  Reason:text;Source;API Method Name
103|Change Lead Partition|Lead Partition ID:integer|New Partition;Old Partition;Reason:text
46|Interesting Moment|Milestone|Date:date;Description:text;Source
38|Send Alert|Mailing ID:integer|Send To List:text;Send To Smart List
110|Call Webhook|Webhook|Error Type:integer;Response:text
35|Remove from Opportunity|Oppty ID:integer|Role;Is Primary:boolean
36|Update Opportunity|Oppty ID:integer|Data Value Changes:text;Attribute Name;New Value;Old Value
39|Send Sales Email|Mailing ID:integer|Sent By;Step ID:integer;Template ID:integer
40|Open Sales Email|Mailing ID:integer|Device;Is Mobile Device:boolean;Platform;User Agent
41|Click Sales Email|Mailing ID:integer|Device;Is Mobile Device:boolean;Link;Platform;User Agent
43|Receive Sales Email|Mailing ID:integer|Received By
45|Request Campaign|Campaign ID:integer|Source
47|Push Lead to Marketo||Source;Reason:text
48|Share Content|Share Message|Social Network;Promotion
100|Change Segment|Segmentation ID:integer|New Segment ID:integer
102|Merge Records||Details:text
106|Enrich with Data.com||Match Count:integer;Confidence:percent
111|Sent Forward to Friend Email|Mailing ID:integer|Lead ID:integer
112|Received Forward to Friend Email|Mailing ID:integer|Lead ID:integer
145|Push Lead to Marketo Sales||Is Success:boolean;Cost:currency
"""


def _attribute(text: str) -> Attribute:
    name, _, kind = text.partition(":")
    return Attribute(name, kind or "string")


def _standard_types() -> list[ActivityType]:
    types = []
    for line in _STANDARD.replace("\n  ", "").split("\n"):
        if line:
            number, name, primary, others = line.split("|")
            types.append(
                ActivityType(
                    int(number),
                    name,
                    f"{name} (standard)",
                    _attribute(primary) if primary else None,
                    tuple(_attribute(other) for other in others.split(";")),
                )
            )
    return types


def custom_type(number: int, name: str, api_name: str, primary: str, *others: str) -> ActivityType:
    """A custom type; an attribute is written as its name, its data type and its API name."""

    def attribute(text: str) -> Attribute:
        display, kind, api = text.split("|")
        return Attribute(display, kind, api)

    return ActivityType(
        number,
        name,
        "A custom activity",
        attribute(primary) if primary else None,
        tuple(attribute(other) for other in others),
        api_name,
    )


def _custom_types() -> list[ActivityType]:
    """Custom types with names that are hard to turn into stream and column names."""
    every_type = (f"A {kind} value|{kind}|the{kind.title()}" for kind in DATA_TYPES)
    return [
        custom_type(
            100_001,
            "Attend Conference",
            "attendConference",
            "Conference Name|string|conferenceName",
            "Conference Date|datetime|conferenceDate",
            "Number of Attendees|integer|numberOfAttendees",
            "Paid?|boolean|isPaid",
        ),
        # Cleans to the same stream name as the one before.
        custom_type(
            100_002,
            "attend conference",
            "attendConferenceLegacy",
            "Conference Name|string|conferenceName",
            "Booth|string|booth",
        ),
        custom_type(
            100_003,
            "Größe / Änderung – 日本",
            "groesse",
            "Größe|float|groesse",
            "Maß (cm)|float|mass",
            "Naïve/Slash\\Back|string|slashes",
            "日付|date|hizuke",
        ),
        custom_type(
            100_004,
            "  Leading Space Type ",
            "leadingSpace",
            " Padded |string|padded",
            " First|string|first",
            "Last |string|last",
            "2nd Place|integer|secondPlace",
        ),
        # Attributes that clean to one column, and attributes that clean to a base column.
        custom_type(
            100_005,
            "Clashing Names",
            "clashingNames",
            "Lead ID|integer|otherLead",
            "Web Page|string|webPageOne",
            "web page|string|webPageTwo",
            "Web_Page|string|webPageThree",
            "Activity Date|datetime|whenItWas",
            "marketoGUID|string|otherGuid",
            "Campaign ID|integer|otherCampaign",
            "Primary Attribute Value|string|otherPrimary",
            "Attributes|text|moreAttributes",
            "Web.Page|string|webPageFour",
            "_sdc_batched_at|datetime|batchedAt",
        ),
        custom_type(100_006, "Every Data Type", "everyDataType", "Key|string|key", *every_type),
        custom_type(100_007, "Bare", "bare", ""),
        custom_type(
            3_000_000_007,
            "Big Id Type",
            "bigIdType",
            "Number|integer|number",
            "Amount|currency|amount",
            "Rate|percent|rate",
        ),
    ]


def make_types(count: int) -> list[ActivityType]:
    """The asked number of types: the custom ones, then standard ones, then made-up ones."""
    custom = _custom_types()
    standard = _standard_types()
    wanted = max(count - len(custom), 5)
    chosen = standard[:wanted]
    for number in range(len(chosen), wanted):
        chosen.append(
            ActivityType(
                400 + number,
                f"Sandbox Step {number:03d}",
                "A padding type",
                Attribute("Step ID", "integer"),
                (Attribute("Choice Number", "integer"), Attribute("Reason", "text")),
            )
        )
    return sorted(chosen, key=lambda kind: kind.id) + custom


def type_from_json(entry: dict[str, Any]) -> ActivityType:
    """The type that a control call describes in the shape of types.json."""
    primary = entry.get("primaryAttribute")
    return ActivityType(
        int(entry["id"]),
        str(entry["name"]),
        str(entry.get("description", "")),
        Attribute.read(primary) if primary else None,
        tuple(Attribute.read(item) for item in entry.get("attributes", [])),
        entry.get("apiName"),
    )
