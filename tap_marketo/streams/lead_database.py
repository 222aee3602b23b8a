"""Small tables of the lead database API, and Marketo's own users: one declaration each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NoReturn

from tap_marketo.errors import TapError
from tap_marketo.exports.plan_line import Calls
from tap_marketo.marketo.describe import custom_object_name
from tap_marketo.marketo.export_calls import ExportApi
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.pages import Page, Row
from tap_marketo.marketo.ways import OF_USERS
from tap_marketo.streams.account import USERS_PATH, Account
from tap_marketo.streams.definition import DeclaredStream, in_full
from tap_marketo.streams.details import Details, by_key
from tap_marketo.streams.metadata import Part, pages_of_parts
from tap_marketo.streams.paged import Pages, by_offset, by_token, known_list, whole_list
from tap_marketo.streams.permissions import (
    MANAGE_USERS,
    READ_ACTIVITY,
    READ_CAMPAIGNS,
    READ_CUSTOM_OBJECT,
    READ_LEAD,
)
from tap_marketo.streams.scan import Scan

BulkObjects = Callable[[Account], tuple[Mapping[str, str], Mapping[str, TapError]]]
"""Returns the path parts of the account's bulk objects by their names, and errors by streams."""


def _custom_object_type(row: Row) -> Row:
    return {**row, "name": custom_object_name(row)}


def _of_users(name: str, read: Pages, *details: Details, **more: Any) -> DeclaredStream:
    # No permission reads alone, so that hardly any role should have it.
    more |= {"further_permissions": ("Access Users",), "by_default": False}
    return in_full(name, read, MANAGE_USERS, *details, **more)


def _role(row: Row) -> Row:
    """Give a role the page's names: swagger-user.json has isHidden and isOnlyAllZones."""
    swagger = {"hidden": row.get("isHidden"), "onlyAllZones": row.get("isOnlyAllZones")}
    return {**swagger, **{k: v for k, v in row.items() if k not in ("isHidden", "isOnlyAllZones")}}


ACTIVITY_TYPES = in_full(
    "activity_types",
    whole_list("/rest/v1/activities/types.json"),
    READ_ACTIVITY,
    automatic=frozenset({"name"}),
)
CAMPAIGNS = DeclaredStream(
    name="campaigns", read=by_token("/rest/v1/campaigns.json"), permission=READ_CAMPAIGNS
)
LISTS = DeclaredStream(
    name="lists",
    read=by_token("/rest/v1/lists.json"),
    permission=READ_LEAD,
    automatic=frozenset({"name"}),
)
# What describes the account itself.
ADMINISTRATION = (
    in_full(
        "custom_object_types",
        known_list(lambda account: account.custom_object_entries, _custom_object_type),
        READ_CUSTOM_OBJECT,
        by_key(
            ("fields",),
            "/rest/v1/customobjects/{id}/describe.json",
            "custom_object_describe",
            key="name",
            by_default=True,
        ),
        keys=("name",),
    ),
    in_full("lead_partitions", whole_list("/rest/v1/leads/partitions.json"), READ_LEAD),
    # usage.md: no permission is needed for these two.
    in_full("daily_usage", whole_list("/rest/v1/stats/usage/last7days.json"), keys=("date",)),
    in_full("daily_errors", whole_list("/rest/v1/stats/errors/last7days.json"), keys=("date",)),
)
# These calls are not below /rest, and their answers have no envelope (user-management.md).
USERS = (
    _of_users(
        "users",
        by_offset(f"{USERS_PATH}/allusers.json", way=OF_USERS),
        by_key(
            (
                "optedIn", "failedLogins", "failedDeviceCode", "isLocked", "lockedReason",
                "lastLoginAt", "expiresAt", "userRoleWorkspaces",
            ),
            f"{USERS_PATH}/{{id}}/user.json", "user", "userid", OF_USERS,
        ),
        keys=("userid",),
    ),
    _of_users("user_roles", whole_list(f"{USERS_PATH}/roles.json", _role, OF_USERS)),
    # The Email Designer needs them as well.
    _of_users("workspaces", known_list(lambda account: account.workspaces)),
)  # fmt: skip


def _raise(error: TapError) -> NoReturn:
    raise error


def bulk_exports(bulk_objects: BulkObjects) -> DeclaredStream:
    """Declare the stream of the API user's export jobs of the past seven days (bulk-extract.md).

    The list of each object takes the permission for that object.
    """

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        api = ExportApi(account.client)
        objects, unknown = bulk_objects(account)
        parts: dict[str, Part] = {name: partial(_raise, error) for name, error in unknown.items()}
        parts |= {name: partial(api.jobs, path) for name, path in objects.items()}
        yield from pages_of_parts("Exports", parts)

    def size(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
        objects, _ = bulk_objects(account)
        return ListSize(len(objects), 1 + len(objects), [], is_whole=False)

    pages = Pages(fetch, Calls(1, "one for 300 jobs of each bulk object"), size)
    return in_full("bulk_exports", pages, keys=("exportId",))
