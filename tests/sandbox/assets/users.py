"""Users of Marketo, their roles, and the workspaces (user-management.md)."""

from __future__ import annotations

from tests.sandbox.assets.draw import JSON, Draw
from tests.sandbox.clock import plain, user_time
from tests.sandbox.tokens import API_USER
from tests.sandbox.usage import OTHER_USER

_IDS = (
    "user{0}@example.com",
    "o'hara+{0}@example.com",
    "ops/eu{0}@example.com",
    # "Adobe Identity users should use the generated GUID" (swagger-user.json).
    "4F1D22{0:018X}@AdobeID",
    "Größe {0}@example.com",
)
# Those of whose calls usage.json tells.
_CALLERS = {1: API_USER, 2: OTHER_USER}
ALL_ZONES = {"workspaceId": 0, "workspaceName": "AllZones"}


def user(draw: Draw) -> JSON:
    """A user as allusers.json lists it."""
    return {
        "userid": _CALLERS.get(draw.number, _IDS[draw.number % len(_IDS)].format(draw.number)),
        "firstName": draw.name("User"),
        "lastName": draw.one("Lannister", "O'Hara", "日本語", ""),
        "emailAddress": f"user{draw.number}@example.com",
        "id": draw.number,
        "apiOnly": draw.flag(),
    }


def is_pending(number: int) -> bool:
    """Whether a user has not accepted the invitation yet."""
    return number % 10 == 9


def user_details(draw: Draw) -> JSON:
    """What the call for one user adds: none for one that "has not yet accepted" an invitation."""
    if is_pending(draw.number):
        return {}
    world = {"workspaceId": 1008, "workspaceName": "World"}
    roles = [
        {"accessRoleId": 1, "accessRoleName": "Admin", **ALL_ZONES},
        {"accessRoleId": 2, "accessRoleName": "Standard User", **world},
    ]
    # Two spellings: that of the text, and that of the example.
    ends = draw.asset.created + 365 * 86_400
    return {
        "optedIn": draw.flag(),
        "failedLogins": draw.rng.randint(0, 3),
        "failedDeviceCode": 0,
        "isLocked": draw.flag(),
        "lockedReason": draw.one(None, "Too many failed logins"),
        "userRoleWorkspaces": roles[: draw.rng.randint(0, 2)],
        "expiresAt": draw.one(None, user_time(ends), plain(ends) + ".000t+0000"),
        "lastLoginAt": draw.one(None, plain(draw.asset.updated) + ".000t+0000"),
    }


def role(draw: Draw) -> JSON:
    """A role, in every third row with the names of swagger-user.json."""
    hidden, zones = (
        ("isHidden", "isOnlyAllZones") if draw.number % 3 == 0 else ("hidden", "onlyAllZones")
    )
    return {
        "id": draw.number,
        "name": draw.name("Role"),
        "description": draw.description(),
        "type": draw.once("system", "custom"),
        hidden: draw.flag(),
        zones: draw.flag(),
        **_times(draw),
    }


def workspace(draw: Draw) -> JSON:
    """A workspace; the first is the default one."""
    return {
        "id": 1 if draw.number == 1 else 1006 + draw.number,
        "name": "Default" if draw.number == 1 else draw.name("Workspace"),
        "description": draw.description(),
        "globalViz": draw.once(0, 1),
        "status": "active",
        "currencyInfo": draw.once(None, "USD"),
        **_times(draw),
    }


def _times(draw: Draw) -> JSON:
    return {
        "createdAt": user_time(draw.asset.created),
        "updatedAt": user_time(draw.asset.updated),
    }
