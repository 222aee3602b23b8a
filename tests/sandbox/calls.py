"""Which call a request is: the routes of the API."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.sandbox.answers import ApiError, Request
from tests.sandbox.assets.kinds import DESIGNER_CALLS, OFFSET_PAGED, SINGLE
from tests.sandbox.assets.kinds import KINDS as ASSETS
from tests.sandbox.crm.kinds import BY_TABLE, CRM_CALLS, MEMBERS, MEMBERS_PATH, ROUTES
from tests.sandbox.metadata import kinds as metadata
from tests.sandbox.paging import OFFSETS, offset_page_number, read_token

_PLAIN_ROUTES = {
    "/rest/v1/stats/usage.json": "usage",
    "/rest/v1/stats/usage/last7days.json": "usage_week",
    "/rest/v1/stats/errors.json": "errors",
    "/rest/v1/stats/errors/last7days.json": "errors_week",
    "/rest/v1/leads/describe.json": "describe",
    "/rest/v1/leads/schema/fields.json": "schema_fields",
    "/rest/v1/activities/types.json": "types",
    "/rest/v1/activities/pagingtoken.json": "pagingtoken",
    "/rest/v1/activities/deletedleads.json": "deletedleads",
    "/rest/v1/activities.json": "activities_page",
    "/rest/v1/leads.json": "leads_by_filter",
    "/rest/v1/campaigns.json": "campaigns",
    "/rest/v1/lists.json": "lists",
    "/rest/v1/programs/members/describe.json": "member_describe",
    "/rest/asset/v1/programs.json": "programs",
    "/rest/asset/v1/folders.json": "folders",
    **{kind.path: kind.name for kind in ASSETS},
    **ROUTES,
    **metadata.ROUTES,
}
_SINGLE = {kind: re.compile(pattern) for kind, (pattern, _) in SINGLE.items()}
_SINGLE[metadata.TYPE] = re.compile(metadata.TYPE_PATH)
_OFFSETS_OF = {**OFFSET_PAGED, **dict.fromkeys(metadata.FORM_FIELDS.values(), OFFSETS)}
_BULK = re.compile(
    r"/bulk/v1/(?P<object>leads|activities|program/members|customobjects/[A-Za-z0-9_]+)/export"
    r"(?:\.json|/create\.json|/(?P<id>[^/]+)/(?P<verb>enqueue|status|file|cancel)\.json)"
)
# The path of list-membership.md, and that of leads.md, "Membership"; the Swagger has both.
_LIST_MEMBERS = re.compile(r"/rest/v1/lists?/(?P<id>\d+)/leads\.json", re.ASCII)
_ACCOUNT_MEMBERS = re.compile(MEMBERS_PATH)
_PROGRAM_MEMBERS = re.compile(r"/rest/v1/programs/(?P<id>\d+)/members\.json", re.ASCII)
OBJECT_ROWS = "custom_object_rows"
"""The call for rows of a type of custom objects by keys (custom-objects.md, "Query")."""
_OBJECT_ROWS = re.compile(r"/rest/v1/customobjects/(?P<id>[^/]+)\.json")
_POSTED = ("create", "enqueue", "cancel")

TOKEN_PAGED = (
    "campaigns",
    "lists",
    "deletedleads",
    "activities_page",
    "list_members",
    "members_of_program",
    "leads_by_filter",
    "list",
    "schema_fields",
    *metadata.SCHEMAS.values(),
    *BY_TABLE,
    MEMBERS,
    OBJECT_ROWS,
)
"""Calls that page by token; assets page by offset."""

KINDS = (
    *_PLAIN_ROUTES.values(),
    *_SINGLE,
    "list_members",
    "members_of_program",
    MEMBERS,
    OBJECT_ROWS,
    *("create", "enqueue", "list", "status", "file", "cancel"),
)
"""Every call but the token's own."""


@dataclass
class Call:
    """One call: its kind, the object and job it is about, and its parameters."""

    kind: str
    request: Request
    object: str | None = None
    job_id: str = ""
    """Id of the job; of other calls that are about one thing, the id or name of that."""
    page: int = 1
    query: dict[str, list[str]] = field(default_factory=dict)
    programs: frozenset[int] = frozenset()
    """Whose members the job exports that the call is about."""
    members: dict[str, Any] = field(default_factory=dict)
    """The members of a JSON body that stands for a query."""

    def first(self, name: str) -> str | None:
        """The first value of a parameter."""
        values = self.query.get(name)
        return values[0] if values else None

    @property
    def token(self) -> str | None:
        """The paging token of the call."""
        return self.first("nextPageToken") or None

    @property
    def ids(self) -> set[str]:
        """All that the call is about, by ids or names."""
        kind, values = self.first("filterType"), self.query.get("filterValues", [])
        named = {value for each in values for value in each.split(",")}
        if kind == "leadId":
            # A program and a lead may have the same id.
            named = {f"{self.job_id}/{value}" for value in named}
        elif kind != "id":
            named = set()
        return {self.job_id, *map(str, self.programs), *named}

    @property
    def scan(self) -> str:
        """The name of the scan to which the call's paging tokens belong."""
        if self.kind in ("list_members", "members_of_program", MEMBERS, OBJECT_ROWS):
            return f"{self.kind}-{self.job_id}"
        return f"{self.kind}-{self.object}" if self.kind == "list" else self.kind


def find_call(request: Request) -> Call | None:
    """The call that a request is; None when its address is not one of the API's."""
    kind = _PLAIN_ROUTES.get(request.path)
    if kind is not None:
        return _finish(Call(kind, request))
    for kind, pattern in _SINGLE.items():
        single = pattern.fullmatch(request.path)
        if single is not None:
            return _finish(Call(kind, request, job_id=unquote(single.groupdict().get("id") or "")))
    members = _LIST_MEMBERS.fullmatch(request.path)
    if members is not None:
        return _finish(Call("list_members", request, job_id=members["id"]))
    of_program = _PROGRAM_MEMBERS.fullmatch(request.path)
    if of_program is not None:
        return _finish(Call("members_of_program", request, job_id=of_program["id"]))
    accounts = _ACCOUNT_MEMBERS.fullmatch(request.path)
    if accounts is not None:
        return _finish(Call(MEMBERS, request, job_id=unquote(accounts["id"])))
    rows = _OBJECT_ROWS.fullmatch(request.path)
    if rows is not None:
        return _finish(Call(OBJECT_ROWS, request, job_id=unquote(rows["id"])))
    match = _BULK.fullmatch(request.path)
    if match is None:
        return None
    ending = request.path.rpartition("/")[2]
    kind = match["verb"] or ("create" if ending == "create.json" else "list")
    return _finish(Call(kind, request, match["object"], match["id"] or ""))


def is_bulk_object(name: str) -> bool:
    """Whether bulk extract has an object of this name, as far as the name tells."""
    return bool(_BULK.fullmatch(f"/bulk/v1/{name}/export.json"))


def _finish(call: Call) -> Call:
    call.query = call.request.query()
    if override(call.request):
        # "the rest of the query string in the body of the request" (error-codes.md, 414)
        call.query = {**call.request.query(), **call.request.form()}
        if takes_json(call):
            # "accepts all query parameters used for simple-key queries" (lead-database.md).
            call.members = _json_members(call.request.body)
            own = {name: value for name, value in call.members.items() if name != "input"}
            call.query |= {name: _texts(value) for name, value in own.items()}
    if call.kind in ("tag_type", "folder_by_name"):
        call.job_id = call.first("name") or ""
    elif call.kind == "tokens":
        # A folder and a program may have the same id.
        call.job_id = f"{call.first('folderType') or 'Folder'}/{call.job_id}"
    if call.kind in DESIGNER_CALLS:
        index = call.first("pageIndex") or "0"
        call.page = int(index) + 1 if index.isdigit() else 0
    if call.kind in _OFFSETS_OF:
        call.page = offset_page_number(call.query, _OFFSETS_OF[call.kind])
    elif call.token is not None and call.kind in TOKEN_PAGED:
        try:
            call.page = read_token(call.token, call.scan).page
        except ApiError:
            call.page = 0
    return call


def takes_json(call: Call) -> bool:
    """Whether a JSON body may stand for a query (lead-database.md, "Compound Keys")."""
    return call.kind in CRM_CALLS or call.kind == OBJECT_ROWS


def _json_members(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body)
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _texts(value: Any) -> list[str]:
    return [",".join(map(str, value)) if isinstance(value, list) else str(value)]


def override(request: Request) -> bool:
    """Whether a POST stands for a GET: "with param `_method=GET` in the URL" (error-codes.md)."""
    return request.method == "POST" and "GET" in request.query().get("_method", [])


def method_fits(call: Call) -> bool:
    """Whether the method is the one of the endpoint (605 otherwise, error-codes.md)."""
    if call.kind in _POSTED:
        return call.request.method == "POST"
    return call.request.method == "GET" or override(call.request)
