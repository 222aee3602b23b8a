"""Assets, and what belongs to them: one declaration each."""

from __future__ import annotations

from functools import partial
from typing import Any

from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Row
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import Details, NoDetailsError, by_key, path_with, rows_of
from tap_marketo.streams.folders import FOLDERS
from tap_marketo.streams.paged import by_offset, by_update_range, whole_list
from tap_marketo.streams.permissions import READ_ASSET, READ_REDIRECT_RULES

_ASSETS = "/rest/asset/v1"
_asset = partial(DeclaredStream, permission=READ_ASSET)
_redirect = partial(DeclaredStream, permission=READ_REDIRECT_RULES)


def _form_fields(client: MarketoClient, row: Row) -> Row:
    """Read the fields of a form, of its approved version where there is one (forms.md)."""
    path = path_with(f"{_ASSETS}/form/{{id}}/fields.json", row.get("id"))
    return {"fields": rows_of(client, path, "form_fields", {})}


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
    found = rows_of(client, path, "tag_type", {"name": name})
    if not found:
        raise NoDetailsError("Marketo finds nothing")
    return {"allowableValues": list_of_text(found[0].get("allowableValues"))}


ASSETS = (
    # programs.md: browsing does not return tags and costs; the Swagger definition has the dates
    # in the answer of the single program only.
    _asset(
        name="programs",
        read=by_update_range(f"{_ASSETS}/programs.json"),
        details=Details(
            ("startDate", "endDate", "tags", "costs"),
            by_key("id", f"{_ASSETS}/program/{{id}}.json", "program"),
        ),
    ),
    _asset(name="smart_campaigns", read=by_update_range(f"{_ASSETS}/smartCampaigns.json")),
    _asset(
        name="smart_lists",
        read=by_update_range(f"{_ASSETS}/smartLists.json"),
        details=Details(
            ("rules",),
            by_key("id", f"{_ASSETS}/smartList/{{id}}.json", "smart_list", includeRules="true"),
        ),
    ),
    _asset(name="static_lists", read=by_update_range(f"{_ASSETS}/staticLists.json")),
    _asset(name="emails", read=by_update_range(f"{_ASSETS}/emails.json")),
    _asset(name="email_templates", read=by_offset(f"{_ASSETS}/emailTemplates.json")),
    _asset(name="landing_pages", read=by_offset(f"{_ASSETS}/landingPages.json")),
    _asset(
        name="landing_page_templates",
        read=by_offset(f"{_ASSETS}/landingPageTemplates.json"),
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
        details=Details(("fields",), _form_fields),
    ),
    _asset(name="snippets", read=by_offset(f"{_ASSETS}/snippets.json")),
    _asset(name="files", read=by_offset(f"{_ASSETS}/files.json")),
    FOLDERS,
    _asset(name="channels", read=by_offset(f"{_ASSETS}/channels.json")),
    # tags.md: Marketo writes the lists of a tag type as text.
    _asset(
        name="tag_types",
        read=by_offset(f"{_ASSETS}/tagTypes.json", prepare=_tag_type),
        replication_key=None,
        keys=("tagType",),
        details=Details(("allowableValues",), _allowable_values),
    ),
    _asset(name="segmentations", read=whole_list(f"{_ASSETS}/segmentation.json")),
)
