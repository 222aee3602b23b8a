"""Assets, and what belongs to them: one declaration each."""

from __future__ import annotations

from functools import partial

from tap_marketo.marketo.pages import Row
from tap_marketo.streams import asset_details
from tap_marketo.streams.asset_details import list_of_text
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.folders import FOLDERS
from tap_marketo.streams.paged import by_offset, by_update_range, whole_list
from tap_marketo.streams.permissions import READ_ASSET, READ_REDIRECT_RULES

_ASSETS = "/rest/asset/v1"
_asset = partial(DeclaredStream, permission=READ_ASSET)
_redirect = partial(DeclaredStream, permission=READ_REDIRECT_RULES)


def _tag_type(row: Row) -> Row:
    return {**row, "applicableProgramTypes": list_of_text(row.get("applicableProgramTypes"))}


ASSETS = (
    _asset(
        name="programs",
        read=by_update_range(f"{_ASSETS}/programs.json"),
        details=asset_details.PROGRAMS,
    ),
    _asset(
        name="smart_campaigns",
        read=by_update_range(f"{_ASSETS}/smartCampaigns.json"),
        details=asset_details.SMART_CAMPAIGNS,
    ),
    _asset(
        name="smart_lists",
        read=by_update_range(f"{_ASSETS}/smartLists.json"),
        details=asset_details.SMART_LISTS,
    ),
    _asset(name="static_lists", read=by_update_range(f"{_ASSETS}/staticLists.json")),
    _asset(
        name="emails",
        read=by_update_range(f"{_ASSETS}/emails.json"),
        details=asset_details.EMAILS,
    ),
    _asset(
        name="email_templates",
        read=by_offset(f"{_ASSETS}/emailTemplates.json"),
        details=asset_details.EMAIL_TEMPLATES,
    ),
    _asset(
        name="landing_pages",
        read=by_offset(f"{_ASSETS}/landingPages.json"),
        details=asset_details.LANDING_PAGES,
    ),
    _asset(
        name="landing_page_templates",
        read=by_offset(f"{_ASSETS}/landingPageTemplates.json"),
        details=asset_details.LANDING_PAGE_TEMPLATES,
    ),
    # The text of landing-page-redirect-rules.md swaps offset and maxReturn, and asks for domains
    # by POST; its examples and the Swagger definition have them as everywhere.
    _redirect(
        name="landing_page_redirect_rules",
        read=by_update_range(f"{_ASSETS}/redirectRules.json"),
    ),
    _redirect(
        name="landing_page_domains",
        read=by_offset(f"{_ASSETS}/landingPageDomains.json"),
        replication_key=None,
        keys=("hostname",),
    ),
    _asset(
        name="forms",
        read=by_offset(f"{_ASSETS}/forms.json"),
        details=asset_details.FORMS,
    ),
    _asset(
        name="snippets",
        read=by_offset(f"{_ASSETS}/snippets.json"),
        details=asset_details.SNIPPETS,
    ),
    _asset(name="files", read=by_offset(f"{_ASSETS}/files.json")),
    FOLDERS,
    _asset(name="channels", read=by_offset(f"{_ASSETS}/channels.json")),
    # tags.md: Marketo writes the lists of a tag type as text.
    _asset(
        name="tag_types",
        read=by_offset(f"{_ASSETS}/tagTypes.json", prepare=_tag_type),
        replication_key=None,
        keys=("tagType",),
        details=asset_details.TAG_TYPES,
    ),
    _asset(name="segmentations", read=whole_list(f"{_ASSETS}/segmentation.json")),
)
