"""How the streams hang together: which column names a row of which other stream.

Declared here once. `make docs` makes of it docs/relations.md (tests/relations_page.py) and dbt's
tests (tests/dbt_sources.py); tests/end_to_end/test_relations.py proves it in an account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

GONE_LEAD = "the lead has been deleted or merged"
GONE_ASSET = "the asset has been deleted"
LOST = "these leads are gone: rows that were loaded before stay"
"""Of leads that Marketo no longer has: none of them need be found."""
TYPE_GONE = "the type has been removed"
USER_GONE = "the user has been removed"


class Relation(NamedTuple):
    """Columns of a stream that name a row of another stream."""

    stream: str
    """Its name; with ``*`` at its end, each stream that begins so."""
    columns: tuple[str, ...]
    """Each a column, a member of an object in it (``folder.id``, or the first that there is:
    ``folder.value|id``), or of each item of its array (``users[].userId``, ``merge_ids[]``)."""
    to: str
    keys: tuple[str, ...]
    """Columns of the other stream, in the order of ``columns``."""
    why: str = ""
    """Why the other stream may lack the row; empty if it has it."""
    only: tuple[str, str] | None = None
    """A column, or a member as above, and the value that it has in the rows that are meant."""

    def is_of(self, stream: str) -> bool:
        """Whether it is a relation of a stream."""
        # The list of types is not one of them.
        return is_named(stream, self.stream) and stream != "custom_object_types"

    def found(self, row: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
        """Yield what a record names, as texts: no null is among them."""
        for item in _items(row, (*self.columns, *([self.only[0]] if self.only else ()))):
            values = [value_at(item, path) for path in self.columns]
            if self.to == "folders" and len(values) == len(_FOLDER) and values[0]:
                # Marketo writes the type of a folder in capitals or without.
                values[0] = str(values[0]).capitalize()
            if self.only and str(value_at(item, self.only[0])) != self.only[1]:
                continue
            if all(value is not None for value in values):
                yield tuple(map(str, values))


def is_named(name: str, pattern: str) -> bool:
    """Whether a name is the pattern's; one with ``*`` at its end means all that begin so."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def column_of(path: str) -> str:
    """Return the column that a path begins with."""
    return path.partition(".")[0].removesuffix("[]")


def members_of(path: str) -> list[str]:
    """Return the members of which a path means the first that there is; none if it is a column."""
    member = path.partition(".")[2]
    return member.split("|") if member else []


def spelled_out(relation: Relation) -> list[str]:
    """Return the paths of a relation's columns, with each member that a path may mean."""
    found = []
    for path in relation.columns:
        column, dot, _ = path.partition(".")
        found += [f"{column}{dot}{member}" for member in members_of(path) or [""]]
    return found


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a path of a record, of which an array has been given way to an item."""
    value = row.get(column_of(path))
    if not (members := members_of(path)):
        return value
    found = (value.get(member) for member in members) if isinstance(value, Mapping) else ()
    return next((each for each in found if each is not None), None)


def _items(row: Mapping[str, Any], paths: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    """Yield the record once for each item of the array that a path goes through."""
    arrays = {column_of(path) for path in paths if "[]" in path}
    if not arrays:
        yield row
    for column in arrays:
        for item in row.get(column) or ():
            yield {**row, column: item}


def _to(stream: str, column: str, to: str, key: str = "id", why: str = "", **only: str) -> Relation:
    rows = next(iter(only.items()), None)
    return Relation(stream, (column,), to, (key,), why, rows)


_FOLDER = ("type", "id")


def _folder(stream: str, path: str = "folder.value|id") -> Relation:
    kind = f"{path.partition('.')[0]}.type"
    return Relation(stream, (kind, path), "folders", _FOLDER)


_MAILS = (
    *("send_email", "email_delivered", "email_bounced", "email_bounced_soft", "open_email"),
    *("click_email", "unsubscribe_email", "send_alert", "sent_forward_to_friend_email"),
    "received_forward_to_friend_email",
)
_OF_PROGRAMS = (
    *("change_status_in_progression", "change_program_member_data"),
    *("add_to_nurture", "change_nurture_track", "change_nurture_cadence"),
)
ABOUT = "primary_attribute_value_id"

PEOPLE = (
    _to("program_members", "leadId", "leads", why=GONE_LEAD),
    _to("program_members", "programId", "programs", why=GONE_ASSET),
    _to("list_memberships", "leadId", "leads", why=GONE_LEAD),
    _to("list_memberships", "listId", "lists", why=GONE_ASSET),
    _to("smart_list_memberships", "leadId", "leads", why=GONE_LEAD),
    _to("smart_list_memberships", "smartListId", "smart_lists", why=GONE_ASSET),
    _to("custom_object_*", "leadID", "leads", why=GONE_LEAD),
    _to("activities_*", "leadId", "leads", why=GONE_LEAD),
    _to("activities_*", "activityTypeId", "activity_types", why=TYPE_GONE),
    _to("activities_*", "campaignId", "campaigns", why=GONE_ASSET),
    _to("activities_merge_leads", ABOUT, "leads", why=GONE_LEAD),
    _to("activities_merge_leads", "merge_ids[]", "leads", why=LOST),
    _to("activities_delete_lead", ABOUT, "leads", why=LOST),
    _to("leads", "leadPartitionId", "lead_partitions"),
    _to("leads", "acquisitionProgramId", "programs", why=GONE_ASSET),
)
COMPANIES = (
    _to("leads", "contactCompany", "companies", why="the setting `companies` leaves it out"),
    _to("leads", "externalCompanyId", "companies", "externalCompanyId"),
    _to("leads", "externalSalesPersonId", "sales_persons", "externalSalesPersonId"),
    _to("companies", "externalSalesPersonId", "sales_persons", "externalSalesPersonId"),
    _to("opportunities", "externalCompanyId", "companies", "externalCompanyId",
        "no lead belongs to the company"),
    _to("opportunities", "externalSalesPersonId", "sales_persons", "externalSalesPersonId"),
    _to("opportunity_roles", "externalOpportunityId", "opportunities", "externalOpportunityId"),
    _to("opportunity_roles", "leadId", "leads", why=GONE_LEAD),
    _to("named_account_list_members", "marketoGUID", "named_accounts", "marketoGUID"),
    _to("named_account_list_members", "namedAccountListId", "named_account_lists", "marketoGUID"),
)  # fmt: skip
ACTIVITIES = (
    *(_to(f"activities_{name}", ABOUT, "emails", why=GONE_ASSET) for name in _MAILS),
    *(_to(f"activities_{name}", ABOUT, "programs", why=GONE_ASSET) for name in _OF_PROGRAMS),
    _to("activities_fill_out_form", ABOUT, "forms", why=GONE_ASSET),
    _to("activities_unsubscribe_email", "webform_id", "forms", why=GONE_ASSET),
    _to("activities_add_to_list", ABOUT, "lists", why=GONE_ASSET),
    _to("activities_remove_from_list", ABOUT, "lists", why=GONE_ASSET),
    _to("activities_request_campaign", ABOUT, "campaigns", why=GONE_ASSET),
    _to("activities_change_data_value", ABOUT, "lead_fields", why="the field has been removed"),
    _to("activities_change_score", ABOUT, "lead_fields", why="the field has been removed"),
    _to("activities_change_lead_partition", ABOUT, "lead_partitions",
        why="the partition has been removed"),
    _to("activities_change_segment", ABOUT, "segmentations", why=GONE_ASSET),
    _to("activities_change_segment", "new_segment_id", "segments", why=GONE_ASSET),
    _to("activities_sent_forward_to_friend_email", "lead_id", "leads", why=GONE_LEAD),
    _to("activities_received_forward_to_friend_email", "lead_id", "leads", why=GONE_LEAD),
)  # fmt: skip
ASSETS = (
    _to("campaigns", "id", "smart_campaigns"),
    _to("campaigns", "programId", "programs"),
    _to("smart_campaigns", "parentProgramId", "programs"),
    _to("lists", "id", "static_lists"),
    _to("lists", "programName", "programs", "name", "the program has another name since"),
    _to("programs", "channel", "channels", "name", "the channel has another name since"),
    _to("programs", "tags[].tagType", "tag_types", "tagType", "the tag has been removed"),
    _to("emails", "template", "email_templates", why=GONE_ASSET),
    Relation("email_templates", ("usedBy[].id",), "emails", ("id",), "",
             ("usedBy[].type", "Email")),
    _to("landing_pages", "template", "landing_page_templates", why=GONE_ASSET),
    *(
        Relation("landing_page_redirect_rules", (f"{column}.value",), "landing_pages", ("id",),
                 GONE_ASSET, (f"{column}.type", "landingPageId"))
        for column in ("redirectFrom", "redirectTo")
    ),
    _to("landing_page_redirect_rules", "hostname", "landing_page_domains", "hostname",
        "the domain has been removed"),
    *(
        Relation("forms", ("usedBy[].id",), to, ("id",), "", ("usedBy[].type", kind))
        for kind, to in (("Landing Page", "landing_pages"), ("Smart List", "smart_lists"),
                         ("Smart Campaign", "smart_campaigns"))
    ),
    _to("segments", "segmentationId", "segmentations"),
    _to("designer_emails", "templateId", "designer_email_templates", why=GONE_ASSET),
    _to("designer_emails", "appData.programId", "programs"),
)  # fmt: skip
FOLDERS = (
    *map(_folder, (
        *("programs", "smart_campaigns", "smart_lists", "static_lists", "emails"),
        *("email_templates", "landing_pages", "landing_page_templates", "forms", "snippets"),
        "segmentations",
    )),
    # The type of a file's folder is what the folder holds.
    _to("files", "folder.id", "folders"),
    _folder("folders", "parent.id"),
    _to("folders", "id", "programs", type="Program"),
    Relation("tokens", ("folderType", "folderId"), "folders", _FOLDER),
    *(
        _to(f"designer_{name}", "appData.folderId", "folders")
        for name in ("emails", "email_templates", "fragments")
    ),
)  # fmt: skip
_LISTED = (
    *("programs", "campaigns", "smart_campaigns", "lists", "static_lists", "smart_lists", "emails"),
    *("email_templates", "landing_pages", "landing_page_templates"),
    *("landing_page_redirect_rules", "forms", "snippets", "files", "channels", "segmentations"),
)
SEEN = (
    *(_to("assets_seen", "id", name, assetType=name) for name in _LISTED),
    _to("assets_seen", "id", "folders", why="a program among the folders is `Program/...`",
        assetType="folders"),
)  # fmt: skip
_WORKSPACE = (
    *("programs", "smart_campaigns", "smart_lists", "static_lists", "emails", "email_templates"),
    *("landing_pages", "landing_page_templates", "snippets", "folders", "segmentations"),
)
_RENAMED = "the workspace has another name since"
WORKSPACES = (
    *(_to(name, "workspace", "workspaces", "name", _RENAMED) for name in _WORKSPACE),
    _to("campaigns", "workspaceName", "workspaces", "name", _RENAMED),
    _to("lists", "workspaceId", "workspaces"),
    *(
        _to(f"designer_{name}", "appData.workspaceId", "workspaces")
        for name in ("emails", "email_templates", "fragments")
    ),
)
ADMINISTRATION = (
    _to("users", "userRoleWorkspaces[].accessRoleId", "user_roles"),
    _to("users", "userRoleWorkspaces[].workspaceId", "workspaces", why="0 is all workspaces"),
    _to("daily_usage", "users[].userId", "users", "userid", USER_GONE),
    _to("custom_activity_types", "id", "activity_types", why="the type is but a draft"),
)
UNSEEN = ("acquisitionProgramId",)
"""Columns of real accounts that the sandbox's lack."""
RELATIONS = (
    *(*PEOPLE, *COMPANIES, *ACTIVITIES, *ASSETS, *FOLDERS, *SEEN, *WORKSPACES),
    *ADMINISTRATION,
)
