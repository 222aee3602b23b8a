"""Details of assets: what a call about a single asset returns, one declaration for each call."""

from __future__ import annotations

from typing import Any

from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Row, all_rows
from tap_marketo.streams.details import Details, NoDetailsError, by_key, listed, listed_by_offset

_ASSETS = "/rest/asset/v1"


def _email_program(row: Row) -> bool:
    """Say whether a program is one that sends an email, which alone have smart lists."""
    return str(row.get("type")).casefold().startswith("email")


_smart_list = by_key(
    "id", f"{_ASSETS}/program/{{id}}/smartList.json", "program_smart_list", includeRules="true"
)


def _program_smart_list(client: MarketoClient, row: Row) -> Row:
    return {"smartList": _smart_list(client, row)}


def _allowable_values(client: MarketoClient, row: Row) -> Row:
    """Read the values of a tag type; a name with a comma finds none (assets.md, By Name)."""
    path, name = f"{_ASSETS}/tagType/byName.json", str(row.get("tagType"))
    if "," in name:
        raise NoDetailsError("a name with a comma cannot be asked for")
    found = all_rows(client, path, "tag_type", {"name": name})
    if not found:
        raise NoDetailsError("Marketo finds nothing")
    return {"allowableValues": list_of_text(found[0].get("allowableValues"))}


def list_of_text(text: Any) -> Any:
    """Return the items of ``[a, b]``; any other value stays as it is."""
    if not isinstance(text, str) or not (text.startswith("[") and text.endswith("]")):
        return text
    items = [item.strip() for item in text[1:-1].split(",")]
    return [item for item in items if item]


PROGRAMS = (
    # programs.md: browsing does not return tags and costs; the Swagger definition has the dates
    # in the answer of the single program only.
    Details(
        ("startDate", "endDate", "tags", "costs"),
        by_key("id", f"{_ASSETS}/program/{{id}}.json", "program"),
    ),
    Details(("smartList",), _program_smart_list, has=_email_program),
)
# smart-lists.md, By Smart Campaign Id.
SMART_CAMPAIGNS = (
    Details(
        ("rules",),
        by_key(
            "id",
            f"{_ASSETS}/smartCampaign/{{id}}/smartList.json",
            "campaign_smart_list",
            includeRules="true",
        ),
    ),
)
SMART_LISTS = (
    Details(
        ("rules",),
        by_key("id", f"{_ASSETS}/smartList/{{id}}.json", "smart_list", includeRules="true"),
    ),
)
# What has an approved version shows that one, as no status is asked for.
EMAILS = (
    Details(
        ("content",), listed("content", f"{_ASSETS}/email/{{id}}/content.json", "email_content")
    ),
    Details(
        ("variables",),
        listed("variables", f"{_ASSETS}/email/{{id}}/variables.json", "email_variables"),
    ),
)
EMAIL_TEMPLATES = (
    # Without an ending in the Swagger definition; endpoint-reference.md has one.
    Details(
        ("content",),
        by_key("id", f"{_ASSETS}/emailTemplate/{{id}}/content", "email_template_content"),
    ),
    Details(
        ("usedBy",),
        listed_by_offset(
            "usedBy", f"{_ASSETS}/emailTemplates/{{id}}/usedBy.json", "email_template_used_by"
        ),
    ),
)
LANDING_PAGES = (
    Details(
        ("content",),
        listed("content", f"{_ASSETS}/landingPage/{{id}}/content.json", "landing_page_content"),
    ),
    Details(
        ("variables",),
        listed(
            "variables", f"{_ASSETS}/landingPage/{{id}}/variables.json", "landing_page_variables"
        ),
    ),
)
LANDING_PAGE_TEMPLATES = (
    Details(
        ("content",),
        by_key(
            "id",
            f"{_ASSETS}/landingPageTemplate/{{id}}/content.json",
            "landing_page_template_content",
        ),
    ),
)
FORMS = (
    Details(("fields",), listed("fields", f"{_ASSETS}/form/{{id}}/fields.json", "form_fields")),
    Details(
        ("usedBy",),
        listed_by_offset("usedBy", f"{_ASSETS}/form/{{id}}/usedBy.json", "form_used_by"),
    ),
)
SNIPPETS = (
    Details(
        ("content",), listed("content", f"{_ASSETS}/snippet/{{id}}/content.json", "snippet_content")
    ),
)
TAG_TYPES = (Details(("allowableValues",), _allowable_values),)
