"""Parts that cannot be read: which errors are of one part, how many are borne, which are named."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from tap_marketo.errors import (
    AccessDeniedError,
    CallQuotaError,
    DataError,
    ExportError,
    ExportQuotaError,
    FailedExportError,
    FeatureUnavailableError,
    FieldNotFoundError,
    FilterUnavailableError,
    MarketoError,
    NoAnswerError,
    NotReachedError,
    OutputClosedError,
    QueueFullError,
    RequestRefusedError,
    TapError,
    ThrottledError,
    TokenRejectedError,
    TransientError,
    UnreachableError,
)
from tap_marketo.failed_parts import MOST_IN_A_ROW, MOST_REMEMBERED, FailedParts
from tap_marketo.failures import Failures

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def error(kind: type[MarketoError] = TransientError, code: str = "611") -> MarketoError:
    return kind("GET /tokens.json", "No", code)


def failed(*parts: str) -> FailedParts:
    found = FailedParts("tokens", {})
    for part in parts:
        found.add(part, NOW, error())
    return found


@pytest.mark.parametrize(
    "cause",
    [
        *map(error, (TransientError, NoAnswerError, RequestRefusedError)),
        DataError("A token is no object"),
        FailedExportError("The job failed 4 times"),
    ],
)
def test_an_error_of_one_part_is_borne(cause: TapError) -> None:
    found = FailedParts("tokens", {})
    found.add("Folder/1", NOW, cause)
    found.check()
    assert found.remembered == {"Folder/1": NOW}
    assert found.errors == {"Folder/1": cause}


@pytest.mark.parametrize(
    "cause",
    [
        *map(error, (AccessDeniedError, FeatureUnavailableError, FilterUnavailableError)),
        *map(error, (CallQuotaError, ExportQuotaError, QueueFullError, TokenRejectedError)),
        *map(error, (NotReachedError, UnreachableError, ThrottledError, FieldNotFoundError)),
        ExportError("Marketo has begun none of the waiting exports"),
        OutputClosedError("The target closed our stdout"),
    ],
)
def test_what_others_would_meet_as_well_is_raised(cause: TapError) -> None:
    found = FailedParts("tokens", {})
    with pytest.raises(type(cause)):
        found.add("Folder/1", NOW, cause)
    assert not found.remembered


def test_a_stream_fails_after_some_in_a_row_and_remembers_so_many() -> None:
    found = failed(*map(str, range(MOST_IN_A_ROW - 1)))
    found.check()
    found.has_read("a")
    found.add("b", NOW, error())
    found.check()
    for number in range(MOST_IN_A_ROW - 1):
        found.add(f"c{number}", NOW, error())
    with pytest.raises(TransientError):
        found.check()
    found = failed(*map(str, range(MOST_REMEMBERED)))
    # It is one of them already.
    found.add("0", NOW, error())
    with pytest.raises(TransientError):
        found.add("another", NOW, error())


def test_those_that_failed_last_are_asked_for_last() -> None:
    found = FailedParts("tokens", dict.fromkeys(map(str, range(7)), NOW))
    asked = []
    for part in found.again():
        asked.append(part)
        found.add(part, datetime.max.replace(tzinfo=timezone.utc), error())
    assert asked == ["0", "1", "2", "3", "4"]
    assert {*found.remembered.values()} == {NOW}
    # Dictionaries with other orders are equal.
    assert [*found.remembered] == [*"5601234"]
    assert "earlier run" in str(found.errors["5"])
    again = FailedParts("tokens", found.remembered).again()
    assert next(again) == "5"


def test_the_last_line_names_some_parts_for_each_reason() -> None:
    failures = Failures(lambda: 0, {}, tolerates_refusals=False)
    errors: dict[str, TapError] = {f"Folder/{number}": error() for number in range(9)}
    errors["Folder/9"] = error(RequestRefusedError, "709")
    errors.update({f"Program/{n}": DataError(f"Token {n} is no object") for n in range(50)})
    failures.add_parts("tokens", errors)
    summary = failures.summary()
    asked = "error 611: No (GET /tokens.json). Not read: tokens (Folder/0, Folder/1, Folder/2"
    assert f"{asked} and 6 more)." in summary
    assert "error 709: No (GET /tokens.json). Not read: tokens (Folder/9)." in summary
    assert "Token 0 is no object. Not read: tokens (Program/0)." in summary
    assert "in the log above. Not read: tokens (48 more)." in summary
    assert len(summary) < 1000
