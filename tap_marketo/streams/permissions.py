"""The permissions of the API user's role (endpoint-reference.md), and whether it has them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tap_marketo.errors import CRM_ENABLED, AccessDeniedError, MarketoError, RequestRefusedError
from tap_marketo.log import LOGGER
from tap_marketo.marketo.ways import DESIGNER, MAY_LACK_RESULT
from tap_marketo.streams.account import Account

READ_LEAD = "Read-Only Lead"
READ_ACTIVITY = "Read-Only Activity"
READ_CAMPAIGNS = "Read-Only Campaigns"
READ_ACTIVITY_METADATA = "Read-Only Activity Metadata"
READ_ASSET = "Read-Only Asset"
READ_REDIRECT_RULES = "Read-Only Redirect Rules"
READ_CUSTOM_OBJECT = "Read-Only Custom Object"
READ_COMPANY = "Read-Only Company"
READ_SALES_PERSON = "Read-Only Sales Person"
READ_OPPORTUNITY = "Read-Only Opportunity"
READ_NAMED_ACCOUNT = "Read-Only Named Account"
READ_NAMED_ACCOUNT_LIST = "Read-Only Named Account List"
MANAGE_USERS = "Access User Management Api"
DESIGN_STUDIO = "Access Design Studio"

# Permissions that also allow to change what they are about, and that few roles should have. Only
# streams that are off by default need one.
RARE_PERMISSIONS = frozenset((MANAGE_USERS,))
# What not every subscription has: whatever refusal its probe meets leaves the streams out.
FEATURE_PERMISSIONS = frozenset((DESIGN_STUDIO,))

COMPANIES_PATH = "/rest/v1/companies"
SALES_PERSONS_PATH = "/rest/v1/salespersons"
OPPORTUNITIES_PATH = "/rest/v1/opportunities"
ACCOUNTS_PATH = "/rest/v1/namedaccounts"
ACCOUNT_LISTS_PATH = "/rest/v1/namedAccountLists.json"


def _one_row(path: str, **params: Any) -> Callable[[Account], object]:
    """Return a probe by a list of which one row is asked for."""
    return lambda account: account.client.get(path, "probe", params, MAY_LACK_RESULT)


def _designer(account: Account) -> object:
    """Ask for one email of the Email Designer."""
    params = {"workspaceId": account.workspace_ids[0], "pageIndex": 0, "pageSize": 1}
    return account.client.get("/rest/asset/v2/email/filter", "probe", params, way=DESIGNER)


def _named_list(account: Account) -> object:
    """Ask for the first of the lists of named accounts that the config names."""
    query = {"filterType": "dedupeFields", "filterValues": account.config.named_account_lists[0]}
    return account.client.query(ACCOUNT_LISTS_PATH, "probe", query)


# One cheap call for each permission; what discovery asks for anyway is one for leads' and one for
# activities'.
_PROBES: Mapping[str, Callable[[Account], object]] = {
    READ_LEAD: lambda account: account.lead_fields,
    READ_ACTIVITY: lambda account: account.activity_types,
    READ_CAMPAIGNS: _one_row("/rest/v1/campaigns.json", batchSize=1),
    READ_ACTIVITY_METADATA: _one_row("/rest/v1/activities/external/types.json"),
    READ_ASSET: _one_row("/rest/asset/v1/channels.json", maxReturn=1),
    READ_REDIRECT_RULES: _one_row("/rest/asset/v1/redirectRules.json", maxReturn=1),
    READ_CUSTOM_OBJECT: lambda account: account.custom_objects,
    READ_COMPANY: lambda account: account.description(COMPANIES_PATH),
    READ_SALES_PERSON: lambda account: account.description(SALES_PERSONS_PATH),
    READ_OPPORTUNITY: lambda account: account.description(OPPORTUNITIES_PATH),
    READ_NAMED_ACCOUNT: lambda account: account.description(ACCOUNTS_PATH),
    READ_NAMED_ACCOUNT_LIST: _named_list,
    MANAGE_USERS: lambda account: account.workspaces,
    DESIGN_STUDIO: _designer,
}
# Discovery has no call for these: what a sync is refused is said then.
_TRIED_BY_CHECK = (READ_NAMED_ACCOUNT_LIST,)
# Without what these ask for, discovery cannot go on.
_ASKED_ANYWAY = (READ_LEAD, READ_ACTIVITY)

PERMISSIONS = tuple(_PROBES)


def try_permission(account: Account, permission: str) -> None:
    """Make the one call that takes a permission.

    Raises:
        AccessDeniedError: the role of the API user lacks it.
        TapError: whether it has it could not be found out.
    """
    _PROBES[permission](account)


class PermissionProbe:
    """Which permissions the role of the API user has, each tried once."""

    def __init__(self, account: Account, streams: Mapping[str, Sequence[str]]) -> None:
        """Know of none yet, but of the streams that need each."""
        self._account = account
        self._streams = streams
        self._has: dict[str, bool] = {"": True}

    def has(self, permission: str) -> bool:
        """Say whether the role has a permission.

        Raises:
            MarketoError: what concerns the whole run, and whatever keeps lead fields or activity
                types from being read.
        """
        if permission not in self._has and permission not in _TRIED_BY_CHECK:
            try:
                try_permission(self._account, permission)
                self._has[permission] = True
            except AccessDeniedError as error:
                self.deny(permission, error)
            except MarketoError as error:
                if error.ends_run or permission in _ASKED_ANYWAY:
                    raise
                self._note_untried(permission, error)
        return self._has.get(permission, True)

    def _note_untried(self, permission: str, error: MarketoError) -> None:
        """Note that a permission could not be tried: the call for it failed for another reason.

        The streams that need it stay in the catalog, unless Marketo refuses a feature that not all
        subscriptions have.
        """
        is_feature = permission in FEATURE_PERMISSIONS and isinstance(error, RequestRefusedError)
        self._has[permission] = not is_feature
        if is_feature:
            LOGGER.log(
                logging.INFO if error.is_refusal else logging.WARNING,
                "The catalog lacks %s, as Marketo refuses their calls. %s",
                ", ".join(self._streams.get(permission, ())), error,
            )  # fmt: skip
        # Streams that a CRM has charge of say so themselves.
        elif error.code != CRM_ENABLED:
            LOGGER.info("The permission %s could not be tried. %s", permission, error)

    def deny(self, permission: str, error: AccessDeniedError) -> None:
        """Note and log that the role lacks a permission."""
        self._has[permission] = False
        LOGGER.log(
            logging.INFO if permission in RARE_PERMISSIONS else logging.WARNING,
            "The catalog lacks the streams that need the permission %s: %s. Marketo denies it. To "
            "have them, grant it and run discovery again. %s",
            permission, ", ".join(self._streams.get(permission, ())), error.brief,
        )  # fmt: skip
