"""Raw values of settings to what they mean, with every fault remembered."""

from __future__ import annotations

import difflib
import ipaddress
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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


def misspelt(raw: Mapping[str, Any], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each key that is no setting but looks like one, and the setting it looks like."""
    for key in raw:
        if key not in known:
            for meant in difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.85):
                yield key, meant


_BOOLEANS = {"true": True, "false": False}


class SettingsReader:
    """Reads settings out of the raw mapping and collects everything wrong with them."""

    def __init__(self, raw: Mapping[str, Any], known: Sequence[str]) -> None:
        """Read from a config.

        Args:
            raw: the config as it stands in its file.
            known: the names of all settings.
        """
        self._raw = raw
        self._slips = {meant: key for key, meant in misspelt(raw, known)}
        self.faults: list[str] = []

    def _fault(self, key: str, why: str) -> None:
        self.faults.append(f"{key} {why}")

    def _get(self, key: str, *, required: bool) -> Any:
        value = self._raw.get(key)
        if value is None or (isinstance(value, str) and not value.strip()):
            if required:
                slip = self._slips.get(key)
                self._fault(key, f'is missing (there is a "{slip}")' if slip else "is missing")
            return None
        return value

    def text(self, key: str, *, required: bool = True) -> str | None:
        value = self._get(key, required=required)
        if value is None:
            return None
        if not isinstance(value, str):
            self._fault(key, "must be a string")
            return None
        if not value.isprintable():
            self._fault(key, "must not hold line breaks or control characters")
            return None
        return value.strip()

    def header(self, key: str) -> str | None:
        text = self.text(key, required=False)
        if text is not None and not text.isascii():
            self._fault(key, "must be ASCII")
            return None
        return text

    def choice(self, key: str, words: Sequence[str]) -> str | None:
        word = self._get(key, required=False)
        if word is not None and word not in words:
            self._fault(key, f"must be {' or '.join(words)}, not {word!r}")
            return None
        return word if isinstance(word, str) else None

    def boolean(self, key: str) -> bool | None:
        value = self._get(key, required=False)
        if isinstance(value, str) and value.strip().lower() in _BOOLEANS:
            # Orchestrators that keep settings in the environment have nothing but texts.
            return _BOOLEANS[value.strip().lower()]
        if value is not None and not isinstance(value, bool):
            self._fault(key, f"must be true or false, not {value!r}")
            return None
        return value

    def time(self, key: str) -> datetime | None:
        text = self.text(key)
        if text is None:
            return None
        try:
            return whole_seconds(parse_utc(text))
        except ValueError:
            self._fault(key, f"must be a date or date-time like 2026-01-01T00:00:00Z, not {text!r}")
            return None

    def url(self, key: str, *, required: bool) -> str | None:
        text = self.text(key, required=required)
        if text is None:
            return None
        if key == "endpoint" and _MUNCHKIN_ID.fullmatch(text):
            text += ".mktorest.com"
        if "://" not in text:
            text = "https://" + text.lstrip("/")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
            parts = urlsplit("")
        if parts.scheme not in ("https", "http") or not host:
            self._fault(key, "must be a URL like https://123-ABC-456.mktorest.com/rest")
            return None
        if parts.username or parts.password or parts.query or parts.fragment:
            self._fault(key, "must be a plain URL, without user, query or fragment")
            return None
        if parts.scheme == "http" and not is_loopback(text):
            self._fault(key, "must begin with https:// (http:// is for this machine only)")
            return None
        # Double slashes are no longer accepted by Marketo's gateway (rest-api.md).
        path = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
        if key == "endpoint":
            path = re.sub(r"/(rest|identity|bulk)(/.*)?$", "", path)
        else:
            path = path.removesuffix("/oauth/token")
        bracketed = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{bracketed}{f':{port}' if port else ''}{path}"

    def integer(self, key: str, least: int, most: int | None) -> int | None:
        span = f"from {least} to {most}" if most else f"of at least {least}"
        number = self._number(
            key,
            lambda n: n.is_integer() and n >= least and (most is None or n <= most),
            f"a whole number {span}",
        )
        return None if number is None else int(number)

    def number(
        self,
        key: str,
        *,
        above: float | None = None,
        least: float | None = None,
        most: float = math.inf,
        zero_is_default: bool = False,
    ) -> float | None:
        wanted = f"a number of at least {least:g}" if above is None else f"a number above {above:g}"
        if most < math.inf:
            wanted += f" and at most {most:.0f}"
        if zero_is_default and self._raw.get(key) in (0, "0", "0.0"):
            return None
        return self._number(
            key,
            lambda n: (above is None or n > above) and (least is None or n >= least) and n <= most,
            wanted,
        )

    def _number(self, key: str, fits: Callable[[float], bool], wanted: str) -> float | None:
        value = self._get(key, required=False)
        if value is None:
            return None
        try:
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise TypeError
            number = float(value)
            if not math.isfinite(number) or not fits(number):
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            self._fault(key, f"must be {wanted}, not {value!r}")
            return None
        return number
