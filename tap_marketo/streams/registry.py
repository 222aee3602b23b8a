"""All streams there are: what discovery finds and sync reads, in this order."""

from __future__ import annotations

from collections.abc import Sequence

from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.activities import Activities
from tap_marketo.streams.asset_children import SEGMENTS, TOKENS
from tap_marketo.streams.assets import ASSETS
from tap_marketo.streams.custom_objects import CustomObjects
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.deletions import Deletions
from tap_marketo.streams.lead_database import ACTIVITY_TYPES, ADMINISTRATION, CAMPAIGNS, LISTS
from tap_marketo.streams.leads import Leads
from tap_marketo.streams.list_memberships import LIST_MEMBERSHIPS
from tap_marketo.streams.program_members import ProgramMembers

# Discovery writes the catalog in this order. A sync makes the first export jobs in this order, and
# then reads page by page in this order, streams of one call first. So streams whose calls find
# what to export stand before streams with many pages: Marketo works while the pages are read.
REGISTRY: Sequence[StreamDefinition] = (
    Leads(),
    CustomObjects(),
    ProgramMembers(),
    ACTIVITY_TYPES,
    Activities(),
    CAMPAIGNS,
    LISTS,
    LIST_MEMBERSHIPS,
    *ASSETS,
    SEGMENTS,
    TOKENS,
    *ADMINISTRATION,
    Deletions(),
)


def definition_of(entry: CatalogEntry) -> StreamDefinition | None:
    """Return the definition of a stream; None if there is no such stream."""
    return next((definition for definition in REGISTRY if definition.owns(entry)), None)


def permission_of(entry: CatalogEntry) -> str:
    """Return the permissions that a stream needs, joined by commas; empty if it needs none."""
    definition = definition_of(entry)
    if definition is None:
        return ""
    return ", ".join((definition.permission, *definition.further_permissions))


def bulk_object_of(family: str) -> str | None:
    """Return the path part of the exports of a bulk family; None if there is no such family."""
    objects = (definition.bulk_object(family) for definition in REGISTRY)
    return next((bulk_object for bulk_object in objects if bulk_object), None)
