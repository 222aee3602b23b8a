"""All streams there are: what discovery finds and sync reads, in this order."""

from __future__ import annotations

from collections.abc import Sequence

from tap_marketo.errors import TapError
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.account import Account
from tap_marketo.streams.activities import Activities, Deletions
from tap_marketo.streams.assets import ASSETS, SEGMENTS, TOKENS
from tap_marketo.streams.assets_seen import ASSETS_SEEN
from tap_marketo.streams.crm import CRM, ROLE_CHANGES
from tap_marketo.streams.custom_objects import CustomObjects
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.designer import DESIGNER_ASSETS
from tap_marketo.streams.lead_database import (
    ACTIVITY_TYPES,
    ADMINISTRATION,
    CAMPAIGNS,
    LISTS,
    USERS,
    bulk_exports,
)
from tap_marketo.streams.leads import Leads
from tap_marketo.streams.leads_by_id import LEAD_CHANGES
from tap_marketo.streams.list_memberships import LIST_MEMBERSHIPS
from tap_marketo.streams.member_handover import PAGES
from tap_marketo.streams.member_passes import SWEEP
from tap_marketo.streams.metadata import LEAD_FIELDS, METADATA
from tap_marketo.streams.named_accounts import NAMED_ACCOUNTS
from tap_marketo.streams.permissions import PERMISSIONS
from tap_marketo.streams.program_members import ProgramMembers
from tap_marketo.streams.smart_list_memberships import SMART_LIST_MEMBERSHIPS


def bulk_objects(account: Account) -> tuple[dict[str, str], dict[str, TapError]]:
    """Return the path parts of the bulk objects, whose jobs share the queue and the day's bytes.

    Beside them stand the errors, by streams, where the account could not be asked what it has.
    """
    found: dict[str, str] = {}
    unknown: dict[str, TapError] = {}
    for definition in REGISTRY:
        try:
            found.update(definition.bulk_objects(account))
        except TapError as error:
            unknown[definition.name] = error
    return found, unknown


# Discovery writes the catalog in this order. A sync makes the first export jobs in this order, and
# then reads page by page in this order, streams of one call first. So streams whose calls find
# what to export stand before streams with many pages: Marketo works while the pages are read.
REGISTRY: Sequence[StreamDefinition] = (
    Leads(),
    CustomObjects(),
    SMART_LIST_MEMBERSHIPS,
    *CRM,
    # Its first pass goes through all programs before it is known whether exports read the rest.
    ProgramMembers(),
    *NAMED_ACCOUNTS,
    ACTIVITY_TYPES,
    Activities(),
    CAMPAIGNS,
    LISTS,
    LIST_MEMBERSHIPS,
    *ASSETS,
    *DESIGNER_ASSETS,
    # Behind all lists that it watches.
    ASSETS_SEEN,
    SEGMENTS,
    TOKENS,
    LEAD_FIELDS,
    *ADMINISTRATION,
    *USERS,
    *METADATA,
    bulk_exports(bulk_objects),
    Deletions(),
)


# What has bookmarks beside the streams: the sweep over all programs, the search for changed leads.
_BESIDE_STREAMS = (SWEEP, PAGES, LEAD_CHANGES, ROLE_CHANGES)


def definition_of(entry: CatalogEntry) -> StreamDefinition | None:
    """Return the definition of a stream; None if there is no such stream."""
    return next((definition for definition in REGISTRY if definition.owns(entry)), None)


def keeps_in_state(name: str) -> bool:
    """Say whether a name that has a bookmark in a state is one of this tap's."""
    patterns = [definition.name.partition("<") for definition in REGISTRY]
    return name in _BESIDE_STREAMS or any(
        name.startswith(beginning) if is_pattern else name == beginning
        for beginning, is_pattern, _ in patterns
    )


def needed_permissions(account: Account) -> list[str]:
    """Return the permissions, of those that a call can try, that the streams need here."""
    needed = {kind.permission for kind in REGISTRY if kind.is_offered(account)}
    return [permission for permission in PERMISSIONS if permission in needed]


def permissions_of(entry: CatalogEntry) -> Sequence[str]:
    """Return the permissions that a stream needs."""
    definition = definition_of(entry)
    return definition.permissions if definition else ()


def bulk_object_of(family: str) -> str | None:
    """Return the path part of the exports of a bulk family; None if there is no such family."""
    paths = (definition.bulk_object_of(family) for definition in REGISTRY)
    return next((path for path in paths if path), None)
