"""Errors: what each of Marketo's codes means for the run, and what the user is told."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo import errors
from tap_marketo.errors import (
    MarketoError,
    RequestRefusedError,
    TapError,
    TransientError,
)
from tap_marketo.marketo.answers import error_class, error_of
from tap_marketo.protocol.pipe import Terminated

WHAT = "GET /rest/v1/leads/describe.json"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("502", "TransientError"),
        ("600", "TokenRejectedError"),
        ("601", "TokenRejectedError"),
        ("602", "TokenRejectedError"),
        ("603", "AccessDeniedError"),
        ("604", "TransientError"),
        ("606", "ThrottledError"),
        ("607", "CallQuotaError"),
        ("608", "TransientError"),
        ("610", "ResourceNotFoundError"),
        ("611", "TransientError"),
        ("614", "TransientError"),
        ("615", "ThrottledError"),
        ("713", "TransientError"),
        ("719", "TransientError"),
        ("1006", "FieldNotFoundError"),
        ("1035", "FilterUnavailableError"),
        ("609", "RequestRefusedError"),
        ("701", "RequestRefusedError"),
        ("1003", "RequestRefusedError"),
        ("702", "NotFoundError"),
        ("1013", "NotFoundError"),
        ("616", "FeatureUnavailableError"),
        ("703", "FeatureUnavailableError"),
        ("1018", "FeatureUnavailableError"),
        ("1026", "FeatureUnavailableError"),
        ("", "RequestRefusedError"),
        ("something new", "RequestRefusedError"),
    ],
)
def test_each_code_is_the_error_that_says_what_can_be_done(code: str, name: str) -> None:
    assert error_class(code, "whatever Marketo says") is getattr(errors, name)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Too many jobs (10) in queue", "QueueFullError"),
        ("Export queue is full", "QueueFullError"),
        ("Too many requests", "QueueFullError"),
        ("Export daily quota 500MB exceeded.", "ExportQuotaError"),
        ("export daily QUOTA exceeded", "ExportQuotaError"),
        ("Job is already queued", "AlreadyQueuedError"),
        ("Job Already Queued in the queue", "AlreadyQueuedError"),
    ],
)
def test_1029_has_its_meaning_from_its_message(message: str, name: str) -> None:
    assert error_class("1029", message) is getattr(errors, name)


@pytest.mark.parametrize(
    ("code", "message", "names"),
    [
        ("1006", "Field 'city' not found", {"city"}),
        ("1006", "Field \u2018city\u2019 not found", {"city"}),
        ("1006", "Field?", set()),
        ("1003", "Invalid fields [site, fax] in request", {"site", "fax"}),
        ("1003", "Invalid fields [fax]", {"fax"}),
        ("1003", "invalid fields [fax,'x y', Z__c ]: they're gone", {"fax", "'x y'", "Z__c"}),
    ],
)
def test_fields_that_do_not_exist_are_named_in_two_spellings(
    code: str, message: str, names: set[str]
) -> None:
    error = error_of(WHAT, {"errors": [{"code": code, "message": message}]})
    assert isinstance(error, errors.FieldNotFoundError)
    assert error.names == names


@pytest.mark.parametrize("message", ["Invalid data", "Invalid fields", "No Invalid fields [fax]"])
def test_any_other_1003_is_a_refusal(message: str) -> None:
    assert error_class("1003", message) is RequestRefusedError


@pytest.mark.parametrize(
    ("kind", "root"),
    [
        ("CallQuotaError", "QuotaError"),
        ("ExportQuotaError", "QuotaError"),
        ("AccessDeniedError", "RequestRefusedError"),
        ("CredentialsError", "NoAccessError"),
        ("NotFoundError", "RequestRefusedError"),
        ("ResourceNotFoundError", "NotFoundError"),
        ("NoAccessError", "MarketoError"),
        ("QueueFullError", "MarketoError"),
        ("MarketoError", "TapError"),
        ("ConfigError", "InputError"),
        ("CatalogError", "InputError"),
        ("StateError", "InputError"),
        ("InputError", "TapError"),
        ("DataError", "TapError"),
        ("ExportError", "TapError"),
        ("OutputClosedError", "TapError"),
    ],
)
def test_errors_are_ordered_by_what_can_be_done(kind: str, root: str) -> None:
    assert issubclass(getattr(errors, kind), getattr(errors, root))


@pytest.mark.parametrize("kind", ["QuotaError", "TokenRejectedError", "ThrottledError"])
def test_what_must_not_be_retried_with_backoff_is_no_transient_error(kind: str) -> None:
    assert not issubclass(getattr(errors, kind), TransientError)
    assert not issubclass(getattr(errors, kind), RequestRefusedError)


def test_the_message_names_call_code_reason_request_id_and_remedy() -> None:
    error = error_of(
        WHAT,
        {
            "requestId": "185d6#14b51985ff0",
            "success": False,
            "errors": [{"code": "603", "message": "Access denied"}],
        },
    )
    assert type(error) is errors.AccessDeniedError
    assert error.code == "603"
    assert error.reason == "Access denied"
    assert str(error).startswith(
        f"{WHAT}: error 603: Access denied (requestId 185d6#14b51985ff0). Give the API user's role"
    )


def test_an_error_without_request_id_or_remedy_has_no_empty_places_in_its_message() -> None:
    error = error_of(WHAT, {"errors": [{"code": "1003", "message": "Bad data"}]})
    assert str(error) == f"{WHAT}: error 1003: Bad data"


def test_the_first_of_several_errors_decides_and_all_are_shown() -> None:
    error = error_of(
        WHAT,
        {"errors": [{"code": 601, "message": "Invalid"}, {"code": "1003", "message": "Also"}]},
    )
    assert type(error) is errors.TokenRejectedError
    assert error.code == "601"
    assert "error 601: Invalid; error 1003: Also" in str(error)


@pytest.mark.parametrize("given_errors", [None, [], "x", 7, {}, {"code": "601"}])
def test_a_failure_without_a_list_of_errors_is_worth_another_try(given_errors: Any) -> None:
    error = error_of(WHAT, {"success": False, "requestId": 7, "errors": given_errors})
    assert type(error) is TransientError
    assert error.code is None
    assert "no error is given (requestId 7)" in str(error)


@pytest.mark.parametrize(
    ("entry", "told"), [("plain text", "plain text"), ({"message": "no code"}, "no code")]
)
def test_an_error_without_a_code_is_refused_with_what_was_said(entry: Any, told: str) -> None:
    error = error_of(WHAT, {"errors": [entry]})
    assert type(error) is RequestRefusedError
    assert error.code is None
    assert str(error) == f"{WHAT}: {told}"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("code", "message", "x")), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(("errors", "requestId", "success")), ANYTHING))
def test_no_answer_however_odd_breaks_the_reading_of_its_error(envelope: dict[str, Any]) -> None:
    error = error_of(WHAT, envelope)
    assert isinstance(error, MarketoError)
    assert str(error).startswith(f"{WHAT}: ")


@pytest.mark.parametrize(
    ("signum", "code", "name"), [(signal.SIGINT, 130, "SIGINT"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_a_signal_is_no_error_and_has_the_exit_code_shells_expect(
    signum: int, code: int, name: str
) -> None:
    request = Terminated(signum)
    assert not isinstance(request, (TapError, Exception))
    assert request.exit_code == code
    assert str(request) == name
