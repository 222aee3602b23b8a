"""Every error this program raises on purpose, ordered by what can be done about it.

::

    TapError                      one CRITICAL line, and the exit code of its class
    ├── InputError                a file the user gave has to be mended
    │   ├── ConfigError
    │   ├── CatalogError
    │   └── StateError
    ├── MarketoError              Marketo answered with an error, or with something unusable
    │   ├── NotReachedError       a call did not get through to Marketo, for a reason that stays
    │   ├── TransientError        the same call may work in a moment: retried with backoff
    │   │   └── UnreachableError  no connection: at a run's first calls most likely a typing error
    │   ├── ThrottledError        too many calls at the moment: waited for
    │   ├── TokenRejectedError    601 / 602: a new token, then the same call again
    │   ├── QueueFullError        1029: no place in the export queue yet: waited for
    │   ├── AlreadyQueuedError    1029: the job asked for is queued: as good as success
    │   ├── QuotaError            a daily allowance is spent: the run stops until the reset
    │   │   ├── CallQuotaError
    │   │   └── ExportQuotaError
    │   ├── FilterUnavailableError  1035: this subscription cannot filter by updatedAt
    │   ├── FieldNotFoundError    1006, and a 1003: fields asked for do not exist
    │   ├── CredentialsError      client_id and client_secret are refused
    │   └── RequestRefusedError   anything else: permission, bad request, not found
    │       ├── AccessDeniedError
    │       ├── NotFoundError
    │       └── FeatureUnavailableError  616, 1018: this subscription does not give it
    ├── NothingToSyncError        no stream is selected, or none of those that are exists
    ├── FailedStreamsError        some streams could not be read; all others were
    ├── ExportError               an export job failed for good
    ├── DataError                 a file or an answer that cannot be read as what it should be
    └── OutputClosedError         the target went away
    Terminated                    SIGINT / SIGTERM (not a TapError: it is not a failure)

The meaning of each code is Adobe's error-codes.md.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class TapError(Exception):
    """Root of the errors whose message alone tells the user what to do.

    Attributes:
        exit_code: of a run that ends with the error: 1 where another run may succeed, 2 where
            something has to be changed first, 3 where a daily allowance is spent.
    """

    exit_code = 1

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
    """Marketo refused a call, or answered with something that cannot be used.

    Attributes:
        what: the call.
        code: Marketo's error code as a string, None where the fault has none.
        reason: what Marketo said, without our wording around it.
        brief: call, code, reason and requestId, without the remedy.
    """

    remedy = ""

    def __init__(
        self, what: str, reason: str, code: str | None = None, request_id: str | None = None
    ) -> None:
        """Compose the one line the user sees.

        Args:
            what: the call, for instance ``POST /bulk/v1/leads/export/create.json``.
            reason: Marketo's message or what is wrong with the answer.
            code: Marketo's error code.
            request_id: Marketo's requestId, which its support asks for.
        """
        self.what = what
        self.code = code
        self.reason = reason
        said = f"error {code}: {reason}" if code else reason
        asked = f" (requestId {request_id})" if request_id else ""
        self.brief = f"{what}: {said}{asked}"
        remedy = f". {self.remedy}" if self.remedy else ""
        super().__init__(f"{self.brief}{remedy}")


class NotReachedError(MarketoError):
    """A call does not get through to Marketo: certificate, proxy, redirect or address.

    Marketo said nothing: nothing is left out, skipped or recreated because of it.
    """


class TransientError(MarketoError):
    """The call failed in a way that passes: retried with exponential backoff."""

    remedy = "Marketo was tried again without luck; run again later"


class UnreachableError(TransientError):
    """No connection could be made: the host's name does not resolve, or it refuses."""


class ThrottledError(MarketoError):
    """606, 615 or HTTP 429: more calls than allowed right now. Waited for."""

    remedy = (
        "Other integrations use the same limits; lower max_calls_per_20_seconds or run at "
        "another time"
    )


class TokenRejectedError(MarketoError):
    """601 or 602: the access token is invalid or expired."""

    exit_code = 2
    remedy = "A new token was refused as well; check the API user in Admin > LaunchPoint"


class QueueFullError(MarketoError):
    """1029 with a full job queue (10 places, shared by the whole subscription)."""

    remedy = "Other integrations hold the places; run again later"


class AlreadyQueuedError(MarketoError):
    """1029 for a job that is in the queue already."""


class QuotaError(MarketoError):
    """A daily allowance is spent; nothing more can be asked for until it resets."""

    exit_code = 3
    remedy = "Marketo's daily allowances reset at midnight US Central time; run again then"


class CallQuotaError(QuotaError):
    """607, or the max_daily_calls setting reached."""


class ExportQuotaError(QuotaError):
    """1029 with the daily export bytes spent."""


class FilterUnavailableError(MarketoError):
    """1035: the subscription has no updatedAt filter for lead exports."""

    remedy = "Marketo Support can enable the updatedAt filter for the subscription"


# "Field 'x' not found" (error-codes.md, 1006), and what exports have been seen to say with 1003:
# "Invalid fields [x, y] ...", which is on no page of Adobe's.
_QUOTED = re.compile(r"[\u2018'\"]([^\u2019'\"]+)[\u2019'\"]")
_INVALID_FIELDS = re.compile(r"\s*Invalid fields \[([^\]]*)\]", re.IGNORECASE)


class FieldNotFoundError(MarketoError):
    """1006, or 1003 with a list of invalid fields: fields of the request do not exist for it."""

    remedy = "Run discovery again and make a new catalog"

    @property
    def names(self) -> frozenset[str]:
        """The fields that the message names."""
        listed = _INVALID_FIELDS.match(self.reason)
        found = listed[1].split(",") if listed else _QUOTED.findall(self.reason)
        return frozenset(name.strip() for name in found)


class CredentialsError(MarketoError):
    """The identity service refused client_id and client_secret."""

    exit_code = 2
    remedy = "Check client_id and client_secret (Admin > LaunchPoint > View Details)"


class RequestRefusedError(MarketoError):
    """The call will not work however often it is repeated."""

    exit_code = 2


class AccessDeniedError(RequestRefusedError):
    """603: the API user's role lacks the permission, or an IP allow-list is in the way."""

    remedy = (
        "Give the API user's role the permission for this call (Admin > Users & Roles), or add "
        "this machine to the IP allow-list (Admin > Web Services)"
    )


class NotFoundError(RequestRefusedError):
    """HTTP 404 or 610: there is no such thing."""

    remedy = "Check the endpoint setting (Admin > Web Services > REST API)"


class FeatureUnavailableError(RequestRefusedError):
    """616 or 1018: not of this subscription's type, or not beside a native CRM integration."""

    remedy = "The subscription does not give this; deselect the stream"


class ExportError(TapError):
    """An export job failed more often than it is worth trying."""


class DataError(TapError):
    """A file or an answer does not have the shape Adobe documents."""


class OutputClosedError(TapError):
    """Whoever reads our stdout went away."""


class NothingToSyncError(TapError):
    """No stream is selected, or not one of those that are exists."""


class FailedStreamsError(TapError):
    """Some streams could not be read to their end; all others were. The message names each."""


class Terminated(BaseException):
    """A signal asked the program to end.

    A BaseException, so that no handler for errors can take it for one.
    """

    def __init__(self, signum: int) -> None:
        """Remember the signal.

        Args:
            signum: SIGINT or SIGTERM.
        """
        self.signum = signum
        super().__init__(signal.Signals(signum).name)

    @property
    def exit_code(self) -> int:
        """128 + signal number, as shells report it."""
        return 128 + self.signum


# error-codes.md. Codes not listed stop the run: repeating a call Marketo refused helps nobody.
_BY_CODE: Mapping[str, type[MarketoError]] = {
    "502": TransientError,
    "600": TokenRejectedError,
    "601": TokenRejectedError,
    "602": TokenRejectedError,
    "603": AccessDeniedError,
    "604": TransientError,
    "606": ThrottledError,
    "607": CallQuotaError,
    "608": TransientError,
    "610": NotFoundError,
    "611": TransientError,
    "614": TransientError,
    "615": ThrottledError,
    "616": FeatureUnavailableError,
    "713": TransientError,
    "719": TransientError,
    "1006": FieldNotFoundError,
    "1018": FeatureUnavailableError,
    "1035": FilterUnavailableError,
}


def error_class(code: str, message: str) -> type[MarketoError]:
    """Say which error a Marketo code stands for.

    1029 has three meanings that only its message tells apart (bulk-extract.md): a full queue, a
    spent daily quota, a job that is queued already. 1003 is any invalid data, fields among it.
    """
    if code == "1003" and _INVALID_FIELDS.match(message):
        return FieldNotFoundError
    if code == "1029":
        said = message.lower()
        if "quota" in said:
            return ExportQuotaError
        if "already" in said:
            return AlreadyQueuedError
        return QueueFullError
    return _BY_CODE.get(code, RequestRefusedError)


def from_envelope(
    what: str,
    envelope: Mapping[str, Any],
    meaning: Callable[[str, str], type[MarketoError]] = error_class,
) -> MarketoError:
    """Turn an answer with ``success: false`` into the error it stands for.

    Args:
        what: the call it answers.
        envelope: the JSON object Marketo sent.
        meaning: says which error a code and its message stand for.
    """
    request_id = envelope.get("requestId")
    errors = envelope.get("errors")
    if not isinstance(errors, Sequence) or isinstance(errors, str) or not errors:
        return TransientError(
            what, "success is not true and no error is given", request_id=_text(request_id)
        )
    pairs = [
        (str(error.get("code", "")), str(error.get("message", "")))
        if isinstance(error, Mapping)
        else ("", str(error))
        for error in errors
    ]
    code, message = pairs[0]
    reason = "; ".join([message, *(f"error {c}: {m}" for c, m in pairs[1:])])
    return meaning(code, message)(what, reason, code or None, _text(request_id))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
