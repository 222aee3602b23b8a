"""The kinds of settings: which raw values each takes, what they mean, and how a schema says so."""

from __future__ import annotations

import ipaddress
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
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


class Kind(ABC):
    """What values a setting takes."""

    @abstractmethod
    def read(self, value: Any) -> Any:
        """Return what a raw value means.

        Args:
            value: as it stands in the config, not empty.

        Raises:
            ValueError: it is none of these; says what is wanted, after the name of the setting.
        """

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of its values."""


class Text(Kind):
    """A text in one line."""

    def read(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError("must be a string")
        if not value.isprintable():
            raise ValueError("must not hold line breaks or control characters")
        return value.strip()

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


class HeaderText(Text):
    """A text that an HTTP header can carry."""

    def read(self, value: Any) -> Any:
        text = super().read(value)
        if not text.isascii():
            raise ValueError("must be ASCII")
        return text


class Time(Text):
    """A moment, given as ISO 8601."""

    def read(self, value: Any) -> datetime:
        wanted = "must be a date or date-time like 2026-01-01T00:00:00Z"
        if not isinstance(value, str):
            raise ValueError(f"{wanted} in quotes, not {value!r}")
        text = super().read(value)
        try:
            return whole_seconds(parse_utc(text))
        except ValueError:
            raise ValueError(f"{wanted}, not {text!r}") from None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


class Url(Text):
    """Where an API is: scheme, host and what comes before the API's own paths."""

    def read(self, value: Any) -> str:
        text = super().read(value)
        if "://" not in text:
            text = "https://" + text.lstrip("/")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
            parts = urlsplit("")
        if parts.scheme not in ("https", "http") or not host:
            raise ValueError("must be a URL like https://123-ABC-456.mktorest.com/rest")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must be a plain URL, without user, query or fragment")
        if parts.scheme == "http" and not is_loopback(text):
            raise ValueError("must begin with https:// (http:// is for this machine only)")
        # Double slashes are no longer accepted by Marketo's gateway (rest-api.md).
        path = self._base(re.sub(r"/{2,}", "/", parts.path).rstrip("/"))
        bracketed = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{bracketed}{f':{port}' if port else ''}{path}"

    def _base(self, path: str) -> str:
        return path.removesuffix("/oauth/token")


class EndpointUrl(Url):
    """Where the REST API is, with or without what its paths begin with, or the Munchkin id."""

    def read(self, value: Any) -> str:
        text = Text.read(self, value)
        return super().read(f"{text}.mktorest.com" if _MUNCHKIN_ID.fullmatch(text) else text)

    def _base(self, path: str) -> str:
        return re.sub(r"/(rest|identity|bulk)(/.*)?$", "", path)


@dataclass(frozen=True)
class Choice(Kind):
    """One of some words."""

    words: Sequence[str]

    def read(self, value: Any) -> Any:
        if value not in self.words:
            raise ValueError(f"must be {' or '.join(self.words)}, not {value!r}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.words)}


class Boolean(Kind):
    """True or false."""

    def read(self, value: Any) -> bool:
        # Orchestrators that keep settings in the environment have nothing but texts.
        text = value.strip().lower() if isinstance(value, str) else json.dumps(value, default=str)
        if text not in ("true", "false"):
            raise ValueError(f"must be true or false, not {value!r}")
        return text == "true"

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, kw_only=True)
class Number(Kind):
    """A number, also as text.

    Attributes:
        above: it is greater than this, or
        least: at least this.
        most: at most this.
        zero_is_default: 0 means the default.
    """

    above: float | None = None
    least: float | None = None
    most: float = math.inf
    zero_is_default: bool = False

    def read(self, value: Any) -> Any:
        try:
            # Neither True nor [] is one, whatever float() says.
            if isinstance(value, bool):
                raise TypeError
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if number == 0 and self.zero_is_default:
            return None
        if not math.isfinite(number) or not self._fits(number):
            raise ValueError(f"must be {self._wanted()}, not {value!r}")
        return number

    def _fits(self, number: float) -> bool:
        return (
            (self.above is None or number > self.above)
            and (self.least is None or number >= self.least)
            and number <= self.most
        )

    def _wanted(self) -> str:
        bound = f"above {self.above:g}" if self.above is not None else f"of at least {self.least:g}"
        return f"a number {bound}" + (
            f" and at most {self.most:.0f}" if self.most < math.inf else ""
        )

    def schema(self) -> dict[str, Any]:
        bounds = {"exclusiveMinimum": self.above, "minimum": self.least}
        schema = {"type": "number", **{k: v for k, v in bounds.items() if v is not None}}
        return schema if self.most == math.inf else {**schema, "maximum": self.most}


@dataclass(frozen=True)
class Integer(Kind):
    """A whole number, also as text.

    Attributes:
        least: it is at least this.
        most: at most this, None for no bound.
    """

    least: int
    most: int | None = None

    def read(self, value: Any) -> int:
        span = f"from {self.least} to {self.most}" if self.most else f"of at least {self.least}"
        try:
            number = Number(least=self.least, most=self.most or math.inf).read(value)
            if not number.is_integer():
                raise ValueError
        except ValueError:
            raise ValueError(f"must be a whole number {span}, not {value!r}") from None
        return int(number)

    def schema(self) -> dict[str, Any]:
        schema = {"type": "integer", "minimum": self.least}
        return schema if self.most is None else {**schema, "maximum": self.most}
