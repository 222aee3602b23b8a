"""Assets, and what belongs to them: one declaration each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from tap_marketo.errors import DataError
from tap_marketo.exports.plan_line import Calls
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.moving_list import offset_pages
from tap_marketo.marketo.pages import Page, Row, all_rows
from tap_marketo.protocol.position import Parent
from tap_marketo.streams.children import Children
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import (
    Details,
    NoDetailsError,
    by_key,
    listed,
    listed_by_offset,
    one_row,
    path_with,
)
from tap_marketo.streams.folders import AREAS, tree, tree_size, trees
from tap_marketo.streams.paged import Pages, by_offset, by_update_range, whole_list
from tap_marketo.streams.permissions import READ_ASSET, READ_REDIRECT_RULES
from tap_marketo.streams.stream_read import id_of, raw_id

_ASSETS = "/rest/asset/v1"
_PROGRAMS = f"{_ASSETS}/programs.json"
_SEGMENTATIONS = f"{_ASSETS}/segmentation.json"


def list_of_text(text: Any) -> Any:
    """Return the items of ``[a, b]``; any other value stays as it is."""
    if not isinstance(text, str) or not (text.startswith("[") and text.endswith("]")):
        return text
    items = [item.strip() for item in text[1:-1].split(",")]
    return [item for item in items if item]


def _tag_type(row: Row) -> Row:
    return {**row, "applicableProgramTypes": list_of_text(row.get("applicableProgramTypes"))}


def _allowable_values(client: MarketoClient, row: Row) -> Row:
    """Read the values of a tag type; a name with a comma finds none (assets.md, By Name)."""
    path, name = f"{_ASSETS}/tagType/byName.json", str(row.get("tagType"))
    if "," in name:
        raise NoDetailsError("a name with a comma cannot be asked for")
    found = one_row(client, path, "tag_type", {"name": name})
    return {"allowableValues": list_of_text(found.get("allowableValues"))}


def _is_email_program(row: Row) -> bool:
    """Say whether a program is one that sends an email, which alone have smart lists."""
    return str(row.get("type")).casefold().startswith("email")


def _program_smart_list(client: MarketoClient, row: Row) -> Row:
    path = path_with(f"{_ASSETS}/program/{{id}}/smartList.json", row.get("id"))
    return {"smartList": one_row(client, path, "program_smart_list", {"includeRules": "true"})}


def _asset(name: str, read: Pages | Children, *details: Details, **more: Any) -> DeclaredStream:
    return DeclaredStream(name=name, read=read, permission=READ_ASSET, details=details, **more)


ASSETS = (
    _asset(
        "programs",
        by_update_range(_PROGRAMS),
        # programs.md: browsing does not return tags and costs; the Swagger definition has the
        # dates in the answer of the single program only.
        by_key(
            ("startDate", "endDate", "tags", "costs"), f"{_ASSETS}/program/{{id}}.json", "program"
        ),
        Details(("smartList",), _program_smart_list, has=_is_email_program),
    ),
    _asset(
        "smart_campaigns",
        by_update_range(f"{_ASSETS}/smartCampaigns.json"),
        # smart-lists.md, By Smart Campaign Id.
        by_key(
            ("rules",),
            f"{_ASSETS}/smartCampaign/{{id}}/smartList.json",
            "campaign_smart_list",
            includeRules="true",
        ),
    ),
    _asset(
        "smart_lists",
        by_update_range(f"{_ASSETS}/smartLists.json"),
        by_key(("rules",), f"{_ASSETS}/smartList/{{id}}.json", "smart_list", includeRules="true"),
    ),
    _asset("static_lists", by_update_range(f"{_ASSETS}/staticLists.json")),
    # What has an approved version shows that one, as no status is asked for.
    _asset(
        "emails",
        by_update_range(f"{_ASSETS}/emails.json"),
        listed("content", f"{_ASSETS}/email/{{id}}/content.json", "email_content"),
        listed("variables", f"{_ASSETS}/email/{{id}}/variables.json", "email_variables"),
    ),
    _asset(
        "email_templates",
        by_offset(f"{_ASSETS}/emailTemplates.json"),
        # Without an ending in the Swagger definition; endpoint-reference.md has one.
        by_key(("content",), f"{_ASSETS}/emailTemplate/{{id}}/content", "email_template_content"),
        listed_by_offset(
            "usedBy", f"{_ASSETS}/emailTemplates/{{id}}/usedBy.json", "email_template_used_by"
        ),
    ),
    _asset(
        "landing_pages",
        by_offset(f"{_ASSETS}/landingPages.json"),
        listed("content", f"{_ASSETS}/landingPage/{{id}}/content.json", "landing_page_content"),
        listed(
            "variables", f"{_ASSETS}/landingPage/{{id}}/variables.json", "landing_page_variables"
        ),
    ),
    _asset(
        "landing_page_templates",
        by_offset(f"{_ASSETS}/landingPageTemplates.json"),
        by_key(
            ("content",),
            f"{_ASSETS}/landingPageTemplate/{{id}}/content.json",
            "landing_page_template_content",
        ),
    ),
    # The text of landing-page-redirect-rules.md swaps offset and maxReturn, and asks for domains
    # by POST; its examples and the Swagger definition have them as everywhere.
    DeclaredStream(
        name="landing_page_redirect_rules",
        read=by_update_range(f"{_ASSETS}/redirectRules.json"),
        permission=READ_REDIRECT_RULES,
    ),
    DeclaredStream(
        name="landing_page_domains",
        read=by_offset(f"{_ASSETS}/landingPageDomains.json"),
        permission=READ_REDIRECT_RULES,
        replication_key=None,
        keys=("hostname",),
    ),
    _asset(
        "forms",
        by_offset(f"{_ASSETS}/forms.json"),
        listed("fields", f"{_ASSETS}/form/{{id}}/fields.json", "form_fields"),
        listed_by_offset("usedBy", f"{_ASSETS}/form/{{id}}/usedBy.json", "form_used_by"),
    ),
    _asset(
        "snippets",
        by_offset(f"{_ASSETS}/snippets.json"),
        listed("content", f"{_ASSETS}/snippet/{{id}}/content.json", "snippet_content"),
    ),
    _asset("files", by_offset(f"{_ASSETS}/files.json")),
    _asset(
        "folders",
        Pages(
            lambda account, scan: trees(account.client),
            Calls(6, "one for 200 folders of each area, and one that proves the end"),
            lambda account, scan, sizes: tree_size(sizes),
        ),
        keys=("id", "type"),
    ),
    _asset("channels", by_offset(f"{_ASSETS}/channels.json")),
    # tags.md: Marketo writes the lists of a tag type as text.
    _asset(
        "tag_types",
        by_offset(f"{_ASSETS}/tagTypes.json", prepare=_tag_type),
        Details(("allowableValues",), _allowable_values),
        replication_key=None,
        keys=("tagType",),
    ),
    _asset("segmentations", whole_list(_SEGMENTATIONS)),
)


def _parent(kind: object, row: Row) -> Parent:
    return Parent(str(kind), id_of(row, str(kind)))


def _segments(client: MarketoClient, parent: Parent) -> Iterator[Page]:
    """Read the segments of a segmentation (dynamic-content.md); some do not say whose they are."""
    path = f"{_ASSETS}/segmentation/{parent.id}/segments.json"
    owner = str(parent.id)
    for page in offset_pages(client, path, "segments", {}, raw_id):
        rows: list[Row] = [
            {**row, "segmentationId": row.get("segmentationId") or owner} for row in page.rows
        ]
        yield replace(page, rows=rows)


def _folders_and_programs(client: MarketoClient) -> Iterator[Page]:
    yield from trees(client)
    # Nothing promises that each program stands in the tree.
    for page in offset_pages(client, _PROGRAMS, "programs", {}, raw_id):
        yield Page([{**row, "type": "Program"} for row in page.rows])


def _number_of_holders(sizes: ListSizes) -> ListSize[Row]:
    """Return how many folders and programs there are; usually each program stands in the tree."""
    programs = sizes.by_offset(_PROGRAMS, "programs", {})
    return tree_size(sizes) + ListSize(0, programs.calls, [])


def _tokens(client: MarketoClient, parent: Parent) -> Iterator[Page]:
    """Read the tokens of a folder or program (tokens.md)."""
    path = f"{_ASSETS}/folder/{parent.id}/tokens.json"
    owner = {"folderType": parent.type, "folderId": str(parent.id)}
    holders = all_rows(client, path, "tokens", {"folderType": parent.type})
    tokens = [token for holder in holders for token in holder.get("tokens") or ()]
    if not all(isinstance(token, dict) for token in tokens):
        raise DataError(f"GET {path}: a token is something else than an object. Run again.")
    yield Page([{**token, **owner} for token in tokens])


SEGMENTS = _asset(
    "segments",
    Children(
        lambda client: iter([Page(all_rows(client, _SEGMENTATIONS, "segmentations"))]),
        partial(_parent, "Segmentation"),
        _segments,
        lambda sizes: sizes.of_one_page(_SEGMENTATIONS, "segmentations"),
        calls=2,
        guess="two calls a segmentation, which is for up to 200 segments",
        at_intervals=False,
    ),
    replication_key=None,
)
TOKENS = _asset(
    "tokens",
    Children(
        _folders_and_programs,
        lambda row: _parent(row["type"], row),
        _tokens,
        _number_of_holders,
        groups=AREAS,
        in_group=tree,
    ),
    replication_key=None,
    keys=("folderType", "folderId", "name"),
)
