"""What a target's tables should hold, worked out from what the sandbox holds.

Written from the tables of streams and values in docs/, not from the tap's code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from tests.end_to_end import expected_assets
from tests.end_to_end.expected_assets import SEEN
from tests.harness import Account, Target

TEXT_DATES = ("datetime", "date")
WHOLE = ("integer", "score", "percent")

MEMBERS = "program_members"

DELETED = 37
"""The activity type of deleted leads, which is no export."""

MEMBERSHIPS = "list_memberships"


def value(raw: Any, data_type: str) -> Any:
    """Return the record's value for Marketo's."""
    if raw is None or raw in ("", "null"):
        return None
    if data_type in TEXT_DATES:
        text = raw.replace("Z+0000", "Z").replace("Z", "+00:00")
        try:
            # A date without a time is midnight; Python takes it as it takes one with a time.
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
            return moment.astimezone(timezone.utc).isoformat()
        except OverflowError:
            # It does not exist in UTC.
            return None
    if data_type in WHOLE:
        return math.trunc(raw)
    if data_type == "array":
        return raw if isinstance(raw, list) else [raw]
    if isinstance(raw, str):
        return raw.replace("\0", "")
    return raw


def leads(account: Account) -> dict[int, dict[str, Any]]:
    """Return the leads table: every exportable field of every lead."""
    types = {
        field["rest"]["name"]: field["dataType"]
        for field in account.truth("lead_fields")
        if "rest" in field
    }
    return {
        lead["id"]: {
            name: value(raw, types[name]) for name, raw in lead.items() if not name.startswith("_")
        }
        for lead in account.truth("leads")
    }


def columns_of_fields(catalog: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return the column of each exportable field of a stream, by the field's name in Marketo."""
    stream = next(s for s in catalog["streams"] if s["tap_stream_id"] == name)
    return {
        own.get("marketo.field-name", breadcrumb[-1]): breadcrumb[-1]
        for breadcrumb, own in metadata(stream).items()
        if breadcrumb and own["inclusion"] != "unsupported"
    }


def members(account: Account, catalog: Mapping[str, Any]) -> dict[tuple[int, int], dict[str, Any]]:
    """Return the table of program members: all that there are, whenever they changed."""
    types = {each["name"]: each["dataType"] for each in account.truth("program_member_fields")}
    names = columns_of_fields(catalog, MEMBERS)
    return {
        (row["programId"], row["leadId"]): {
            names[field]: value(row[field], types[field]) for field in names
        }
        for row in account.truth(MEMBERS)
    }


def leavers(
    account: Account, catalog: Mapping[str, Any], since: str = ""
) -> dict[tuple[int, int], dict[str, Any]]:
    """Return the rows of who left a program: of whom activities told last that they are no members.

    Args:
        account: the sandbox.
        catalog: names the columns.
        since: of those who left then or later.
    """
    (kind,) = (
        each["id"]
        for each in account.truth("activity_types")
        if each["name"] == "Change Status in Progression"
    )
    told = account.activities([kind])
    last: dict[tuple[int, int], dict[str, Any]] = {}
    for row in sorted(told, key=lambda row: (row["activityDate"], int(row["marketoGUID"]))):
        last[row["primaryAttributeValueId"], row["leadId"]] = row
    names = columns_of_fields(catalog, MEMBERS)
    nothing = dict.fromkeys(names.values())
    return {
        key: {
            **nothing,
            names["programId"]: key[0],
            names["leadId"]: key[1],
            names["updatedAt"]: value(row["activityDate"], "datetime"),
            names["statusName"]: "Not in Program",
        }
        for key, row in last.items()
        if row["attributes"]["New Status"] == "Not in Program" and row["activityDate"] >= since
    }


def custom_objects(
    account: Account, catalog: Mapping[str, Any], since: str
) -> dict[str, dict[Any, dict[str, Any]]]:
    """Return each table of custom objects, with the rows updated ``since`` or later."""
    details = {
        each["name"]: each["fields"] for each in account.truth("custom_object_types_details")
    }
    found: dict[str, dict[Any, dict[str, Any]]] = {}
    for stream in catalog["streams"]:
        kind = metadata(stream)[()].get("marketo.custom-object")
        if kind in details:
            name = stream["tap_stream_id"]
            types = {field["name"]: field["dataType"].lower() for field in details[kind]}
            names = columns_of_fields(catalog, name)
            found[name] = {
                row["marketoGUID"]: {
                    names[field]: value(row[field], types[field]) for field in names
                }
                for row in account.truth(f"custom_object_{kind}")
                if row["updatedAt"] >= since
            }
    return found


def activities(
    account: Account, catalog: Mapping[str, Any], since: str
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return each activity table, with the activities dated ``since`` or later."""
    streams = activity_streams(catalog)
    types = {t["id"]: t for t in account.truth("activity_types")}
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    for activity in account.truth("activities"):
        if activity["activityTypeId"] == DELETED or activity["activityDate"] < since:
            continue
        stream = streams[activity["activityTypeId"]]
        row = activity_row(activity, stream, types[activity["activityTypeId"]])
        tables.setdefault(stream["tap_stream_id"], {})[activity["marketoGUID"]] = row
    return tables


def activity_streams(catalog: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    """Return the catalog's streams of activities by their type's number."""
    return {
        number: stream
        for stream in catalog["streams"]
        if (number := metadata(stream)[()].get("marketo.activity-id")) is not None
    }


def deletions(
    account: Account, catalog: Mapping[str, Any], since: str
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the table of deleted leads, with those deleted ``since`` or later.

    The call that tells of them says which lead it was, and no more (activities.md).
    """
    stream = activity_streams(catalog)[DELETED]
    told = {t["id"]: t for t in account.truth("activity_types")}[DELETED]
    rows: dict[str, dict[str, Any]] = {}
    for row in account.activities([DELETED]):
        if row["activityDate"] >= since:
            lead = row["leadId"]
            said = {
                **row,
                "campaignId": None,
                "primaryAttributeValueId": lead,
                "primaryAttributeValue": f"Lead {lead}",
                "attributes": {},
            }
            rows[row["marketoGUID"]] = activity_row(said, stream, told)
    return {stream["tap_stream_id"]: rows}


def activity_row(
    activity: Mapping[str, Any], stream: Mapping[str, Any], activity_type: Mapping[str, Any]
) -> dict[str, Any]:
    """Return one activity's record."""
    row: dict[str, Any] = {
        "marketoGUID": activity["marketoGUID"],
        "leadId": activity["leadId"],
        "activityDate": value(activity["activityDate"], "datetime"),
        "activityTypeId": activity["activityTypeId"],
        "campaignId": activity["campaignId"],
    }
    number = activity["primaryAttributeValueId"]
    primary = {
        "primary_attribute_value": value(activity["primaryAttributeValue"], "string"),
        "primary_attribute_value_id": None if number is None else str(number),
    }
    if "primaryAttribute" in activity_type:
        name = activity_type["primaryAttribute"]["name"].lower().replace(" ", "_")
        row |= {"primary_attribute_name": name, **primary}
    data_types = {a["name"]: a["dataType"] for a in activity_type.get("attributes", [])}
    for breadcrumb, own in metadata(stream).items():
        attribute = own.get("marketo.attribute-name")
        if attribute:
            raw = activity["attributes"].get(attribute)
            row[breadcrumb[-1]] = value(raw, data_types[attribute])
        elif own.get("marketo.extra-column") in primary:
            row[breadcrumb[-1]] = primary[own["marketo.extra-column"]]
        elif own.get("marketo.extra-column") == "actionResult":
            row[breadcrumb[-1]] = activity["actionResult"]
        elif own.get("marketo.extra-column") == "unknown_attributes":
            # Of a catalog that has all attributes.
            row[breadcrumb[-1]] = None
    return row


def assets(
    account: Account, table: str, columns: set[str], since: str
) -> dict[int, dict[str, Any]]:
    """Return campaigns or lists, or what programs have by default, changed ``since`` or later."""
    return {
        row["id"]: {
            name: value(row.get(name), "datetime" if name.endswith("At") else "string")
            for name in columns
        }
        for row in account.truth(table)
        if row.get("updatedAt") is None or row["updatedAt"] >= since
    }


def tables(
    account: Account, catalog: Mapping[str, Any], since: str
) -> dict[str, dict[Any, dict[str, Any]]]:
    """Return every table, by stream and key, with what changed ``since`` or later.

    To compare with what :func:`table` makes of a target's. That of program members has all
    members, and nobody who left. Tables of assets and of administration are those of the catalog's
    selected streams, with their selected columns.
    """
    changed = {lead["id"] for lead in account.truth("leads") if lead["_changedAt"] >= since}
    found: dict[str, dict[Any, dict[str, Any]]] = {
        stream["tap_stream_id"]: {}
        for stream in catalog["streams"]
        if metadata(stream)[()].get("marketo.activity-id") != DELETED
    }
    names = columns_of_fields(catalog, "leads")
    found["leads"] = {
        key: {names[field]: cell for field, cell in row.items()}
        for key, row in leads(account).items()
        if key in changed
    }
    found.update(activities(account, catalog, since))
    if MEMBERS in found:
        found[MEMBERS] = members(account, catalog)
    found.update(custom_objects(account, catalog, since))
    columns = {
        stream["tap_stream_id"]: {
            breadcrumb[-1]
            for breadcrumb, own in metadata(stream).items()
            if breadcrumb and own.get("selected", own.get("selected-by-default", True))
        }
        for stream in catalog["streams"]
        if metadata(stream)[()].get("selected", True)
    }
    for name in columns.keys() & {"campaigns", "lists"}:
        found[name] = assets(account, name, columns[name], since)
    for name in columns.keys() & {*expected_assets.TABLES}:
        rows = expected_assets.table(account, name, columns[name], since)
        found[name] = {plain_key(key): row for key, row in rows.items()}
    if MEMBERSHIPS in columns:
        found[MEMBERSHIPS] = memberships(account)
    if SEEN in columns:
        found[SEEN] = expected_assets.seen(account)
    if "activity_types" in columns:
        found["activity_types"] = {
            row["id"]: {c: value(row.get(c), "string") for c in columns["activity_types"]}
            for row in account.truth("activity_types")
        }
    return found


def memberships(account: Account) -> dict[Any, dict[str, Any]]:
    """Return who is on which list, but not since when this is known: Marketo does not tell."""
    return {
        (row["listId"], row["leadId"]): {**row, "isMember": True}
        for row in account.truth(MEMBERSHIPS)
    }


def on_lists(rows: Mapping[Any, Mapping[str, Any]]) -> dict[Any, dict[str, Any]]:
    """Return those of a target's list memberships that say who is on a list, without the times.

    Beside them it has rows of those who were on one: an activity told so, or the last reading of
    all lists did not find them (docs/members.md).
    """
    newest = max((row["readAt"] or "" for row in rows.values()), default="")
    return {
        key: {column: row[column] for column in ("listId", "leadId", "isMember")}
        for key, row in rows.items()
        if row["isMember"] and (row["readAt"] or "") == newest
    }


def list_words(account: Account) -> dict[tuple[int, int], tuple[str, bool]]:
    """Return the last word of activities on who is on a list: its date, and whether they are."""
    kinds = {
        each["id"]: each["name"] == "Add to List"
        for each in account.truth("activity_types")
        if each["name"] in ("Add to List", "Remove from List")
    }
    told = account.activities(kinds)
    return {
        (row["primaryAttributeValueId"], row["leadId"]): (
            row["activityDate"],
            kinds[row["activityTypeId"]],
        )
        for row in sorted(told, key=lambda row: (row["activityDate"], int(row["marketoGUID"])))
    }


def off_lists(account: Account, since: str = "") -> dict[tuple[int, int], dict[str, Any]]:
    """Return the rows of who left a list: of whom activities told last that they are not on it.

    Without ``readAt``, which tells of the tap's readings.

    Args:
        account: the sandbox.
        since: of those who left then or later.
    """
    return {
        key: {
            "listId": key[0],
            "leadId": key[1],
            "isMember": False,
            "updatedAt": value(date, "datetime"),
        }
        for key, (date, is_member) in list_words(account).items()
        if not is_member and date >= since
    }


def plain_key(key: tuple[Any, ...]) -> Any:
    """Return a key of one column as its value, one of several as it is."""
    return key if len(key) > 1 else key[0]


def metadata(stream: Mapping[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return a catalog entry's metadata by breadcrumb."""
    return {tuple(item["breadcrumb"]): item["metadata"] for item in stream["metadata"]}


def table(target: Target, stream: str) -> dict[Any, dict[str, Any]]:
    """Return a target's table by its key: where that is several columns, by a tuple of them.

    Of list memberships it is who is on a list now, of assets_seen what there is.
    """
    rows = {plain_key(key): row for key, row in target.tables.get(stream, {}).items()}
    if stream == SEEN:
        return expected_assets.last_seen(rows)
    return on_lists(rows) if stream == MEMBERSHIPS else rows


def as_time(text: str) -> datetime:
    """Read a timestamp of a STATE message."""
    return datetime.fromisoformat(text).astimezone(timezone.utc)
