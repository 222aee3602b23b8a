"""Which address a query travels in, or that it travels in none."""

from __future__ import annotations

from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.marketo.exchange import as_post_if_too_long

HOST = "https://123-abc-456.mktorest.com"
LISTS, PROGRAMS = f"{HOST}/rest/v1/lists.json", f"{HOST}/rest/asset/v1/programs.json"
# error-codes.md, 414.
EIGHT_KB = 8192


@given(st.integers(0, 10_000), st.sampled_from("a=\u00e4"))
def test_no_address_is_longer_than_marketo_takes_and_no_parameter_is_lost(
    length: int, letter: str
) -> None:
    params = {"batchSize": 300, "nextPageToken": letter * length}
    query = urlencode(params)
    method, url, request = as_post_if_too_long(LISTS, params, headers={"X": "y"})
    assert request.pop("headers") == {"X": "y"}
    if method == "GET":
        assert (url, request) == (LISTS, {"params": params})
        assert len(f"{LISTS}?{query}") < EIGHT_KB - 1000
    else:
        assert (method, url, request) == ("POST", f"{LISTS}?_method=GET", {"data": params})
        # What goes well in an address stays there.
        assert len(query) > EIGHT_KB - 2000


def test_a_call_without_a_query_is_left_as_it_is() -> None:
    assert as_post_if_too_long(LISTS) == ("GET", LISTS, {"params": None})


def test_queries_of_assets_stay_in_the_address_which_may_be_longer() -> None:
    # blog.md: asset calls have no _method, but addresses of 65 KiB.
    params = {"name": "x" * 20_000}
    assert as_post_if_too_long(PROGRAMS, params) == ("GET", PROGRAMS, {"params": params})
