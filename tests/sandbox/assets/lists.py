"""Smart campaigns, smart lists and static lists (smart-campaigns.md, smart-lists.md)."""

from __future__ import annotations

from tests.sandbox.assets.draw import JSON, Draw, app_url, folder_id
from tests.sandbox.clock import plain

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def smart_campaign(draw: Draw) -> JSON:
    """A campaign as the asset API shows it; campaigns.json of the lead database has it too."""
    more = draw.asset.more
    trigger = more["type"] == "trigger"
    active = trigger and bool(more["active"])
    rule = draw.one("once", "any", "interval")
    record: JSON = {
        "id": draw.number,
        "name": more["name"],
        "description": draw.description(),
        "status": ("Active" if active else "Inactive")
        if trigger
        else draw.one("Never Run", "Single Run", "Recurring Run", "Invalid", "Requested"),
        "type": draw.one(more["type"], more["type"], "default"),
        "isSystem": draw.number % 50 == 1,
        "isActive": active,
        "isRequestable": active and draw.flag(),
        "isCommunicationLimitEnabled": draw.flag(),
        "recurrence": _recurrence(draw),
        "qualificationRuleType": rule,
        "workspace": "Default",
        "smartListId": draw.number + 10_000,
        "flowId": draw.number + 20_000,
        "computedUrl": app_url("SC", draw.number),
        "folder": folder_id(draw),
    }
    if rule == "interval":
        record["qualificationRuleInterval"] = draw.rng.randint(1, 30)
        record["qualificationRuleUnit"] = draw.one("hour", "day", "week", "month")
    if draw.flag():
        record["maxMembers"] = draw.one(1000, 2**31 - 1, None)
    if "programId" in more:
        record["parentProgramId"] = more["programId"]
    return record


def _recurrence(draw: Draw) -> JSON | None:
    """Mostly {weekdayOnly} alone, as in the examples; else what swagger-asset.json has."""
    luck = draw.rng.random()
    if luck < 0.1:
        return None
    if luck < 0.6:
        return {"weekdayOnly": draw.flag()}
    unit = draw.one("Daily", "Weekly", "Monthly")
    start = draw.asset.created + 86_400
    recurrence: JSON = {
        "startAt": plain(start) + "Z+0000",
        "endAt": draw.one(None, plain(start + 90 * 86_400) + "Z+0000"),
        "intervalType": unit,
        "interval": draw.rng.randint(1, 4),
        "weekdayOnly": unit == "Daily" and draw.flag(),
    }
    if unit == "Weekly":
        recurrence["weekdayMask"] = list(_DAYS[: draw.rng.randint(0, 7)])
    if unit == "Monthly" and draw.flag():
        recurrence["dayOfMonth"] = draw.rng.randint(1, 31)
    elif unit == "Monthly":
        recurrence["dayOfWeek"] = draw.one(*_DAYS)
        recurrence["weekOfMonth"] = draw.rng.randint(1, 4)
    return recurrence


def smart_list(draw: Draw) -> JSON:
    """A smart list without its rules."""
    return {
        "id": draw.number,
        "name": draw.name("Smart List"),
        "description": draw.description(),
        "url": app_url("SL", draw.number),
        "folder": folder_id(draw),
        "workspace": "Default",
    }


def smart_list_rules(draw: Draw) -> JSON:
    """The rules that includeRules=true gives (smart-lists.md, "By Id")."""
    if draw.rng.random() < 0.1:
        return {"rules": None}
    filters = [_filter(draw, 459 + place) for place in range(draw.rng.randint(0, 4))]
    kind = draw.one("all", "any", "advanced", "All", "Any")
    return {"rules": {"filterMatchType": kind, "triggers": [], "filters": filters}}


def _filter(draw: Draw, number: int) -> JSON:
    conditions = [
        {
            "activityAttributeId": attribute,
            "activityAttributeName": name,
            "operator": draw.one("is", "in past", "contains"),
            "values": draw.one([draw.words(draw.rng)], [], ["Chrome, Edge", '"quoted" \U0001f600']),
            "isPrimary": place == 0,
        }
        for place, (attribute, name) in enumerate(
            ((1, "Web Page"), (6, "Browser"), (-101, "Date of Activity"))
        )
        if draw.flag()
    ]
    return {
        "id": number,
        "name": draw.one("Visited Web Page", "Email Address", "Filled Out Form"),
        "ruleTypeId": draw.rng.randint(1, 60),
        "ruleType": draw.one("Activity", "Attribute"),
        "operator": draw.one("occurs", "is", None),
        "conditions": conditions,
    }


def static_list(draw: Draw) -> JSON:
    """A list of lists.json as the asset API shows it (static-lists.md)."""
    record: JSON = {
        "id": draw.number,
        "name": draw.asset.more["name"],
        "folder": folder_id(draw),
        "computedUrl": app_url("ST", draw.number),
    }
    # Of these the examples show the description of a list that has one; the rest is Swagger's.
    if draw.asset.version or draw.number % 7 == 0:
        record["description"] = draw.description()
    if draw.number % 3 == 0:
        record["url"] = app_url("ST", draw.number)
        record["workspace"] = "Default"
    return record
