"""Redaction: no secret survives in any spelling a message may give it."""

from __future__ import annotations

import traceback
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.redact import MASK, add_secret, redact

SECRET = "Zq7/S+cr&t="

# "*" is what secrets become: one made of it could not be told from its mask.
SECRETS = st.text(st.characters(exclude_characters="*", codec="utf-8"), min_size=4, max_size=20)


@given(SECRETS)
def test_a_secret_survives_in_no_spelling_of_a_url_or_a_repr(secret: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tap_marketo.redact._known", set())
        add_secret(secret)
        for spelled in (
            secret,
            quote(secret),
            quote(secret, safe=""),
            quote_plus(secret),
            urlencode({"x": secret})[2:],
            repr({"x": secret})[7:-2],
        ):
            assert redact(f"<{spelled}>") == f"<{MASK}>"
            assert redact(f"{spelled} and {spelled}") == f"{MASK} and {MASK}"


def test_a_secret_is_masked_in_the_text_of_an_exception() -> None:
    add_secret(SECRET)
    try:
        raise ValueError(f"cannot reach https://host/oauth?{urlencode({'q': SECRET})}")
    except ValueError as error:
        told = redact("".join(traceback.format_exception(error)))
    assert quote_plus(SECRET) not in told
    assert f"https://host/oauth?q={MASK}" in told


def test_a_secret_that_holds_another_is_masked_whole() -> None:
    add_secret("abcd")
    add_secret("abcd-efgh")
    assert redact("x abcd-efgh y abcd z") == f"x {MASK} y {MASK} z"


@pytest.mark.parametrize("short", ["", "a", "abc"])
def test_a_secret_too_short_to_be_one_blots_out_nothing(short: str) -> None:
    add_secret(short)
    assert redact("abc is a part of the alphabet") == "abc is a part of the alphabet"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer tok-en:123", f"Authorization: Bearer {MASK}"),
        ("{'Authorization': 'bearer tok'}", f"{{'Authorization': 'bearer {MASK}'}}"),
        ("/token?client_id=i-d&client_secret=sec%2F&x=1",
         f"/token?client_id={MASK}&client_secret={MASK}&x=1"),
        ("/token?x=1&access_token=abc:lon", f"/token?x=1&access_token={MASK}"),
        ('{"access_token": "abc", "expires_in": 3600}',
         f'{{"access_token": "{MASK}", "expires_in": 3600}}'),
        ("{'refresh_token': 'abc', 'a': 'b'}", f"{{'refresh_token': '{MASK}', 'a': 'b'}}"),
        ("CLIENT_SECRET = abc; next", f"CLIENT_SECRET = {MASK}; next"),
    ],
)  # fmt: skip
def test_named_credentials_are_masked_though_nobody_registered_them(text: str, masked: str) -> None:
    assert redact(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GET /rest/v1/leads/describe.json took 1.5 s",
        "client_secret is missing",
        "the bearers of this message",
        "Check client_id and client_secret (Admin > LaunchPoint > View Details)",
        "next_page_token=abc",
    ],
)
def test_text_without_secrets_stays_as_it_is(text: str) -> None:
    assert redact(text) == text
