"""Assets of the Email Designer, workspace by workspace: one declaration each.

Adobe's pages are emails-new.md, email-templates-new.md and fragments.md; swagger-asset.json has
more of the answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import ceil

from tap_marketo.errors import AccessDeniedError
from tap_marketo.exports.plan_line import Calls
from tap_marketo.log import LOGGER
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.moving_list import LARGEST_PAGE, indexed_pages, one_page
from tap_marketo.marketo.pages import Page, Row
from tap_marketo.marketo.ways import DESIGNER
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import by_key
from tap_marketo.streams.paged import Pages
from tap_marketo.streams.permissions import DESIGN_STUDIO, READ_ASSET
from tap_marketo.streams.scan import Scan
from tap_marketo.streams.stream_read import BY_DATE
from tap_marketo.times import to_marketo

_ASSETS = "/rest/asset/v2"
# What ``metadata`` holds beside modifiedAt (swagger-asset.json, ContentMetadataDTO): columns here.
_OF_METADATA = ("createdAt", "createdBy", "createdById", "modifiedBy", "modifiedById")
CALLS_BY_WORKSPACE = Calls(2, "one for the workspaces, and one for 50 rows of each")


def _prepared(row: Row) -> Row:
    """Give an asset columns for what its metadata holds. The picture of it is left out."""
    metadata = row.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    own = {key: value for key, value in row.items() if key not in ("metadata", "thumbnail")}
    others = {key: value for key, value in known.items() if key != "modifiedAt"}
    named = {key: known.get(key) for key in _OF_METADATA}
    return {**others, **own, **named, "updatedAt": known.get("modifiedAt")}


def _filter(scan: Scan, workspace: str) -> dict[str, str]:
    # A row that changes in the meantime leaves the range; the next run asks for it.
    return {
        "workspaceId": workspace,
        "includeArchived": "true",
        "modifiedAtStart": to_marketo(scan.since),
        "modifiedAtEnd": to_marketo(scan.until or scan.now),
    }


def by_workspace(path: str) -> Pages:
    """Read the assets of each workspace that were modified within a time."""

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        for workspace in account.workspaces_to_read:
            params = _filter(scan, workspace)
            try:
                yield from indexed_pages(
                    account.client, path, scan.stream, params, scan.identity, _prepared, DESIGNER
                )
            except AccessDeniedError:
                LOGGER.warning(
                    "%s: the role may not read workspace %s. Name those that it may read in "
                    "workspace_ids.",
                    scan.stream, workspace,
                )  # fmt: skip
                raise

    def size(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
        def of_one(workspace: str) -> ListSize[Row]:
            params = _filter(scan, workspace)
            page = one_page(account.client, path, scan.stream, params, 0, DESIGNER, LARGEST_PAGE)
            return _size(*page)

        found: ListSize[Row] = ListSize(0, 0 if account.config.workspace_ids else 1, [])
        for workspace in account.workspaces_to_read:
            found += sizes.once((path, workspace), partial(of_one, workspace))
        return found

    return Pages(fetch, CALLS_BY_WORKSPACE, size, how=BY_DATE)


def _size(rows: list[Row], total: int | None) -> ListSize[Row]:
    """Return how long a list is of which the first page is known."""
    seen = list(map(_prepared, rows))
    number = len(rows) if total is None else max(total, len(rows))
    is_whole = number < LARGEST_PAGE
    if not rows or (total is not None and is_whole):
        return ListSize(number, 1, seen, is_whole)
    # Each page begins with the last row of the one before; one more call proves the end.
    more = ceil(max(0, number - LARGEST_PAGE) / (LARGEST_PAGE - 1))
    return ListSize(number, 2 + more, seen, is_whole)


def _of_designer(kind: str, name: str, permission: str) -> DeclaredStream:
    """Declare the stream of a kind of assets."""
    return DeclaredStream(
        name=name,
        read=by_workspace(f"{_ASSETS}/{kind}/filter"),
        permission=DESIGN_STUDIO,
        further_permissions=(READ_ASSET, permission),
        details=(
            by_key(("data",), f"{_ASSETS}/{kind}/{{id}}", name.removesuffix("s"), way=DESIGNER),
        ),
    )


DESIGNER_ASSETS = (
    _of_designer("email", "designer_emails", "Access Email"),
    _of_designer("emailtemplate", "designer_email_templates", "Access Email Template"),
    _of_designer("fragment", "designer_fragments", "Access Snippet"),
)
