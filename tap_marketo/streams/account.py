"""What the account has, asked for once a run by whichever stream needs it first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import DataError, MarketoError, RequestRefusedError
from tap_marketo.log import LOGGER
from tap_marketo.marketo import describe
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.describe import Field, ObjectDescription
from tap_marketo.marketo.pages import Row, all_rows
from tap_marketo.marketo.ways import OF_USERS
from tap_marketo.names import NAMINGS

# user-management.md: not below /rest.
USERS_PATH = "/userservice/management/v1/users"
# The default one (user-management.md, Browse Workspaces).
_FIRST_WORKSPACE = "1"

T = TypeVar("T")


def custom_object_path(name: str) -> str:
    """Return the path of a type of custom objects, given its API name."""
    return f"/rest/v1/customobjects/{quote(name, safe='')}"


class Account:
    """An account and the way to it.

    Attributes:
        client: makes the calls.
        clock: learns Marketo's time from the answers.
        naming: how what is discovered is named; a sync goes by its catalog.
    """

    def __init__(self, config: Config, *, tries: int | None = None) -> None:
        """Ask for nothing yet; ``tries`` is that of the client."""
        self.config = config
        self.clock = Clock()
        self.client = MarketoClient(config, self.clock, tries=tries)
        self.naming = NAMINGS[config.names]
        self._shared: dict[Hashable, Any] = {}
        self._failed: dict[Hashable, MarketoError | DataError] = {}

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what several streams of a run have in common, made for the first of them.

        A call that failed is not made again.
        """
        if key in self._failed:
            raise self._failed[key]
        if key not in self._shared:
            try:
                self._shared[key] = make()
            except (MarketoError, DataError) as error:
                self._failed[key] = error
                raise
        found: T = self._shared[key]
        return found

    @cached_property
    def lead_entries(self) -> Sequence[Mapping[str, Any]]:
        """The lead fields as Marketo describes them now."""
        return describe.lead_entries(self.client)

    @cached_property
    def lead_fields(self) -> list[Field]:
        """The lead fields that Marketo has now."""
        return describe.lead_fields(self.lead_entries)

    @property
    def members(self) -> ObjectDescription:
        """What Marketo says of program members now (program-members.md, Describe)."""
        return self.description("/rest/v1/programs/members", "program_members_describe")

    @cached_property
    def custom_object_entries(self) -> Sequence[Row]:
        """The types of custom objects that Marketo has now, as it lists them."""
        return all_rows(self.client, "/rest/v1/customobjects.json", "custom_objects")

    @property
    def custom_objects(self) -> list[str]:
        """The API names of these types."""
        names = map(describe.custom_object_name, self.custom_object_entries)
        return [name for name in names if isinstance(name, str) and name]

    def custom_object(self, name: str) -> ObjectDescription:
        """Return what Marketo says of a type of custom objects now, given its API name."""
        return self.description(custom_object_path(name), "custom_object_describe")

    def description(self, path: str, endpoint: str = "object_describe") -> ObjectDescription:
        """Return what Marketo says of an object now, given the path of the object.

        ``endpoint`` is the name of the call in logs and metrics.
        """
        own = f"{path}/describe.json"
        return self.shared(own, lambda: describe.describe_object(self.client, own, endpoint))

    @property
    def workspaces(self) -> Sequence[Row]:
        """The workspaces that Marketo has now (user-management.md, Browse Workspaces)."""
        path = f"{USERS_PATH}/workspaces.json"
        return self.shared(
            "workspaces", lambda: all_rows(self.client, path, "workspaces", way=OF_USERS)
        )

    @cached_property
    def workspace_ids(self) -> Sequence[str]:
        """The workspaces that the Email Designer is asked for: those named, else those listed.

        Where the role may not list them, it is the one that every subscription has.
        """
        if self.config.workspace_ids:
            return list(map(str, self.config.workspace_ids))
        try:
            listed = [str(row["id"]) for row in self.workspaces if row.get("id") is not None]
        except RequestRefusedError:
            listed = []
        return listed or [_FIRST_WORKSPACE]

    @cached_property
    def workspaces_to_read(self) -> Sequence[str]:
        """The same, with a warning where there may be others."""
        found = self.workspace_ids
        if error := self._failed.get("workspaces"):
            LOGGER.warning(
                "Email Designer: only the assets of workspace %s are read, as Marketo does not "
                "list the workspaces. To read others, name them in workspace_ids. %s",
                found[0], error,
            )  # fmt: skip
        return found

    @property
    def activity_types(self) -> Mapping[int, Mapping[str, Any]]:
        """The activity types that Marketo has now, by number."""
        return self.shared("types", lambda: describe.activity_types(self.client))
