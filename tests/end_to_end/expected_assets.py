"""What the tables of assets, of their children and of administration should hold.

Written from docs/ and Adobe's pages, not from the tap's code: which names are times, where a
text may be something else, which columns take a call of their own.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from typing import Any

from tests.harness import Account

Row = dict[str, Any]
Table = dict[tuple[Any, ...], Row]

SEEN = "assets_seen"

KEYS: Mapping[str, tuple[str, ...]] = {
    "program_members": ("programId", "leadId"),
    "list_memberships": ("listId", "leadId"),
    SEEN: ("assetType", "id"),
    "folders": ("id", "type"),
    "landing_page_domains": ("hostname",),
    "tag_types": ("tagType",),
    "tokens": ("folderType", "folderId", "name"),
    "lead_fields": ("name",),
    "custom_object_types": ("name",),
    "custom_activity_types": ("apiName",),
    "object_fields": ("object", "name"),
    "form_fields": ("object", "id"),
    "daily_usage": ("date",),
    "daily_errors": ("date",),
    "bulk_exports": ("exportId",),
    "users": ("userid",),
}
# Asked for by date, read whole and filtered, read in full.
BY_DATE = (
    "programs",
    "smart_campaigns",
    "smart_lists",
    "static_lists",
    "emails",
    "landing_page_redirect_rules",
)
FILTERED = (
    "email_templates",
    "landing_pages",
    "landing_page_templates",
    "forms",
    "snippets",
    "files",
    "folders",
    "channels",
    "segmentations",
)
INCREMENTAL = (*BY_DATE, *FILTERED)
IN_FULL = ("landing_page_domains", "tag_types")
ASSETS = (*INCREMENTAL, *IN_FULL)
# Of which assets_seen tells.
LISTED = ("campaigns", "lists", *INCREMENTAL)
# Assets of the Email Designer, workspace by workspace.
DESIGNER = ("designer_emails", "designer_email_templates", "designer_fragments")
CHILDREN = ("segments", "tokens")
ADMINISTRATION = (
    *("lead_fields", "custom_object_types", "lead_partitions"),
    *("daily_usage", "daily_errors", "bulk_exports"),
    *("users", "user_roles", "workspaces"),
    *("custom_activity_types", "object_fields", "form_fields"),
)
TABLES = (*ASSETS, *DESIGNER, *CHILDREN, *ADMINISTRATION)
# Columns that take a call for each row.
DETAILS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(DESIGNER, ("data",)),
    "programs": ("startDate", "endDate", "tags", "costs", "smartList"),
    "smart_campaigns": ("rules",),
    "smart_lists": ("rules",),
    "emails": ("content", "variables"),
    "email_templates": ("content", "usedBy"),
    "landing_pages": ("content", "variables"),
    "landing_page_templates": ("content",),
    "snippets": ("content",),
    "forms": ("fields", "usedBy"),
    "tag_types": ("allowableValues",),
    "custom_object_types": ("fields",),
    "users": (
        *("optedIn", "failedLogins", "failedDeviceCode", "isLocked", "lockedReason"),
        *("lastLoginAt", "expiresAt", "userRoleWorkspaces"),
    ),
    "custom_activity_types": ("attributes", "primaryAttribute"),
}
# Those of them that are not selected unless somebody asks for them.
UNSELECTED = {name: columns for name, columns in DETAILS.items() if name != "custom_object_types"}

_TIMES = frozenset(
    (
        *("createdAt", "updatedAt", "startAt", "endAt", "startDate", "endDate"),
        *("queuedAt", "startedAt", "finishedAt"),
        *("lastLoginAt", "expiresAt"),
    )
)
# Where the Swagger definition and a page differ, the text takes either.
_EITHER = frozenset(("status", "validationMessage", "followupValue", "value", "template"))
# A number in a column of numbers goes by one of these names too.
_NUMBERS = {"landing_pages": {"template"}, "emails": {"template"}}
# No page names this key of the sandbox's.
_EXTRA = "sandboxExtra"
# Arrays of arrays of any lengths, which not every target can hold: the inner ones come as JSON.
_ARRAYS_OF_ARRAYS = ("searchableFields",)
_LISTS_AS_TEXT = ("applicableProgramTypes", "allowableValues")


def utc(text: str) -> str:
    """Return a time in UTC, however Marketo spells it; a plain date gains midnight."""
    plain = text.replace("Z+0000", "+00:00").replace("Z", "+00:00").replace(".0t", ".000t")
    if "t+" in plain:
        # A time of a user: 20100327T18:27:42.000t+0000, or with dashes.
        date, _, rest = plain.replace("t+", "+").partition("T")
        digits = date.replace("-", "")
        plain = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}T{rest}"
    if plain.endswith("+0000"):
        plain = plain[:-5] + "+00:00"
    moment = datetime.fromisoformat(plain)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc).isoformat()


def within(name: str, raw: Any) -> Any:
    """Return a value within a column, of this name."""
    if name == "costs":
        # The dates of costs are dates, not times.
        return raw
    if name in _TIMES and isinstance(raw, str):
        return utc(raw)
    if isinstance(raw, dict) and name not in _EITHER:
        return {key: within(key, item) for key, item in raw.items()}
    if isinstance(raw, list):
        return [within(name, item) for item in raw]
    if name in _EITHER and raw is not None and not isinstance(raw, str):
        return json.dumps(raw, ensure_ascii=False, separators=(",", ":"))
    # docs/names-and-values.md: records have no NUL characters.
    return raw.replace("\0", "") if isinstance(raw, str) else raw


def row(table: str, raw: Mapping[str, Any], columns: Collection[str]) -> Row:
    """Return the record of a row of Marketo's."""
    found: Row = {}
    for column in columns:
        value = raw.get(column)
        if isinstance(value, str) and value in ("", "null"):
            value = None
        elif column in _LISTS_AS_TEXT and isinstance(value, str):
            value = [item.strip() for item in value[1:-1].split(",") if item.strip()]
        elif column in _ARRAYS_OF_ARRAYS and isinstance(value, list):
            value = [json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in value]
        elif column in ("folder", "folderId", "parent") and isinstance(value, dict):
            value = dict(value)
        elif column not in _NUMBERS.get(table, ()):
            value = within(column, value)
        found[column] = value
    return found


def table(account: Account, name: str, columns: Collection[str], since: str = "") -> Table:
    """Return a table by key.

    Args:
        account: the sandbox.
        name: of the table.
        columns: of the catalog.
        since: rows changed before are left out of a table that is not read in full, ISO 8601.
    """
    details = _details(account, name)
    rows = []
    for raw in _truth(account, name):
        shown = row(name, raw, columns)
        own = details.get(key_of(name, raw), {})
        more = row(
            name,
            {column: _sections(name, column, own[column]) for column in own},
            DETAILS.get(name, ()),
        )
        shown.update({column: value for column, value in more.items() if column in columns})
        rows.append(shown)
    if since and name in (*INCREMENTAL, *DESIGNER):
        rows = [each for each in rows if (each.get("updatedAt") or since) >= utc(since)]
    return {key_of(name, each): each for each in rows}


# Members of sections and variables that may be anything: the text takes all.
_ANYTHING: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("emails", "content"): ("value",),
    ("landing_pages", "content"): ("id", "content", "formattingOptions", "followupValue"),
    ("landing_pages", "variables"): ("value",),
}


def _sections(table: str, column: str, value: Any) -> Any:
    """Return the value of a detail column, with texts for what may be anything."""
    names = _ANYTHING.get((table, column), ())
    if not names or value is None:
        return value
    return [
        {
            key: part
            if part is None or isinstance(part, str) or key not in names
            else _compact(part)
            for key, part in each.items()
        }
        for each in value
    ]


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def key_of(name: str, raw: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the key of a row as Marketo sends it."""
    return tuple(raw[column] for column in KEYS.get(name, ("id",)))


def _details(account: Account, name: str) -> dict[tuple[Any, ...], Row]:
    if name not in DETAILS:
        return {}
    rows = account.truth(f"{name}_details")
    if name in DESIGNER:
        rows = [{**each, "id": str(each["id"])} for each in rows]
    # Marketo does not find names with commas (assets.md).
    return {key_of(name, each): each for each in rows if "," not in str(each.get("tagType"))}


def _truth(account: Account, name: str) -> list[Row]:
    """Return what Marketo holds, with what docs/streams.md says of it."""
    rows = account.truth(name)
    if name == "folders":
        return list(map(_folder, rows))
    if name == "segments":
        return list(map(_segment, rows))
    if name == "lead_fields":
        schema = {each["name"]: each for each in account.truth("lead_schema_fields")}
        (described,) = account.truth("lead_describe2")
        keys = {name for group in described["searchableFields"] for name in group}
        return [_field(each, schema, keys) for each in rows if "rest" in each]
    if name == "object_fields":
        schemas = {(each["object"], each["name"]): each for each in account.truth("object_schemas")}
        return [_object_field(each, schemas.get((each["object"], each["name"]))) for each in rows]
    if name == "bulk_exports":
        return list(map(_export, rows))
    if name in DESIGNER:
        return list(map(_designed, rows))
    if name == "user_roles":
        return list(map(_role, rows))
    return rows


def _field(raw: Row, schema: Mapping[str, Row], searchable: Collection[str]) -> Row:
    """Return a field: what describe tells, and of the schema what describe does not."""
    rest, soap = raw["rest"], raw.get("soap", {})
    own = {key: value for key, value in raw.items() if key not in ("rest", "soap")}
    told = schema.get(rest["name"], {})
    more = {
        key: told.get(key)
        for key in (
            *("description", "isHidden", "isHtmlEncodingInEmail"),
            *("isSensitive", "isCustom", "isApiCreated"),
        )
    }
    called = {"name": rest["name"], "readOnly": rest["readOnly"], "soapName": soap.get("name")}
    called |= {"soapReadOnly": soap.get("readOnly"), "searchable": rest["name"] in searchable}
    return {**more, **own, **called}


def _object_field(raw: Row, schema: Row | None) -> Row:
    return {**(schema or {}), **raw, "searchable": raw["_searchable"]}


def _export(raw: Row) -> Row:
    """Return an export job with the name of its object."""
    name = raw["object"].replace("program/", "program_").replace("customobjects/", "")
    return {**raw, "object": name}


def _designed(raw: Row) -> Row:
    """Return an asset of the Email Designer with columns for what its metadata holds."""
    names = {"modifiedAt": "updatedAt"}
    return {**raw, **{names.get(key, key): value for key, value in raw["metadata"].items()}}


def _role(raw: Row) -> Row:
    """Return a role with the names of user-management.md."""
    names = {"isHidden": "hidden", "isOnlyAllZones": "onlyAllZones"}
    return {names.get(key, key): value for key, value in raw.items()}


def _folder(raw: Row) -> Row:
    """Return a folder whose types are written in one way, with that of its id."""
    nodes = {
        name: node and {**node, "type": node["type"].capitalize()}
        for name, node in raw.items()
        if name in ("folderId", "parent")
    }
    return {**raw, **nodes, "type": nodes["folderId"]["type"]}


def _segment(raw: Row) -> Row:
    """Return a segment that says of which segmentation it is."""
    return {**raw, "segmentationId": raw["_segmentationId"]}


def seen(account: Account, kinds: Collection[str] = LISTED) -> dict[tuple[str, str], Row]:
    """Return which assets there are, by kind and id (docs/deletes-and-merges.md)."""
    return {
        (kind, number): {"assetType": kind, "id": number, "name": raw.get("name")}
        for kind in kinds
        for raw in _truth(account, kind)
        for number in [_seen_as(kind, raw)]
    }


def _seen_as(kind: str, raw: Row) -> str:
    is_program = kind == "folders" and raw["type"] == "Program"
    return f"Program/{raw['id']}" if is_program else str(raw["id"])


def last_seen(rows: Mapping[Any, Row]) -> dict[Any, Row]:
    """Return those of a target's rows of assets_seen that say what there is, without the time."""
    newest: dict[str, str] = {}
    for each in rows.values():
        kind = each["assetType"]
        newest[kind] = max(newest.get(kind, ""), each["seenAt"])
    return {
        key: {column: cell for column, cell in each.items() if column != "seenAt"}
        for key, each in rows.items()
        if each["seenAt"] == newest[each["assetType"]]
    }


def unknown(account: Account, name: str) -> bool:
    """Say whether Marketo shows a key of its own in some row."""
    return any(_EXTRA in each for each in account.truth(name))
