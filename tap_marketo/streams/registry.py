"""All streams there are: what discovery finds and sync reads, in this order."""

from __future__ import annotations

from collections.abc import Sequence

from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.activities import Activities
from tap_marketo.streams.administration import ADMINISTRATION
from tap_marketo.streams.asset_children import SEGMENTS, TOKENS
from tap_marketo.streams.assets import ASSETS
from tap_marketo.streams.custom_objects import CustomObjects
from tap_marketo.streams.deletions import Deletions
from tap_marketo.streams.kind import StreamKind
from tap_marketo.streams.lead_database import ACTIVITY_TYPES, CAMPAIGNS, LISTS
from tap_marketo.streams.leads import Leads
from tap_marketo.streams.list_memberships import LIST_MEMBERSHIPS
from tap_marketo.streams.program_members import ProgramMembers

REGISTRY: Sequence[StreamKind] = (
    Leads(),
    # What they find to export is begun before long lists are read.
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


def kind_of_stream(entry: CatalogEntry) -> StreamKind | None:
    """Return the kind of a stream, None if there is no such stream."""
    return next((kind for kind in REGISTRY if kind.owns(entry)), None)


def permission_of(entry: CatalogEntry) -> str:
    """Return the permissions that a stream needs, in a few words, empty if it needs none."""
    kind = kind_of_stream(entry)
    return ", ".join((kind.permission, *kind.further_permissions)) if kind else ""


def bulk_object_of(family: str) -> str | None:
    """Return the path part of the exports of a bulk family, None if there is no such family."""
    objects = (kind.bulk_object(family) for kind in REGISTRY)
    return next((bulk_object for bulk_object in objects if bulk_object), None)
