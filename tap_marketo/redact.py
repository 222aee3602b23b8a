"""The only place that knows what is secret and how to take it out of a text."""

from __future__ import annotations

import re
from base64 import b64encode
from urllib.parse import quote, quote_plus, unquote
from urllib.request import getproxies_environment

MASK = "***"

# Whatever follows these names is secret even when it was never registered: a URL or a header
# that a library put into its own message.
_NAMED = re.compile(
    r"(?i)((?:access_token|client_secret|client_id|refresh_token)[\"']?\s*[=:]\s*[\"']?)"
    r"[^\s&\"',;}]+"
)
# User and password of a URL, such as that of a proxy.
_USER = re.compile(r"(://)[^\s/@'\"]+@")
_BEARER = re.compile(r"(?i)(\bbearer\s+)[^\s\"',;}]+")
# A shorter "secret" would blot out ordinary words of every message.
_SHORTEST = 4

_known: set[str] = set()


def add_secret(secret: str) -> None:
    """Register a value that must never leave the program, in any spelling a URL may give it."""
    if len(secret) >= _SHORTEST:
        encoded = secret.encode("utf-8", "replace")
        _known.update((secret, quote(encoded), quote(encoded, safe="")))
        _known.add(quote_plus(encoded))
        _known.add(repr(secret)[1:-1])


def add_proxy_secrets() -> None:
    """Register the passwords of the proxies in the environment, as they are sent as well."""
    for proxy in getproxies_environment().values():
        # A password may hold what ends it by the rules of URLs; a message then quotes its start.
        user_info, _, _ = (proxy.partition("://")[2] or proxy).rpartition("@")
        user, _, password = user_info.partition(":")
        for secret in (password, unquote(password), re.split("[/?#@]", password)[0]):
            add_secret(secret)
        if password:
            sent = f"{unquote(user)}:{unquote(password)}".encode("latin-1", "replace")
            add_secret(b64encode(sent).decode())


def redact(text: str) -> str:
    """Return the text with every registered secret and every named credential masked."""
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK)
    text = _USER.sub(rf"\1{MASK}@", text)
    text = _BEARER.sub(rf"\1{MASK}", text)
    return _NAMED.sub(rf"\1{MASK}", text)
