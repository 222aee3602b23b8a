"""The types of settings: which raw values each takes, what they mean, and its JSON Schema."""

from __future__ import annotations

import ipaddress
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tap_marketo.times import parse_utc, whole_seconds

_MUNCHKIN_ID = re.compile(r"\d{3}-[A-Za-z]{3}-\d{3}")


def is_loopback(url: str) -> bool:
    """Say whether a URL's host is this machine itself."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class SettingType:
    """What values a setting takes.

    Attributes:
        read: returns what a raw value of a config means, None for the default. Raises ValueError
            that says what is wanted, after the name of the setting.
        schema: the JSON Schema of the values.
    """

    read: Callable[[Any], Any]
    schema: Mapping[str, Any]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    if not value.isprintable():
        raise ValueError("must not hold line breaks or control characters")
    return value.strip()


def _header_text(value: Any) -> str:
    text = _text(value)
    if not text.isascii():
        raise ValueError("must be ASCII")
    return text


def _time(value: Any) -> datetime:
    wanted = "must be a date or date-time like 2026-01-01T00:00:00Z"
    if not isinstance(value, str):
        raise ValueError(f"{wanted} in quotes, not {value!r}")
    text = _text(value)
    try:
        return whole_seconds(parse_utc(text))
    except ValueError:
        raise ValueError(f"{wanted}, not {text!r}") from None


def _identity(value: Any) -> str:
    return _url(_text(value), r"/oauth/token$")


def _endpoint(value: Any) -> str:
    text = _text(value)
    host = f"{text}.mktorest.com" if _MUNCHKIN_ID.fullmatch(text) else text
    return _url(host, r"/(rest|identity|bulk)(/.*)?$")


def _url(text: str, own_path: str) -> str:
    """Return scheme, host and path of an address, without the end of the path that is the API's."""
    if "://" not in text:
        text = "https://" + text.lstrip("/")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError("must be a URL like https://123-ABC-456.mktorest.com/rest")
    if not _is_host(host):
        raise ValueError(f"must have a host's name like 123-ABC-456.mktorest.com, not {host!r}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a plain URL, without user, query or fragment")
    if parts.scheme == "http" and not is_loopback(text):
        raise ValueError("must begin with https:// (http:// is for this machine only)")
    # Double slashes are no longer accepted by Marketo's gateway (rest-api.md).
    path = re.sub(own_path, "", re.sub(r"/{2,}", "/", parts.path).rstrip("/"))
    bracketed = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{bracketed}{f':{port}' if port else ''}{path}"


def _is_host(host: str) -> bool:
    """Say whether a text can be the name or the address of a host (RFC 1123, 2.1; RFC 1035)."""
    if ":" in host:
        return True
    try:
        labels = host.encode("idna").removesuffix(b".").split(b".")
    except UnicodeError:
        return False
    return all(re.fullmatch(rb"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?", each) for each in labels)


def _boolean(value: Any) -> bool:
    # Orchestrators that keep settings in the environment have nothing but texts.
    text = value.strip().lower() if isinstance(value, str) else json.dumps(value, default=str)
    if text not in ("true", "false"):
        raise ValueError(f"must be true or false, not {value!r}")
    return text == "true"


def _ids(value: Any) -> tuple[int, ...]:
    parts = value if isinstance(value, list) else [value]
    if isinstance(value, str):
        # Some orchestrators hand a list over as its JSON.
        parts = value.strip().removeprefix("[").removesuffix("]").split(",")
    numbers = [_finite(part) for part in parts if part != ""]
    if not all(number >= 1 and number.is_integer() for number in numbers):
        raise ValueError(f"must be ids like [1001, 1002], not {value!r}")
    return tuple(dict.fromkeys(map(int, numbers)))


def _texts(value: Any) -> tuple[str, ...]:
    parts = value
    if isinstance(value, str):
        # Some orchestrators hand a list over as its JSON.
        try:
            parts = json.loads(value)
        except ValueError:
            parts = None
        parts = parts if isinstance(parts, list) else value.split(",")
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError(f'must be texts like ["one", "two"], not {value!r}')
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


TEXT = SettingType(_text, {"type": "string"})
"""A text in one line."""
HEADER_TEXT = SettingType(_header_text, {"type": "string"})
"""A text that an HTTP header can carry."""
TIME = SettingType(_time, {"type": "string", "format": "date-time"})
"""A moment, given as ISO 8601."""
IDENTITY_URL = SettingType(_identity, {"type": "string"})
"""Where the identity service is, with or without the path of its call."""
ENDPOINT_URL = SettingType(_endpoint, {"type": "string"})
"""Where the REST API is, with or without what its paths begin with, or the Munchkin id."""
BOOLEAN = SettingType(_boolean, {"type": "boolean"})
"""True or false, also as text."""
IDS = SettingType(_ids, {"type": "array", "items": {"type": "integer"}})
"""Ids, each once, also as text."""
TEXTS = SettingType(_texts, {"type": "array", "items": {"type": "string"}})
"""Texts, each once, also as one text with commas between them."""


def choice(*words: str) -> SettingType:
    """Return the type whose values are some words."""

    def read(value: Any) -> Any:
        if value not in words:
            raise ValueError(f"must be {' or '.join(words)}, not {value!r}")
        return value

    return SettingType(read, {"type": "string", "enum": list(words)})


def number(
    *,
    above: float | None = None,
    least: float | None = None,
    most: float = math.inf,
    zero_is_default: bool = False,
) -> SettingType:
    """Return the type of numbers greater than ``above`` or at least ``least``, also as text."""
    bound = f"of at least {least:g}" if above is None else f"above {above:g}"
    wanted = f"a number {bound}" + (f" and at most {most:.0f}" if most < math.inf else "")

    def read(value: Any) -> float | None:
        found = _finite(value)
        if found == 0 and zero_is_default:
            return None
        is_low = found <= above if above is not None else found < (least or 0)
        if math.isnan(found) or is_low or found > most:
            raise ValueError(f"must be {wanted}, not {value!r}")
        return found

    bounds = {"exclusiveMinimum": above, "minimum": least, "maximum": most}
    own = {name: at for name, at in bounds.items() if at is not None and at < math.inf}
    return SettingType(read, {"type": "number", **own})


def integer(least: int, most: int | None = None, *, or_zero: bool = False) -> SettingType:
    """Return the type of whole numbers of at least ``least``, or 0 as well, also as text."""
    span = f"from {least} to {most}" if most else f"of at least {least}"
    if or_zero:
        span += ", or 0"

    def read(value: Any) -> int:
        found = _finite(value)
        if or_zero and found == 0:
            return 0
        # No comparison with what is not a number is true.
        if not (least <= found <= (most or math.inf) and found.is_integer()):
            raise ValueError(f"must be a whole number {span}, not {value!r}")
        return int(found)

    schema = {"type": "integer", "minimum": 0 if or_zero else least}
    return SettingType(read, schema if most is None else {**schema, "maximum": most})


def _finite(value: Any) -> float:
    """Return a number that may be given as text; NaN for what is none, or is infinite."""
    try:
        # Neither True nor [] is one, whatever float() says.
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return found if math.isfinite(found) else math.nan
