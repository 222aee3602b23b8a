"""Marketo's own users, their roles, and the workspaces (user-management.md): one declaration each.

These calls are not below /rest, and their answers have no envelope.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.pages import Page, Row
from tap_marketo.marketo.ways import OF_USERS
from tap_marketo.streams.account import USERS_PATH, Account
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import Details, by_key
from tap_marketo.streams.page_read import Scan
from tap_marketo.streams.paged import ONE_CALL, Pages, by_offset, whole_list
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


def _workspaces(account: Account, scan: Scan) -> Iterator[Page]:
    yield Page(list(account.workspaces))


def _number_of_workspaces(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
    return ListSize(len(account.workspaces), 1, account.workspaces)


USERS = (
    _of_users(
        name="users",
        read=by_offset(f"{USERS_PATH}/allusers.json", way=OF_USERS),
        keys=("userid",),
        details=(
            Details(
                (
                    "optedIn", "failedLogins", "failedDeviceCode", "isLocked", "lockedReason",
                    "lastLoginAt", "expiresAt", "userRoleWorkspaces",
                ),
                by_key("userid", f"{USERS_PATH}/{{id}}/user.json", "user", OF_USERS),
            ),
        ),
    ),
    _of_users(
        name="user_roles", read=whole_list(f"{USERS_PATH}/roles.json", _role, OF_USERS)
    ),
    # The Email Designer needs them as well.
    _of_users(name="workspaces", read=Pages(_workspaces, ONE_CALL, _number_of_workspaces)),
)  # fmt: skip
