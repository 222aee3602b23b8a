"""Every kind of asset, declared: its path, page, permission, filter and optional columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.sandbox.assets import (
    children,
    designer,
    emails,
    forms,
    lists,
    pages,
    programs,
    subscription,
    users,
)
from tests.sandbox.assets.draw import JSON, Draw
from tests.sandbox.assets.table import Asset
from tests.sandbox.paging import OFFSETS

_ASSETS = "Read-Only Asset"
_REDIRECTS = "Read-Only Redirect Rules"
_USERS = "Access User Management Api"

Filter = Literal["whole seconds", "any"] | None


@dataclass(frozen=True)
class Kind:
    """One kind: its table, its browse call and what its rows are like."""

    table: str
    """Name of the table of truths, of the members of a change and, mostly, of the call."""
    path: str
    make: Callable[[Draw], JSON]
    optional: tuple[str, ...] = ()
    """Columns that are null or missing in an example, or not required in the Swagger."""
    filter: Filter = None
    """Whether earliestUpdatedAt and latestUpdatedAt are documented, and with which datetimes."""
    permission: str = _ASSETS
    call: str = ""
    paged: bool = True
    """By offset and maxReturn; the others answer all at once."""
    page_names: tuple[str, str] = OFFSETS
    """The parameters of a page."""
    dated: bool = True
    by_name: bool = False
    """Whether the example is in the order of names, not of ids."""
    first: int = 1001
    key: str = "id"
    view_of: str | None = None
    """The table whose rows these are."""
    details: Callable[[Draw], JSON] | None = None
    """Columns that only the call for one row gives."""
    is_left_out: Callable[[Asset], bool] = lambda row: False
    """Whether a row is counted, but never shown."""

    @property
    def name(self) -> str:
        """The name of the browse call."""
        return self.call or self.table

    @property
    def is_asset(self) -> bool:
        """Whether it is of the asset API, whose empty answers bring a warning and no result."""
        return self.path.startswith("/rest/asset/")


_A = "/rest/asset/v1/"
_V2 = "/rest/asset/v2/"
_U = "/userservice/management/v1/users/"

# programs.json stands here for its call alone: its rows are those of lead_database.py.
KINDS = (
    # smart-campaigns.md: datetimes "without milliseconds"; folder is missing in the examples.
    Kind(
        "smart_campaigns", f"{_A}smartCampaigns.json", lists.smart_campaign,
        ("folder", "computedUrl"), "whole seconds", view_of="campaigns",
        details=lists.smart_list_rules,
    ),
    # smart-lists.md names the filter and says nothing of its datetimes.
    Kind(
        "smart_lists", f"{_A}smartLists.json", lists.smart_list,
        ("description", "folder", "url", "workspace"), "any", details=lists.smart_list_rules,
    ),
    # static-lists.md: "Use ISO-8601 values without milliseconds".
    Kind(
        "static_lists", f"{_A}staticLists.json", lists.static_list,
        ("folder", "computedUrl"), "whole seconds", view_of="lists",
    ),
    Kind(
        "emails", f"{_A}emails.json", emails.email,
        ("description", "url", "folder", "version", "workspace", "ccFields", "updatedAt",
         "isOpenTrackingDisabled", "preHeader"), "any", details=emails.email_details,
    ),
    Kind(
        "email_templates", f"{_A}emailTemplates.json", emails.email_template,
        ("description", "url", "folder", "version", "workspace", "updatedAt"), by_name=True,
        details=emails.template_details,
    ),
    Kind(
        "landing_pages", f"{_A}landingPages.json", pages.landing_page,
        ("description", "folder", "workspace", "computedUrl", "updatedAt", "keywords", "title"),
        details=pages.page_details,
    ),
    Kind(
        "landing_page_templates", f"{_A}landingPageTemplates.json", pages.landing_page_template,
        ("description", "folder", "url", "workspace", "updatedAt"),
        details=pages.template_details,
    ),
    # The text of landing-page-redirect-rules.md has offset and maxReturn swapped; its example
    # and the Swagger have them as everywhere.
    Kind(
        "landing_page_redirect_rules", f"{_A}redirectRules.json", pages.redirect_rule,
        ("redirectFromUrl", "hostname", "redirectFrom"), "any", _REDIRECTS,
    ),
    # POST on the page, GET in the Swagger and in endpoint-reference.md.
    Kind(
        "landing_page_domains", f"{_A}landingPageDomains.json", pages.landing_page_domain,
        ("type",), permission=_REDIRECTS, dated=False, first=1, key="hostname",
    ),
    Kind(
        "forms", f"{_A}forms.json", forms.form,
        ("description", "folder", "url", "thankYouList", "buttonLocation", "updatedAt"),
        by_name=True, details=forms.form_details,
    ),
    Kind(
        "snippets", f"{_A}snippets.json", emails.snippet,
        ("description", "folder", "url", "workspace", "updatedAt"), by_name=True,
        details=emails.snippet_details,
    ),
    Kind("files", f"{_A}files.json", emails.file, ("description", "folder")),
    Kind(
        "channels", f"{_A}channels.json", programs.channel,
        ("applicableProgramType", "progressionStatuses", "updatedAt"), first=1,
    ),
    Kind(
        "tag_types", f"{_A}tagTypes.json", programs.tag_type, ("required",),
        dated=False, first=1, key="tagType", details=programs.allowable_values,
    ),
    Kind(
        "segmentations", f"{_A}segmentation.json", children.segmentation,
        ("description", "folder", "url", "workspace", "updatedAt"), paged=False,
    ),
    Kind(
        "lead_partitions", "/rest/v1/leads/partitions.json", subscription.partition,
        permission="Read-Only Lead", paged=False, dated=False, first=1,
    ),
    Kind(
        "custom_object_types", "/rest/v1/customobjects.json", subscription.custom_object_type,
        ("description",), permission="Read-Only Custom Object", call="customobjects",
        paged=False, dated=False, first=1, key="name", details=subscription.type_details,
    ),
    Kind(
        "designer_emails", f"{_V2}email/filter", designer.email, paged=False, dated=False,
        details=designer.content, is_left_out=designer.is_variant,
    ),
    Kind(
        "designer_email_templates", f"{_V2}emailtemplate/filter", designer.email_template,
        paged=False, dated=False, details=designer.content,
    ),
    Kind(
        "designer_fragments", f"{_V2}fragment/filter", designer.fragment, paged=False,
        dated=False, details=designer.content,
    ),
    Kind(
        "users", f"{_U}allusers.json", users.user, permission=_USERS, dated=False, first=1,
        key="userid", details=users.user_details, page_names=("pageOffset", "pageSize"),
    ),
    Kind(
        "user_roles", f"{_U}roles.json", users.role, permission=_USERS, paged=False, dated=False,
        first=1,
    ),
    # The number of a row is not the id of its workspace.
    Kind(
        "workspaces", f"{_U}workspaces.json", users.workspace, permission=_USERS, paged=False,
        dated=False, first=1,
    ),
)  # fmt: skip

BY_CALL = {kind.name: kind for kind in KINDS}

SINGLE = {
    "program": (rf"{_A}program/(?P<id>\d+)\.json", _ASSETS),
    "smart_list": (rf"{_A}smartList/(?P<id>\d+)\.json", _ASSETS),
    "form_fields": (rf"{_A}form/(?P<id>\d+)/fields\.json", _ASSETS),
    "tag_type": (rf"{_A}tagType/byName\.json", _ASSETS),
    "folder_by_name": (rf"{_A}folder/byName\.json", _ASSETS),
    "segments": (rf"{_A}segmentation/(?P<id>\d+)/segments\.json", _ASSETS),
    "tokens": (rf"{_A}folder/(?P<id>\d+)/tokens\.json", _ASSETS),
    "customobject_describe": (
        r"/rest/v1/customobjects/(?P<id>[^/]+)/describe\.json",
        "Read-Only Custom Object",
    ),
    "designer_email": (rf"{_V2}email/(?P<id>[^/]+)", _ASSETS),
    "designer_email_template": (rf"{_V2}emailtemplate/(?P<id>[^/]+)", _ASSETS),
    "designer_fragment": (rf"{_V2}fragment/(?P<id>[^/]+)", _ASSETS),
    "user": (rf"{_U}(?P<id>[^/]+)/user\.json", _USERS),
    "campaign_smart_list": (rf"{_A}smartCampaign/(?P<id>\d+)/smartList\.json", _ASSETS),
    "program_smart_list": (rf"{_A}program/(?P<id>\d+)/smartList\.json", _ASSETS),
    "email_content": (rf"{_A}email/(?P<id>\d+)/content\.json", _ASSETS),
    "email_variables": (rf"{_A}email/(?P<id>\d+)/variables\.json", _ASSETS),
    # Without an ending in swagger-asset.json, with one in endpoint-reference.md.
    "email_template_content": (rf"{_A}emailTemplate/(?P<id>\d+)/content(?:\.json)?", _ASSETS),
    "email_template_used_by": (rf"{_A}emailTemplates/(?P<id>\d+)/usedBy\.json", _ASSETS),
    "landing_page_content": (rf"{_A}landingPage/(?P<id>\d+)/content\.json", _ASSETS),
    "landing_page_variables": (rf"{_A}landingPage/(?P<id>\d+)/variables\.json", _ASSETS),
    "landing_page_template_content": (
        rf"{_A}landingPageTemplate/(?P<id>\d+)/content\.json",
        _ASSETS,
    ),
    "snippet_content": (rf"{_A}snippet/(?P<id>\d+)/content\.json", _ASSETS),
    "form_used_by": (rf"{_A}form/(?P<id>\d+)/usedBy\.json", _ASSETS),
}
"""Calls about one row or one parent: the address, and the permission that they need."""

DETAILS = {
    "campaign_smart_list": ("smart_campaigns", "rules"),
    "program_smart_list": ("programs", "smartList"),
    "email_content": ("emails", "content"),
    "email_variables": ("emails", "variables"),
    "email_template_content": ("email_templates", "content"),
    "email_template_used_by": ("email_templates", "usedBy"),
    "landing_page_content": ("landing_pages", "content"),
    "landing_page_variables": ("landing_pages", "variables"),
    "landing_page_template_content": ("landing_page_templates", "content"),
    "snippet_content": ("snippets", "content"),
    "form_used_by": ("forms", "usedBy"),
}
"""Calls that give one column of the details of a row: the table and the column."""
_USED_BY = ("email_template_used_by", "form_used_by")

OFFSET_PAGED = {
    **dict.fromkeys(("programs", "folders", "segments", *_USED_BY), OFFSETS),
    **{kind.name: kind.page_names for kind in KINDS if kind.paged},
}
"""Calls that page by offset, with the names of their parameters (assets.md, "Browse")."""
USER_CALLS = (*(kind.name for kind in KINDS if kind.path.startswith(_U)), "user")
"""Calls not below /rest, which are answered without an envelope (user-management.md)."""
DESIGNER_CALLS = {
    call: permission
    for kind, permission in (
        ("designer_email", "Access Email"),
        ("designer_email_template", "Access Email Template"),
        ("designer_fragment", "Access Snippet"),
    )
    for call in (kind, f"{kind}s")
}
"""Calls of the Email Designer, each with a permission of its own."""
