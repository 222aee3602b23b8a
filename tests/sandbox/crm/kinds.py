"""The objects, declared: endpoints, keys, searchable fields, fields (lead-database.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_V1 = "/rest/v1/"


@dataclass(frozen=True)
class ObjectField:
    """A field of an object, as describe lists it (swagger-mapi.json, ObjectField)."""

    name: str
    data_type: str
    updateable: bool = True
    length: int | None = None
    is_described: bool = True
    """Whether describe lists it: roles have dates of which it says nothing."""

    def described(self) -> dict[str, Any]:
        """The entry of describe."""
        words = "".join(f" {c}" if c.isupper() else c for c in self.name)
        entry: dict[str, Any] = {
            "name": self.name,
            "displayName": words[:1].upper() + words[1:],
            "dataType": self.data_type,
            "updateable": self.updateable,
        }
        return entry if self.length is None else {**entry, "length": self.length}


@dataclass(frozen=True)
class ObjectKind:
    """One object."""

    table: str
    """Name of the table of truths, of the members of a change and of the call."""
    title: str
    """Its name in describe."""
    path: str
    permission: str
    dedupe: tuple[str, ...]
    fields: tuple[ObjectField, ...]
    key: str = "marketoGUID"
    """The field that describe calls idField."""
    searchable: tuple[str, ...] = ()
    """Further fields that a filter takes."""
    usual: tuple[str, ...] = ()
    """Fields that come unasked, beside the key, the dedupe fields and the dates."""
    is_of_crm: bool = True
    """Whether a native CRM integration takes it away (lead-database.md)."""
    has_describe: bool = True
    tells_more: bool = True
    """Whether the definition of its answer has moreResult."""

    @property
    def describe_path(self) -> str:
        """Where it is described."""
        return f"{self.path.removesuffix('.json')}/describe.json"

    @property
    def filters(self) -> list[list[str]]:
        """What describe calls searchableFields: compound keys stand beside single ones."""
        compound = [[*self.dedupe]] if len(self.dedupe) > 1 else []
        singles = [] if compound else [*self.dedupe]
        return [*compound, *([name] for name in (*singles, self.key, *self.searchable))]


def _fields(text: str, **more: Any) -> tuple[ObjectField, ...]:
    pairs = [word.partition(":") for word in text.split()]
    return tuple(ObjectField(name, kind or "string", **more) for name, _, kind in pairs)


_GUID = ObjectField("marketoGUID", "string", updateable=False, length=36)
_ID = ObjectField("id", "integer", updateable=False)
_DATES = _fields("createdAt:datetime updatedAt:datetime", updateable=False)

COMPANIES = ObjectKind(
    "companies", "Company", f"{_V1}companies.json", "Read-Only Company", ("externalCompanyId",),
    (
        *_DATES, *_fields("externalCompanyId", updateable=False), _ID,
        *_fields(
            "externalSalesPersonId annualRevenue:currency billingCity billingCountry "
            "billingPostalCode billingState billingStreet:text company industry mainPhone:phone "
            "numberOfEmployees:integer sicCode site website:url companyNotes:text "
            "parentCompanyScore:score"
        ),
    ),
    key="id", searchable=("company",), tells_more=False,
)  # fmt: skip
SALES_PERSONS = ObjectKind(
    "sales_persons", "SalesPerson", f"{_V1}salespersons.json", "Read-Only Sales Person",
    ("externalSalesPersonId",),
    (
        _ID, *_DATES, *_fields("email externalSalesPersonId", updateable=False, length=255),
        *_fields("firstName lastName title phone:phone fax:phone"),
    ),
    key="id", searchable=("email",),
)  # fmt: skip
OPPORTUNITIES = ObjectKind(
    "opportunities", "opportunity", f"{_V1}opportunities.json", "Read-Only Opportunity",
    ("externalOpportunityId",),
    (
        _GUID, *_DATES, *_fields("externalOpportunityId", updateable=False, length=50),
        *_fields(
            "externalCompanyId externalSalesPersonId name description:text type stage "
            "amount:currency expectedRevenue:currency probability:percent closeDate:date "
            "isClosed:boolean isWon:boolean quantity:float fiscalQuarter:integer "
            "fiscalYear:integer forecastCategory leadSource nextStep lastActivityDate:date "
            "dealNotes__c:text"
        ),
    ),
    usual=("name", "description"),
)  # fmt: skip
ROLES = ObjectKind(
    "opportunity_roles", "opportunityRole", f"{_V1}opportunities/roles.json",
    "Read-Only Opportunity", ("externalOpportunityId", "leadId", "role"),
    (
        _GUID, *_fields("externalOpportunityId", updateable=False, length=50),
        *_fields("leadId:integer", updateable=False),
        *_fields("role", updateable=False, length=50),
        *_fields("isPrimary:boolean externalCreatedDate:datetime"),
        # The example of describe has no dates; what is looked up has (LookupCustomObjectRequest).
        *_fields("createdAt:datetime updatedAt:datetime", updateable=False, is_described=False),
    ),
    searchable=("leadId", "externalOpportunityId"),
)  # fmt: skip
NAMED_ACCOUNTS = ObjectKind(
    "named_accounts", "Named Account", f"{_V1}namedaccounts.json", "Read-Only Named Account",
    ("name",),
    (
        _GUID,
        *_fields(
            "name annualRevenue:currency city country domainName industry logoUrl:url "
            "membershipCount:integer numberOfEmployees:integer opptyAmount:currency "
            "opptyCount:integer score1:integer score2:integer score3:integer score4:integer "
            "score5:integer sicCode state"
        ),
        # As with roles: they come unasked, and the example of describe has none.
        *_fields("createdAt:datetime updatedAt:datetime", updateable=False, is_described=False),
    ),
    searchable=("city", "country", "domainName", "industry"), is_of_crm=False,
)  # fmt: skip
NAMED_ACCOUNT_LISTS = ObjectKind(
    "named_account_lists", "Named Account List", f"{_V1}namedAccountLists.json",
    "Read-Only Named Account List", ("name",),
    (_GUID, *_DATES, *_fields("name type updateable:boolean")),
    usual=("type", "updateable"), is_of_crm=False, has_describe=False,
)  # fmt: skip

OBJECTS = (
    COMPANIES, SALES_PERSONS, OPPORTUNITIES, ROLES, NAMED_ACCOUNTS, NAMED_ACCOUNT_LISTS,
)  # fmt: skip
BY_TABLE = {kind.table: kind for kind in OBJECTS}
DESCRIBED = {f"{kind.table}_describe": kind for kind in OBJECTS if kind.has_describe}
MEMBERS = "named_account_list_members"
MEMBERS_PATH = rf"{_V1}namedAccountList/(?P<id>[^/]+)/namedAccounts\.json"

ROUTES = {
    **{kind.path: kind.table for kind in OBJECTS},
    **{kind.describe_path: call for call, kind in DESCRIBED.items()},
}
"""Calls by their paths; that of members has the list's id in it."""

CRM_CALLS = frozenset((*BY_TABLE, *DESCRIBED, MEMBERS))
OF_CRM = frozenset(
    call
    for call, kind in (*BY_TABLE.items(), *DESCRIBED.items())
    if kind.is_of_crm
)  # fmt: skip
"""Calls that are answered with 1018 where a native CRM integration has charge of the objects."""

PERMISSIONS = {
    **{call: (kind.permission,) for call, kind in (*BY_TABLE.items(), *DESCRIBED.items())},
    MEMBERS: (NAMED_ACCOUNTS.permission,),
}
