"""What a program has beyond programs.json, channels and tags (programs.md, tags.md)."""

from __future__ import annotations

from tests.sandbox.assets.draw import JSON, Draw, first_of
from tests.sandbox.assets.lists import smart_list, smart_list_rules
from tests.sandbox.clock import asset_time, plain

TAG_TYPES = 25
"""So many tag types are the ones that programs are tagged with."""
CHANNELS = ("Online Advertising", "Tradeshow", "Nurture", "Email Send")
"""Names of the first channels, which are those of programs; they never change."""
_TYPES = ("program", "email_batch", "nurture", "event", "webinar")


def sfdc_campaign(draw: Draw) -> JSON:
    """sfdcId and sfdcName, of programs "linked to an SFDC campaign" (swagger-asset.json)."""
    if draw.fixed.random() < 0.8:
        return {}
    name = f"Campaign {draw.number}, EMEA"
    return {"sfdcId": f"7014000000{draw.number:05d}AAA", "sfdcName": name}


def program_details(draw: Draw) -> JSON:
    """What only the call for one program gives: dates of some types, tags and costs."""
    record: JSON = {"tags": _tags(draw), "costs": _costs(draw)}
    if draw.asset.more["type"] in ("Event", "Email") and draw.number % 5:
        # "Applicable to event, email, and webinar type programs" (swagger-asset.json); the page
        # writes such a date with milliseconds.
        start = draw.asset.created + 7 * 86_400
        record["startDate"] = plain(start) + ".000Z"
        record["endDate"] = draw.one(None, plain(start + 3600) + ".000Z")
    # smart-lists.md, "By Program Id": of email programs.
    record["smartList"] = _smart_list(draw) if draw.asset.more["type"] == "Email" else None
    return record


def _smart_list(draw: Draw) -> JSON:
    created = asset_time(draw.asset.created)
    folder = {"id": draw.number, "type": "Program"}
    return {**smart_list(draw), "createdAt": created, "updatedAt": created, "folder": folder} | (
        smart_list_rules(draw)
    )


def _tags(draw: Draw) -> list[JSON] | None:
    """Tags; null where there are none (programs.md, "Clone")."""
    there = first_of(draw.options, "tag_types", TAG_TYPES)
    chosen = draw.rng.sample(range(1, there + 1), min(there, draw.rng.randint(0, 3)))
    value = draw.one("AAA1 RT1", "a, b", 'Größe "XL" \U0001f600', "")
    tags = [{"tagType": tag_name(number), "tagValue": value} for number in chosen]
    return tags or draw.one(None, [])


def _costs(draw: Draw) -> list[JSON] | None:
    """Costs by month: a note is optional (programs.md, "Create" and "Update")."""
    if draw.rng.random() < 0.6:
        return None
    costs: list[JSON] = []
    for month in range(1, draw.rng.randint(1, 3) + 1):
        costs.append({"startDate": f"2026-{month:02d}-01", "cost": draw.rng.randint(0, 5000)})
        if draw.flag():
            costs[-1]["note"] = draw.one("Google Adwords", None)
    return costs


def tag_name(number: int) -> str:
    """The name of a tag type, which is its key."""
    suffix = ("", ' "quoted"', " & 100% +", " Größe", ", with a comma")[number % 5]
    return f"Tag Type {number:02d}{suffix}"


def tag_type(draw: Draw) -> JSON:
    """A tag type; lists come as text (tags.md)."""
    types = [each for each in _TYPES if draw.flag()] or ["event"]
    return {
        "tagType": tag_name(draw.number),
        "applicableProgramTypes": f"[{','.join(types)}]",
        "required": draw.flag(),
    }


def allowable_values(draw: Draw) -> JSON:
    """The values of a tag type, which only the call by name gives: "[AAA1 RT1, AAA1 RT2]"."""
    count = draw.one(0, 1, 4, 40)
    values = [f"AAA{draw.number} RT{place}" for place in range(1, count + 1)]
    return {"allowableValues": draw.one(f"[{', '.join(values)}]", f"[{', '.join(values)}]", None)}


def channel(draw: Draw) -> JSON:
    """A channel with its statuses (channels.md)."""
    steps = ("Not in Program", "Invited", 'Registered, "early"', "No Show \U0001f600", "Attended")
    statuses: list[JSON] = [
        {
            "name": name,
            "step": 10 * place,
            "description": draw.one(None, "", "a description"),
            "hidden": draw.flag(),
            "success": place == len(steps) - 1,
        }
        for place, name in enumerate(steps[: draw.rng.randint(1, len(steps))])
    ]
    if draw.number % 3 == 0:
        # In swagger-asset.json only.
        statuses[0]["type"] = "default"
    return {
        "id": draw.number,
        "name": CHANNELS[draw.number - 1] if draw.number <= len(CHANNELS) else draw.name("Channel"),
        "applicableProgramType": draw.once(*_TYPES),
        "progressionStatuses": statuses,
    }
