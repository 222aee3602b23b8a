"""Marketo's own users, their roles, and the workspaces (user-management.md): one declaration each.

These calls are not below /rest, and their answers have no envelope.
"""

from __future__ import annotations

from functools import partial

from tap_marketo.marketo.pages import Row
from tap_marketo.marketo.ways import OF_USERS
from tap_marketo.streams.account import USERS_PATH
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import by_key
from tap_marketo.streams.paged import by_offset, known_list, whole_list
from tap_marketo.streams.permissions import MANAGE_USERS

# No permission reads alone, so that hardly any role should have it.
_of_users = partial(
    DeclaredStream,
    permission=MANAGE_USERS,
    further_permissions=("Access Users",),
    replication_key=None,
    by_default=False,
)


def _role(row: Row) -> Row:
    """Give a role the page's names: swagger-user.json has isHidden and isOnlyAllZones."""
    swagger = {"hidden": row.get("isHidden"), "onlyAllZones": row.get("isOnlyAllZones")}
    return {**swagger, **{k: v for k, v in row.items() if k not in ("isHidden", "isOnlyAllZones")}}


USERS = (
    _of_users(
        name="users",
        read=by_offset(f"{USERS_PATH}/allusers.json", way=OF_USERS),
        keys=("userid",),
        details=(
            by_key(
                (
                    "optedIn", "failedLogins", "failedDeviceCode", "isLocked", "lockedReason",
                    "lastLoginAt", "expiresAt", "userRoleWorkspaces",
                ),
                f"{USERS_PATH}/{{id}}/user.json", "user", "userid", OF_USERS,
            ),
        ),
    ),
    _of_users(
        name="user_roles", read=whole_list(f"{USERS_PATH}/roles.json", _role, OF_USERS)
    ),
    # The Email Designer needs them as well.
    _of_users(name="workspaces", read=known_list(lambda account: account.workspaces)),
)  # fmt: skip
