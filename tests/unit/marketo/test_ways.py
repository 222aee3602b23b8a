"""Answers of the parts of the API that have a way of their own; pages by number."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.errors import (
    AccessDeniedError,
    CallQuotaError,
    MarketoError,
    NotFoundError,
    NotReachedError,
    RequestRefusedError,
    ResourceNotFoundError,
    ThrottledError,
    TokenRejectedError,
    TransientError,
)
from tap_marketo.marketo.moving_list import LARGEST_PAGE, page_at
from tap_marketo.marketo.ways import DESIGNER, OF_USERS, REST, Way

CALL = "GET /x"
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("success", "errors", "result", "items", "code", "type", "totalItems")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
STATUSES = st.sampled_from((200, 201, 302, 400, 401, 403, 404, 408, 413, 414, 429, 500, 503))


def read(way: Way, status: int, body: bytes, content_type: str = "application/json") -> Any:
    response = requests.Response()
    response.status_code = status
    response.headers["Content-Type"] = content_type
    return way.read(CALL, response, body)


def errors(code: Any, *more: Any) -> Any:
    return {"errors": [*more, {"code": code, "message": "No"}]}


@given(st.sampled_from((OF_USERS, DESIGNER, REST)), STATUSES, ANYTHING)
def test_no_answer_however_odd_is_anything_but_rows_or_an_error(
    way: Way, status: int, content: Any
) -> None:
    envelope: Any = {}
    problem = ""
    try:
        envelope = read(way, status, json.dumps(content).encode())
    except MarketoError as error:
        problem = str(error)
    assert problem.startswith(f"{CALL}: ") or (
        status < 300 and isinstance(envelope["result"], list)
    )


@given(st.sampled_from((OF_USERS, DESIGNER, REST)), STATUSES, st.binary(max_size=20))
def test_what_is_not_json_is_never_empty(way: Way, status: int, body: bytes) -> None:
    with pytest.raises(MarketoError):
        read(way, status, b"<" + body)


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (401, None, AccessDeniedError),
        (403, None, AccessDeniedError),
        (403, errors(4711), AccessDeniedError),
        (401, errors(601), TokenRejectedError),
        (401, errors(602), TokenRejectedError),
        (403, errors(603), AccessDeniedError),
        (404, errors(610), ResourceNotFoundError),
        (404, errors(4711), RequestRefusedError),
        (404, {}, NotFoundError),
        (429, errors(606), ThrottledError),
        (429, errors(607), CallQuotaError),
        (429, None, ThrottledError),
        (500, errors(4711), TransientError),
        (503, None, TransientError),
        (400, errors(4711), RequestRefusedError),
        (200, {"success": False, **errors("607")}, CallQuotaError),
        (200, None, TransientError),
    ],
)
def test_refusals_of_calls_about_users(status: int, content: Any, kind: type[Exception]) -> None:
    body = b"" if content is None else json.dumps(content).encode()
    with pytest.raises(MarketoError) as caught:
        read(OF_USERS, status, body)
    assert type(caught.value) is kind


@pytest.mark.parametrize("way", [OF_USERS, DESIGNER])
@pytest.mark.parametrize("status", [403, 404])
def test_a_page_of_a_firewall_is_not_marketos_word(way: Way, status: int) -> None:
    with pytest.raises(NotReachedError):
        read(way, status, b"<html>", "text/html")


def test_a_warning_among_the_errors_is_not_the_error() -> None:
    warning = {"type": "warning", "code": "1", "message": "Mind"}
    content = {"success": False, "requestId": "a#1", **errors("603", warning)}
    with pytest.raises(AccessDeniedError, match="error 603: No"):
        read(DESIGNER, 200, json.dumps(content).encode())


@pytest.mark.parametrize(
    ("result", "rows", "total"),
    [
        ([{"id": "1"}], 1, None),
        ([], 0, None),
        ({"items": [{"id": "1"}], "totalItems": 7}, 1, 7),
        ({"totalItems": 0}, 0, 0),
    ],
)
def test_either_form_of_a_result(result: Any, rows: int, total: int | None) -> None:
    envelope = read(DESIGNER, 200, json.dumps({"success": True, "result": result}).encode())
    assert (len(envelope["result"]), envelope["totalItems"]) == (rows, total)


@pytest.mark.parametrize("result", [None, {}, {"items": None}, {"totalItems": 3}, "x"])
def test_an_answer_without_assets_is_never_an_empty_one(result: Any) -> None:
    with pytest.raises(TransientError, match="no result"):
        read(DESIGNER, 200, json.dumps({"success": True, "result": result}).encode())


@given(st.integers(0, 100_000))
def test_a_page_holds_its_offset_and_reaches_far_behind_it(offset: int) -> None:
    number, size = page_at(offset)
    assert LARGEST_PAGE // 2 < size <= LARGEST_PAGE
    assert number * size <= offset
    assert (number + 1) * size - offset >= 24
