"""Assets, and what belongs to them: one declaration each."""

from __future__ import annotations

from functools import partial

from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Row
from tap_marketo.streams.details import Details, by_key, path_with, rows_of
from tap_marketo.streams.folders import FOLDERS
from tap_marketo.streams.paged import PagedStream, by_offset, by_update_range, whole_list
from tap_marketo.streams.permissions import READ_ASSET, READ_REDIRECT_RULES
from tap_marketo.streams.tags import TAG_TYPES

_ASSETS = "/rest/asset/v1"
_asset = partial(PagedStream, permission=READ_ASSET)
_redirect = partial(PagedStream, permission=READ_REDIRECT_RULES)


def _form_fields(client: MarketoClient, row: Row) -> Row:
    """Read the fields of a form, of its approved version where there is one (forms.md)."""
    path = path_with(f"{_ASSETS}/form/{{id}}/fields.json", row.get("id"))
    return {"fields": rows_of(client, path, "form_fields", {})}


ASSETS = (
    # programs.md: browsing does not return tags and costs; the Swagger definition has the dates
    # in the answer of the single program only.
    _asset(
        name="programs",
        path=f"{_ASSETS}/programs.json",
        read=by_update_range,
        details=Details(
            ("startDate", "endDate", "tags", "costs"),
            by_key("id", f"{_ASSETS}/program/{{id}}.json", "program"),
        ),
    ),
    _asset(name="smart_campaigns", path=f"{_ASSETS}/smartCampaigns.json", read=by_update_range),
    _asset(
        name="smart_lists",
        path=f"{_ASSETS}/smartLists.json",
        read=by_update_range,
        details=Details(
            ("rules",),
            by_key("id", f"{_ASSETS}/smartList/{{id}}.json", "smart_list", includeRules="true"),
        ),
    ),
    _asset(name="static_lists", path=f"{_ASSETS}/staticLists.json", read=by_update_range),
    _asset(name="emails", path=f"{_ASSETS}/emails.json", read=by_update_range),
    _asset(name="email_templates", path=f"{_ASSETS}/emailTemplates.json", read=by_offset),
    _asset(name="landing_pages", path=f"{_ASSETS}/landingPages.json", read=by_offset),
    _asset(
        name="landing_page_templates",
        path=f"{_ASSETS}/landingPageTemplates.json",
        read=by_offset,
    ),
    # The text of landing-page-redirect-rules.md swaps offset and maxReturn, and asks for domains
    # by POST; its examples and the Swagger definition have them as everywhere.
    _redirect(
        name="landing_page_redirect_rules",
        path=f"{_ASSETS}/redirectRules.json",
        read=by_update_range,
    ),
    _redirect(
        name="landing_page_domains",
        path=f"{_ASSETS}/landingPageDomains.json",
        read=by_offset,
        replication_key=None,
        keys=("hostname",),
    ),
    _asset(
        name="forms",
        path=f"{_ASSETS}/forms.json",
        read=by_offset,
        details=Details(("fields",), _form_fields),
    ),
    _asset(name="snippets", path=f"{_ASSETS}/snippets.json", read=by_offset),
    _asset(name="files", path=f"{_ASSETS}/files.json", read=by_offset),
    FOLDERS,
    _asset(name="channels", path=f"{_ASSETS}/channels.json", read=by_offset),
    TAG_TYPES,
    _asset(name="segmentations", path=f"{_ASSETS}/segmentation.json", read=whole_list),
)
