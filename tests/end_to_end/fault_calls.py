"""The calls of the tap, as the matrix of faults goes through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.end_to_end.checks import MAILS, VISITS
from tests.end_to_end.expected import MEMBERS, MEMBERSHIPS
from tests.end_to_end.expected_assets import SEEN
from tests.end_to_end.expected_crm import CRM, NAMED
from tests.end_to_end.expected_linked import COURSES, HOUSES
from tests.end_to_end.people import OBJECTS

Rule = Mapping[str, Any]

# So many rows or parents of a stream in a row that cannot be read end it.
MOST_IN_A_ROW = 5
# The areas of the tree of folders, of which each may fail by itself.
_AREAS = 3
# So many exports are made, at most, until that is known of so many programs.
_EXPORTS = 10

# Where a download is interrupted before what follows befalls its second half.
MIDDLE = {"small": 20_000, "large": 3_000_000}

# What is synced when the fault comes: the usual streams; those of people, at first or later, when
# much has changed; leads of a subscription without the updatedAt filter, at first or later; what is
# asked for by keys; members by pages, at first or later.
USUAL, PEOPLE, PEOPLE_LATER, LEADS, LEADS_LATER, KEYS, PAGES, PAGES_LATER = SCENARIOS = (
    "usual", "people", "people later", "leads", "leads later", "keys", "pages", "pages later",
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A call of the tap.

    Attributes:
        rule: which call it is, in the sandbox's words.
        named: how a message names it, as a regular expression.
        fails: the streams that cannot be read without it, while all others can; none where the
            whole run depends on it.
        way: what is asked for in one way, and so handled by one mechanism, is one way; a call
            whose way is empty has its own.
        before: faults without which the call would not be made.
        file: of the files exported, whether "small" or "large".
        askers: how many ask for the same, each until it gives up; of calls about one row, parent or
            program each, about how many of these until the stream is given up.
        without: streams that are not selected, as they make the same call.
        beside: streams that are selected, as the call comes after calls of theirs.
        scenario: what is synced, one of SCENARIOS.
        is_apart: whether a token may be refused to it alone.
        is_bare: whether it is answered without an envelope, so without a requestId, too.
    """

    name: str
    rule: Rule
    named: str
    fails: tuple[str, ...] = ()
    way: str = ""
    before: Sequence[Rule] = ()
    file: str = "small"
    askers: int = 1
    without: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    scenario: str = USUAL
    is_apart: bool = False
    is_bare: bool = False

    @property
    def kind(self) -> str:
        """The call, in the sandbox's words."""
        return str(self.rule["call"])


def _interrupted(size: str) -> Rule:
    after = MIDDLE[size]
    return {"call": "file", "kind": "close_after", "after_bytes": after, "object": "leads"}


_LEADS = "/bulk/v1/leads/export"
_NO_LIST = {"call": "list", "kind": "empty_page", "object": "leads", "times": None}
_FILE = {"call": "file", "object": "leads"}
_FILE_NAMED = rf"{_LEADS}/[\w-]+/file\.json|leads export [\w-]{{36}}"
_LISTS_JOBS = ("bulk_exports",)

_OF_ALL = (
    Call("token", {"call": "token"}, "POST identity/oauth/token"),
    Call("usage", {"call": "usage"}, r"GET /rest/v1/stats/usage\.json"),
)

_OF_JOBS = (
    Call(
        "create",
        {"call": "create", "object": "leads"},
        rf"POST {_LEADS}/create\.json",
        fails=("leads",),
    ),
    Call(
        "create activities",
        {"call": "create", "object": "activities"},
        r"POST /bulk/v1/activities/export/create\.json",
        fails=(VISITS, MAILS),
        way="create",
    ),
    Call(
        "enqueue",
        {"call": "enqueue", "object": "leads"},
        rf"POST {_LEADS}/[\w-]+/enqueue\.json",
        fails=("leads",),
    ),
    # The first look at the jobs counts the day's bytes, the second watches.
    Call(
        "list of finished",
        {"call": "list", "object": "leads"},
        rf"GET {_LEADS}\.json",
        fails=("leads",),
        without=_LISTS_JOBS,
    ),
    Call(
        "list",
        {"call": "list", "object": "leads", "skip": 1},
        rf"GET {_LEADS}\.json",
        fails=("leads",),
        without=_LISTS_JOBS,
    ),
    # A job that the list does not show is asked for by itself.
    Call(
        "status",
        {"call": "status", "object": "leads"},
        rf"GET {_LEADS}/[\w-]+/status\.json|leads export [\w-]{{36}}",
        fails=("leads",),
        before=[_NO_LIST],
        without=_LISTS_JOBS,
    ),
    Call("cancel", {"call": "cancel", "object": "leads"}, rf"POST {_LEADS}/[\w-]+/cancel\.json"),
    Call("file", _FILE, _FILE_NAMED, fails=("leads",)),
    Call("file middle", _FILE, _FILE_NAMED, fails=("leads",), before=[_interrupted("small")]),
    Call(
        "large file middle",
        _FILE,
        _FILE_NAMED,
        fails=("leads",),
        way="file middle",
        before=[_interrupted("large")],
        file="large",
    ),
)


def _get(
    name: str,
    path: str,
    way: str,
    *fails: str,
    call: str = "",
    skip: int = 0,
    askers: int = 0,
    beside: tuple[str, ...] = (),
    scenario: str = USUAL,
    is_apart: bool = False,
    is_bare: bool = False,
    method: str = "GET",
    **rule: Any,
) -> Call:
    """Return a call that a stream is read with.

    Args:
        name: of the call.
        path: its address, as a regular expression.
        way: as of Call.
        fails: as of Call; if none, the one that has the call's name.
        call: in the sandbox's words, if that is not its name.
        skip: so many such calls come before the one that is meant.
        askers: as of Call, if not as many as there are streams, or rows and parents that fail.
        beside, scenario, is_apart, is_bare: as of Call.
        method: of HTTP, in which messages name it.
        rule: what else tells the call from others.
    """
    whole = {"call": call or name, "skip": skip, **rule}
    fails = fails or (name,)
    # Of rows and parents that take a call each, so many in a row are tried.
    rows = {_DETAILS: MOST_IN_A_ROW, _CHILDREN: MOST_IN_A_ROW, _TREE: _AREAS}.get(way, 1)
    return Call(
        name, whole, f"{method} {path}", fails, way, askers=(askers or len(fails)) * rows,
        beside=beside, scenario=scenario, is_apart=is_apart or is_bare, is_bare=is_bare,
    )  # fmt: skip


# Queries by keys are forms; what is wrong with their pages is said of a GET.
_POSTED = "(GET|POST)"
_V1, _ASSET, _V2 = "/rest/v1", "/rest/asset/v1", "/rest/asset/v2"
_USERS = "/userservice/management/v1/users"
_BY_TOKEN, _BY_DATE, _BY_OFFSET = "pages by token", "pages by date", "pages"
_TREE = "the tree"
_WHOLE, _DETAILS, _CHILDREN, _BARE = "whole lists", "details", "children", "users"
_SEEN, _PARTS, _DESIGNER = "lists seen", "lists of objects", "workspaces"

_OF_PAGES = (
    _get("describe", rf"{_V1}/leads/describe\.json", "", "leads", "lead_fields"),
    _get(
        "types", rf"{_V1}/activities/types\.json", "", "activity_types", VISITS, MAILS, askers=2
    ),
    # First by whoever counts the day's bytes, who can do without: only a stream of one call is read
    # before.
    _get(
        "custom objects", rf"{_V1}/customobjects\.json", "", "custom_object_types", "bulk_exports",
        call="customobjects", askers=3, beside=("activity_types",),
    ),
    _get("campaigns", rf"{_V1}/campaigns\.json", _BY_TOKEN),
    _get(
        "campaigns page 2", rf"{_V1}/campaigns\.json", _BY_TOKEN, "campaigns",
        call="campaigns", page=2,
    ),
    _get("lists", rf"{_V1}/lists\.json", _BY_TOKEN),
    _get("lists page 2", rf"{_V1}/lists\.json", _BY_TOKEN, "lists", call="lists", page=2),
    _get("programs", rf"{_ASSET}/programs\.json", "", "programs", "tokens"),
    # Each list of assets ends with a call that proves that nothing follows.
    _get(
        "programs page 2", rf"{_ASSET}/programs\.json", "programs", "programs", "tokens",
        call="programs", skip=1,
    ),
    _get("smart_campaigns", rf"{_ASSET}/smartCampaigns\.json", _BY_DATE),
    _get(
        "smart_campaigns page 2", rf"{_ASSET}/smartCampaigns\.json", _BY_DATE, "smart_campaigns",
        call="smart_campaigns", skip=1,
    ),
    _get("smart_lists", rf"{_ASSET}/smartLists\.json", _BY_DATE),
    _get("static_lists", rf"{_ASSET}/staticLists\.json", _BY_DATE),
    _get("emails", rf"{_ASSET}/emails\.json", _BY_DATE),
    _get("landing_page_redirect_rules", rf"{_ASSET}/redirectRules\.json", _BY_DATE),
    _get("email_templates", rf"{_ASSET}/emailTemplates\.json", _BY_OFFSET),
    _get("landing_pages", rf"{_ASSET}/landingPages\.json", _BY_OFFSET),
    _get("landing_page_templates", rf"{_ASSET}/landingPageTemplates\.json", _BY_OFFSET),
    _get("landing_page_domains", rf"{_ASSET}/landingPageDomains\.json", _BY_OFFSET),
    _get("forms", rf"{_ASSET}/forms\.json", _BY_OFFSET),
    _get("snippets", rf"{_ASSET}/snippets\.json", _BY_OFFSET),
    _get("files", rf"{_ASSET}/files\.json", _BY_OFFSET),
    _get("files page 2", rf"{_ASSET}/files\.json", _BY_OFFSET, "files", call="files", skip=1),
    _get("channels", rf"{_ASSET}/channels\.json", _BY_OFFSET),
    _get("tag_types", rf"{_ASSET}/tagTypes\.json", _BY_OFFSET),
    # Tokens take a call for each folder and program, which are found in the same way.
    _get("folder_by_name", rf"{_ASSET}/folder/byName\.json", _TREE, "folders", "tokens"),
    _get("folders", rf"{_ASSET}/folders\.json", _TREE, "folders", "tokens"),
    _get(
        "folders page 2", rf"{_ASSET}/folders\.json", _TREE, "folders", "tokens",
        call="folders", skip=1,
    ),
    _get("segmentations", rf"{_ASSET}/segmentation\.json", _WHOLE, "segmentations", "segments"),
    _get("lead_partitions", rf"{_V1}/leads/partitions\.json", _WHOLE),
    _get("usage_week", rf"{_V1}/stats/usage/last7days\.json", _WHOLE, "daily_usage"),
    _get("errors_week", rf"{_V1}/stats/errors/last7days\.json", _WHOLE, "daily_errors"),
    _get("designer_emails", rf"{_V2}/email/filter", _DESIGNER, is_apart=True),
    _get("designer_emails page 2", rf"{_V2}/email/filter", _DESIGNER, "designer_emails",
         call="designer_emails", skip=1, is_apart=True),
    _get("designer_email_templates", rf"{_V2}/emailtemplate/filter", _DESIGNER, is_apart=True),
    _get("designer_fragments", rf"{_V2}/fragment/filter", _DESIGNER, is_apart=True),
    _get("users", rf"{_USERS}/allusers\.json", _BARE, is_bare=True),
    _get("users page 2", rf"{_USERS}/allusers\.json", _BARE, "users", call="users", skip=1,
         is_bare=True),
    _get("user_roles", rf"{_USERS}/roles\.json", _BARE, is_bare=True),
    _get("workspaces", rf"{_USERS}/workspaces\.json", _BARE, is_bare=True),
    _get("schema_fields", rf"{_V1}/leads/schema/fields\.json", "", "lead_fields"),
    _get("describe2", rf"{_V1}/leads/describe2\.json", "", "lead_fields"),
    _get(
        "external_types", rf"{_V1}/activities/external/types\.json", _WHOLE,
        "custom_activity_types",
    ),
    _get(
        "fields of members", rf"{_V1}/programs/members/describe\.json", _PARTS, "object_fields",
        call="member_describe",
    ),
    _get(
        "schema of accounts", rf"{_V1}/namedaccounts/schema/fields\.json", _PARTS, "object_fields",
        call="named_accounts_schema",
    ),
    _get(
        "lead_form_fields page 2", rf"{_ASSET}/form/fields\.json", _PARTS, "form_fields",
        call="lead_form_fields", skip=1,
    ),
    _get(
        "member_form_fields", rf"{_ASSET}/form/programMemberFields\.json", _PARTS, "form_fields"
    ),
    # After whoever counts the day's bytes.
    _get(
        "exports of members", r"/bulk/v1/program/members/export\.json", "", "bulk_exports",
        call="list", skip=1, object="program/members",
    ),
)  # fmt: skip

_OF_ROWS = (
    _get("program", rf"{_ASSET}/program/\d+\.json", _DETAILS, "programs"),
    _get("smart_list", rf"{_ASSET}/smartList/\d+\.json", _DETAILS, "smart_lists"),
    _get("form_fields", rf"{_ASSET}/form/\d+/fields\.json", _DETAILS, "forms"),
    # One of them has a name that is not asked for, and so counts as read.
    _get("tag_type", rf"{_ASSET}/tagType/byName\.json", _DETAILS, "tag_types", askers=2),
    # Those of smart campaigns are left out, as there are hundreds of these.
    _get(
        "program_smart_list", rf"{_ASSET}/program/\d+/smartList\.json", _DETAILS, "programs"
    ),
    _get("email_content", rf"{_ASSET}/email/\d+/content\.json", _DETAILS, "emails"),
    _get("email_variables", rf"{_ASSET}/email/\d+/variables\.json", _DETAILS, "emails"),
    _get(
        "email_template_content", rf"{_ASSET}/emailTemplate/\d+/content", _DETAILS,
        "email_templates",
    ),
    _get(
        "email_template_used_by", rf"{_ASSET}/emailTemplates/\d+/usedBy\.json", _DETAILS,
        "email_templates",
    ),
    _get(
        "landing_page_content", rf"{_ASSET}/landingPage/\d+/content\.json", _DETAILS,
        "landing_pages",
    ),
    _get(
        "landing_page_variables", rf"{_ASSET}/landingPage/\d+/variables\.json", _DETAILS,
        "landing_pages",
    ),
    _get(
        "landing_page_template_content", rf"{_ASSET}/landingPageTemplate/\d+/content\.json",
        _DETAILS, "landing_page_templates",
    ),
    _get("snippet_content", rf"{_ASSET}/snippet/\d+/content\.json", _DETAILS, "snippets"),
    _get("form_used_by", rf"{_ASSET}/form/\d+/usedBy\.json", _DETAILS, "forms"),
    _get(
        "customobject_describe", rf"{_V1}/customobjects/\w+/describe\.json", _DETAILS,
        "custom_object_types",
    ),
    _get("designer_email", rf"{_V2}/email/\d+", _DETAILS, "designer_emails", is_apart=True),
    _get("designer_email_template", rf"{_V2}/emailtemplate/\d+", _DETAILS,
         "designer_email_templates", is_apart=True),
    _get("designer_fragment", rf"{_V2}/fragment/\d+", _DETAILS, "designer_fragments",
         is_apart=True),
    _get("user", rf"{_USERS}/[^/]+/user\.json", _DETAILS, "users", is_bare=True),
    _get(
        "external_type", rf"{_V1}/activities/external/type/\w+/describe\.json", _DETAILS,
        "custom_activity_types",
    ),
    _get("segments", rf"{_ASSET}/segmentation/\d+/segments\.json", _CHILDREN),
    _get(
        "segments page 2", rf"{_ASSET}/segmentation/\d+/segments\.json", _CHILDREN, "segments",
        call="segments", skip=1,
    ),
    # Some have none: of these an answer without a result is right, and those in a row begin anew.
    _get("tokens", rf"{_ASSET}/folder/\d+/tokens\.json", _CHILDREN, askers=2),
    # Which programs there are, asked for once more after the two pages of their own stream.
    _get(
        "programs of tokens", rf"{_ASSET}/programs\.json", _CHILDREN, "tokens",
        call="programs", skip=2, beside=("programs",),
    ),
    # Those of lists that no other stream reads.
    _get(
        "smart_campaigns seen", rf"{_ASSET}/smartCampaigns\.json", _SEEN, SEEN,
        call="smart_campaigns",
    ),
    _get(
        "landing_pages seen page 2", rf"{_ASSET}/landingPages\.json", _SEEN, SEEN,
        call="landing_pages", skip=1,
    ),
)  # fmt: skip


def _job(
    name: str, scenario: str, bulk_object: str, *fails: str, skip: int = 0, askers: int = 1
) -> Call:
    """Return a call about the jobs of a bulk object: the one with the name's first word.

    It is handled as the call about jobs of leads that is called so.
    """
    call = name.split(maxsplit=1)[0]
    path = rf"/bulk/v1/{bulk_object}/export"
    names = rf"{MEMBERS}|custom_object_\w+|lead_changes|lead_references|(links_of/)?{bulk_object}"
    export = rf"({names}) export [\w-]{{36}}"
    rule = {"call": call, "object": bulk_object, "skip": skip}
    before = [{**_NO_LIST, "object": bulk_object}] if call == "status" else []
    return Call(
        name, rule, rf"(GET|POST) {path}(/[\w-]+)*\.json|{export}", fails, call, before,
        askers=askers, scenario=scenario,
    )  # fmt: skip


_BOTH = (MEMBERS, MEMBERSHIPS)
_CAR = ("customobjects/car_c", OBJECTS[0])
_OF_MEMBERS = ("program/members", MEMBERS)

_OF_PEOPLE = (
    _get(
        "member_describe", rf"{_V1}/programs/members/describe\.json", "fields", MEMBERS,
        scenario=PEOPLE,
    ),
    _get(
        "fields of objects", rf"{_V1}/customobjects/\w+/describe\.json", "fields", OBJECTS[1],
        call="customobject_describe", skip=1, scenario=PEOPLE,
    ),
    # Whoever counts the day's bytes asks as well, and can do without.
    _get(
        "names of objects", rf"{_V1}/customobjects\.json", "custom objects", *OBJECTS,
        call="customobjects", askers=2, scenario=PEOPLE,
    ),
    _get("programs of members", rf"{_ASSET}/programs\.json", "programs", MEMBERS,
         call="programs", scenario=PEOPLE),
    _get("lists of members", rf"{_V1}/lists\.json", _BY_TOKEN, MEMBERSHIPS,
         call="lists", scenario=PEOPLE),
    _get(
        "list_members", rf"{_V1}/lists/\d+/leads\.json", "", MEMBERSHIPS, scenario=PEOPLE,
        askers=MOST_IN_A_ROW,
    ),
    _get(
        "list_members page 2", rf"{_V1}/lists/\d+/leads\.json", "list_members", MEMBERSHIPS,
        call="list_members", page=2, scenario=PEOPLE, askers=MOST_IN_A_ROW,
    ),
    *(
        _job(f"{call} of members", PEOPLE, *_OF_MEMBERS, askers=_EXPORTS)
        for call in ("create", "enqueue", "file")
    ),
    *(_job(f"{call} of objects", PEOPLE, *_CAR) for call in ("create", "enqueue", "file")),
    # The first look counts the day's bytes.
    _job("list of members' jobs", PEOPLE, *_OF_MEMBERS, skip=1),
    _job("list of objects' jobs", PEOPLE, *_CAR, skip=1),
    _job("status of members' jobs", PEOPLE, *_OF_MEMBERS, askers=_EXPORTS),
    _job("status of objects' jobs", PEOPLE, *_CAR),
    # Later.
    _get(
        "types of signs", rf"{_V1}/activities/types\.json", "types", *_BOTH,
        call="types", askers=1, scenario=PEOPLE_LATER,
    ),
    _get("pagingtoken", rf"{_V1}/activities/pagingtoken\.json", "", *_BOTH, scenario=PEOPLE_LATER),
    _get("activities_page", rf"{_V1}/activities\.json", "", *_BOTH, scenario=PEOPLE_LATER),
    _get(
        "activities_page page 2", rf"{_V1}/activities\.json", "activities_page", *_BOTH,
        call="activities_page", page=2, scenario=PEOPLE_LATER,
    ),
    _get(
        "programs that changed", rf"{_ASSET}/programs\.json", "programs", MEMBERS,
        call="programs", scenario=PEOPLE_LATER,
    ),
    _get(
        "programs looked up", rf"{_ASSET}/program/\d+\.json", _DETAILS, MEMBERS,
        call="program", scenario=PEOPLE_LATER,
    ),
    _get(
        "programs of the sweep", rf"{_ASSET}/programs\.json", "programs", MEMBERS,
        call="programs", skip=2, scenario=PEOPLE_LATER,
    ),
    _get(
        "members of new lists", rf"{_V1}/lists/\d+/leads\.json", "list_members", MEMBERSHIPS,
        call="list_members", scenario=PEOPLE_LATER, askers=MOST_IN_A_ROW,
    ),
    # There are two of them.
    _job("create of the sweep", PEOPLE_LATER, *_OF_MEMBERS, skip=2, askers=2 * _EXPORTS),
    # Leads that are found by their activities.
    _job("create of changed leads", LEADS, "activities", "leads"),
    _job("file of changed leads", LEADS, "activities", "leads"),
    # The first call, and of its leads five by themselves.
    _get(
        "leads_by_filter", rf"{_V1}/leads\.json", "", "leads", askers=6, scenario=LEADS,
        method=_POSTED,
    ),
    _get(
        "activities of leads", rf"{_V1}/activities\.json", "activities_page", "leads",
        call="activities_page", scenario=LEADS_LATER,
    ),
    _get(
        "few leads by id", rf"{_V1}/leads\.json", "leads_by_filter", "leads",
        call="leads_by_filter", askers=6, scenario=LEADS_LATER, method=_POSTED,
    ),
)  # fmt: skip

_DEALS, _NAMED = CRM[1:], NAMED[1:]
_DESCRIBED, _BY_KEYS = "descriptions", "rows by keys"


def _described(name: str, path: str, *fails: str) -> Call:
    """Return the call that describes an object; once a run, whoever needs it."""
    return _get(
        name, rf"{_V1}/{path}/describe\.json", _DESCRIBED, *fails, askers=1, scenario=KEYS
    )  # fmt: skip


def _by_keys(name: str, path: str, *fails: str, askers: int = 1) -> Call:
    """Return the call for the rows of an object."""
    return _get(
        name, rf"{_V1}/{path}", _BY_KEYS, *fails, askers=askers, scenario=KEYS, method=_POSTED
    )  # fmt: skip


# Whoever needs the rows of another stream to find its own cannot be read without them.
_OF_KEYS = (
    _described("companies_describe", "companies", "companies", "sales_persons"),
    _described("sales_persons_describe", "salespersons", "sales_persons"),
    _described("opportunities_describe", "opportunities", *_DEALS),
    _described("opportunity_roles_describe", "opportunities/roles", *_DEALS),
    _described("named_accounts_describe", "namedaccounts", "named_accounts"),
    _by_keys("companies", r"companies\.json", "companies", "sales_persons"),
    _by_keys("sales_persons", r"salespersons\.json", "sales_persons"),
    _by_keys("opportunities", r"opportunities\.json", *_DEALS),
    _by_keys("opportunity_roles", r"opportunities/roles\.json", *_DEALS),
    _by_keys("named_account_lists", r"namedAccountLists\.json", "named_account_lists", *_NAMED),
    _by_keys(
        "named_account_list_members", r"namedAccountList/[\w-]+/namedAccounts\.json", *_NAMED,
        askers=2,
    ),
    _get(
        "types of roles", rf"{_V1}/activities/types\.json", "types", *_DEALS,
        call="types", askers=1, scenario=KEYS,
    ),
    _get(
        "activities of roles", rf"{_V1}/activities\.json", "activities_page", *_DEALS,
        call="activities_page", askers=1, scenario=KEYS,
    ),
    *(_job(f"{call} of references", KEYS, "leads", *CRM) for call in ("create", "file")),
    _get(
        "house_describe", rf"{_V1}/customobjects/house_c/describe\.json", _DESCRIBED, HOUSES,
        call="customobject_describe", id="house_c", scenario=KEYS,
    ),
    _get(
        "custom_object_rows", rf"{_V1}/customobjects/house_c\.json", _BY_KEYS, HOUSES,
        id="house_c", scenario=KEYS, method=_POSTED,
    ),
    # Of two bridges, one of which leads to both.
    *(
        _job(f"{call} of links", KEYS, "customobjects/stay_c", COURSES, HOUSES)
        for call in ("create", "file")
    ),
)  # fmt: skip

# Members are exported where pages do not give them.
_OF_MEMBER_PAGES = tuple(
    _get(
        name, rf"{_V1}/programs/\d+/members\.json", "pages of members", MEMBERS,
        call="members_of_program", scenario=scenario, method=_POSTED,
    )
    for name, scenario in (("members of a program", PAGES), ("members by lead", PAGES_LATER))
)  # fmt: skip

CALLS = (*_OF_ALL, *_OF_PAGES, *_OF_ROWS, *_OF_JOBS, *_OF_PEOPLE, *_OF_KEYS, *_OF_MEMBER_PAGES)
