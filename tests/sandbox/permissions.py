"""Which permission each call needs, and what the role of the API user lacks."""

from __future__ import annotations

from tests.sandbox.answers import ApiError
from tests.sandbox.assets.kinds import DESIGNER_CALLS, KINDS, SINGLE, USER_CALLS
from tests.sandbox.assets.subscription import CRM_TYPE
from tests.sandbox.calls import OBJECT_ROWS, Call
from tests.sandbox.crm.kinds import OF_CRM
from tests.sandbox.crm.kinds import PERMISSIONS as OF_OBJECTS
from tests.sandbox.metadata import kinds as metadata

SCHEMA = ("Read-Write Schema Standard Field", "Read-Write Schema Custom Field")
"""Either is enough for the schema of the lead fields (leads.md, "Fields")."""

_LEAD, _ACTIVITY = "Read-Only Lead", "Read-Only Activity"
_OBJECT = "Read-Only Custom Object"

NEEDED: dict[str, tuple[str, ...]] = {
    # "Required Permissions: None" (swagger-mapi.json).
    "usage": (),
    "usage_week": (),
    "errors": (),
    "errors_week": (),
    "describe": (_LEAD,),
    "schema_fields": SCHEMA,
    "types": (_ACTIVITY,),
    "pagingtoken": (_ACTIVITY,),
    "deletedleads": (_ACTIVITY,),
    "activities_page": (_ACTIVITY,),
    "leads_by_filter": (_LEAD,),
    "list_members": (_LEAD,),
    "campaigns": ("Read-Only Campaigns",),
    "lists": (_LEAD,),
    "member_describe": (_LEAD,),
    "members_of_program": (_LEAD,),
    "programs": ("Read-Only Asset",),
    "folders": ("Read-Only Asset",),
    **{kind.name: (kind.permission,) for kind in KINDS},
    **{kind: (permission,) for kind, (_, permission) in SINGLE.items()},
    **OF_OBJECTS,
    OBJECT_ROWS: (_OBJECT,),
    **metadata.PERMISSIONS,
    **dict.fromkeys(metadata.SCHEMAS.values(), SCHEMA),
}
"""Call and permissions, one of which it needs (endpoint-reference.md, but for the schema).

A role may have Read-Write in place of Read-Only; here that is one and the same.
"""

ALSO_NEEDED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(USER_CALLS, ("Access Users",)),
    **{call: ("Access Design Studio", own) for call, own in DESIGNER_CALLS.items()},
}
"""What else calls need: a permission "from two different groups" (user-management.md), three
permissions (swagger-asset.json)."""

_BULK = {"leads": _LEAD, "activities": _ACTIVITY, "program/members": _LEAD}
"""The same for bulk calls, by object; those of custom objects need Read-Only Custom Object."""


def _plain(name: str) -> str:
    """A permission's name without what differs from page to page.

    Read-Only Asset, Read-Only Assets; Read-Only Campaign, Read-Only Campaigns; Read Only Redirect
    Rules (endpoint-reference.md, custom-services.md, swagger-asset.json).
    """
    return name.strip().casefold().replace("-", " ").removesuffix("s")


_KNOWN = {_plain(name) for names in (*NEEDED.values(), *ALSO_NEEDED.values()) for name in names}


class Permissions:
    """What the role of the API user lacks; the owner's lock guards it."""

    def __init__(self, lacks: str, crm_sync: bool, crm_objects: bool) -> None:
        self._crm_sync, self._crm_objects = crm_sync, crm_objects
        self.set([name for name in lacks.split(",") if name.strip()])

    def set(self, lacks: list[str]) -> None:
        """Let the role lack these permissions and no others; ValueError for an unknown one."""
        if strange := [name for name in lacks if _plain(name) not in _KNOWN]:
            raise ValueError(f"no such permission: {', '.join(strange)}")
        self.lacks = [name.strip() for name in lacks]

    def grants(self, name: str) -> bool:
        """Whether the role has a permission."""
        return _plain(name) not in {_plain(each) for each in self.lacks}

    def check(self, call: Call) -> None:
        """603 for a call without its permission, 1018 for what a native CRM sync forbids.

        "CRM custom objects are not allowed" (bulk-custom-object-extract.md, of create; here of all
        bulk calls); 1018 is the code for what "could not be carried out, because the instance has
        a native CRM integration enabled" (error-codes.md).
        """
        needed = NEEDED.get(call.kind)
        if needed is None:
            needed = (_BULK.get(call.object or "", _OBJECT),)
        if needed and not any(self.grants(name) for name in needed):
            raise ApiError("603")
        if not all(map(self.grants, ALSO_NEEDED.get(call.kind, ()))):
            raise ApiError("603")
        if self._crm_sync and call.object == f"customobjects/{CRM_TYPE}":
            raise ApiError("1018")
        if call.kind in OF_CRM and not self._crm_objects:
            raise ApiError("1018")
