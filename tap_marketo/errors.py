"""Every error this program raises on purpose, ordered by what can be done about it.

A run that ends with one logs it as one CRITICAL line, and has the exit code of its class. Which of
Marketo's codes stands for which class is in :mod:`tap_marketo.marketo.answers`.
"""

from __future__ import annotations

import re


class TapError(Exception):
    """Root of the errors whose message alone tells the user what to do.

    Attributes:
        exit_code: 1 where another run may succeed, 2 where something has to be changed first, 3
            where a daily allowance is spent.
        ends_run: whether all other calls would fail as well.
        is_refusal: whether Marketo says that it does not give this to the subscription or to the
            API user. Nothing else may leave out a stream.
    """

    exit_code = 1
    ends_run = False
    is_refusal = False

    def __str__(self) -> str:
        # What is quoted, a name of a file or a message of Marketo's, may hold line breaks.
        return " ".join(super().__str__().splitlines())


class InputError(TapError):
    """A file given on the command line has to be mended."""

    exit_code = 2


class ConfigError(InputError):
    """One or more settings are missing or wrong. The message lists all of them."""


class CatalogError(InputError):
    """The catalog cannot be used."""


class StateError(InputError):
    """The state file cannot be used. The message names the path and the key."""


class MarketoError(TapError):
    """A call failed, or was answered with something that cannot be used.

    Attributes:
        remedy: what the user can do, as an instruction; empty if there is nothing.
        call: the request, for instance ``POST /bulk/v1/leads/export/create.json``.
        code: Marketo's error code, None where the fault has none.
        reason: Marketo's message, or what is wrong with the answer.
        problem: the same, with the code.
        request_id: Marketo's requestId, which its support asks for; None if there is none.
        brief: all of these, without the remedy.
    """

    remedy = ""

    def __init__(
        self,
        call: str,
        reason: str,
        code: str | None = None,
        request_id: str | None = None,
        *,
        remedy: str | None = None,
    ) -> None:
        """Compose the one line the user sees; the remedy is that of the class if none is given."""
        self.call = call
        self.code = code
        self.reason = reason
        self.request_id = request_id
        self.remedy = self.remedy if remedy is None else remedy
        self.problem = f"error {code}: {reason}" if code else reason
        of_request = f" (requestId {request_id})" if request_id else ""
        self.brief = f"{call}: {self.problem}{of_request}"
        super().__init__(f"{self.brief}. {self.remedy}" if self.remedy else self.brief)


class NotReachedError(MarketoError):
    """A call does not get through to Marketo: certificate, proxy, redirect, firewall or address.

    Marketo said nothing: nothing is left out, skipped or recreated because of it.
    """

    remedy = (
        "Check the endpoint and identity settings, the proxy in https_proxy, http_proxy or "
        "all_proxy, and the firewall"
    )


class NoAccessError(MarketoError):
    """The call for a token or for today's calls is refused, and all others would be."""

    exit_code = 2
    ends_run = True


class CredentialsError(NoAccessError):
    """The identity service refused client_id and client_secret."""

    remedy = "Check client_id and client_secret (Admin > LaunchPoint > View Details)"


class TransientError(MarketoError):
    """The call failed in a way that passes: retried with exponential backoff."""

    remedy = "All retries failed; run again later"


class UnreachableError(TransientError):
    """No connection could be made: the host's name does not resolve, or it refuses or is silent."""

    remedy = (
        "All retries failed; run again later. If no call was ever answered, check the endpoint and "
        "identity settings (Admin > Web Services), the proxy in https_proxy, and the firewall"
    )


class NoAnswerError(TransientError):
    """A connection was made, and no answer came in time."""

    remedy = UnreachableError.remedy


class ThrottledError(MarketoError):
    """606, 615 or HTTP 429: more calls than allowed right now. Waited for."""

    remedy = (
        "Other integrations use the same limits; lower max_calls_per_20_seconds or run at "
        "another time"
    )


class TokenRejectedError(MarketoError):
    """601 or 602: the access token is invalid or expired. The call is made again with a new one."""

    exit_code = 2
    remedy = "A new token was refused as well; check the API user in Admin > LaunchPoint"
    ends_run = True


class QueueFullError(MarketoError):
    """1029 with a full job queue (10 slots, shared by the whole subscription). Waited for."""

    remedy = "Other integrations hold the slots; run again later"
    ends_run = True


class AlreadyQueuedError(MarketoError):
    """1029 for a job that is in the queue already: as good as success."""


class QuotaError(MarketoError):
    """A daily allowance is spent; nothing more can be asked for until it resets."""

    exit_code = 3
    remedy = "Marketo's daily allowances reset at midnight US Central time; run again then"
    ends_run = True


class CallQuotaError(QuotaError):
    """607, or the max_daily_calls setting reached."""


class ExportQuotaError(QuotaError):
    """1029 with the daily export bytes spent."""


class FilterUnavailableError(MarketoError):
    """1035: the subscription has no updatedAt filter for lead exports."""

    remedy = "Marketo Support can enable the updatedAt filter for the subscription"
    is_refusal = True


# "Field 'x' not found" (error-codes.md, 1006), and what exports have been seen to say with 1003:
# "Invalid fields [x, y] ...", which is on no page of Adobe's.
_QUOTED = re.compile(r"[\u2018'\"]([^\u2019'\"]+)[\u2019'\"]")
INVALID_FIELDS = re.compile(r"\s*Invalid fields \[([^\]]*)\]", re.IGNORECASE)


class FieldNotFoundError(MarketoError):
    """1006, or 1003 with a list of invalid fields: fields of the request do not exist for it."""

    remedy = "Run discovery again and make a new catalog"

    @property
    def names(self) -> frozenset[str]:
        """The fields that the message names."""
        listed = INVALID_FIELDS.match(self.reason)
        found = listed[1].split(",") if listed else _QUOTED.findall(self.reason)
        return frozenset(name.strip() for name in found)


class RequestRefusedError(MarketoError):
    """Anything else: the call will not work however often it is repeated."""

    exit_code = 2


class TooManyMatchesError(RequestRefusedError):
    """1003: more rows match a filter than Marketo gives (leads.md, Query)."""


class AccessDeniedError(RequestRefusedError):
    """603: the API user's role lacks the permission, or an IP allow-list is in the way."""

    remedy = (
        "Give the API user's role the permission for this call (Admin > Users & Roles), or add "
        "this machine to the IP allow-list (Admin > Web Services)"
    )
    is_refusal = True


class NotFoundError(RequestRefusedError):
    """702, 1013, and 404 for a file: Marketo does not have the one thing that a call is about."""


class FeatureUnavailableError(RequestRefusedError):
    """616, 703, 1018 or 1026: the subscription's type, features or CRM do not give this."""

    remedy = "The subscription does not give this; deselect the stream"
    is_refusal = True


class ResourceNotFoundError(NotFoundError):
    """610: no such call, or no such thing. A wrong endpoint would fail the first call of a run."""

    remedy = FeatureUnavailableError.remedy
    is_refusal = True


CRM_ENABLED = "1018"
"""The code of what a native CRM integration takes away (error-codes.md)."""

# What can be done without is left out for these errors and for no others (error-codes.md): Marketo
# does not have it, or does not give it to the subscription, or, with NOT_HERE, to the API user.
NOT_OFFERED = (FeatureUnavailableError, NotFoundError)
NOT_HERE = (AccessDeniedError, *NOT_OFFERED)


class ExportError(TapError):
    """An export job gets nowhere."""


class FailedExportError(ExportError):
    """An export job failed more often than it is worth trying."""


class DataError(TapError):
    """A file or an answer does not have the shape Adobe documents."""


def odd_data(what: str) -> DataError:
    """Return the error for what Marketo sent, where only Marketo can tell why."""
    return DataError(f"{what}. Run again; if it stays so, show it to Marketo Support.")


class OutputClosedError(TapError):
    """Whoever reads our stdout went away."""


class FailedStreamsError(TapError):
    """Some streams could not be read to their end; all others were. The message names each."""
