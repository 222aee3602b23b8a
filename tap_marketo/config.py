"""The settings: the only reader of the raw config mapping."""

from __future__ import annotations

import difflib
import ipaddress
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tap_marketo import __version__
from tap_marketo.errors import ConfigError
from tap_marketo.log import LOGGER
from tap_marketo.redact import add_secret
from tap_marketo.times import parse_utc, whole_seconds

DEFAULT_POLL_INTERVAL = 60.0
# bulk-extract.md: a job's status moves at most once in 60 seconds.
_STATUS_REFRESH = 60.0
_MAX_CALLS_PER_20_SECONDS = 100
# Beyond these a number is a slip, and some can no longer be reckoned with.
_MOST_CALLS = 10**9
_MOST_MB = 1e9
_MOST_SECONDS = 86400.0
_MOST_HOURS = 8760.0
_DEFAULT_REQUEST_TIMEOUT = 300.0
_MUNCHKIN_ID = re.compile(r"\d{3}-[A-Za-z]{3}-\d{3}")


def _setting(default: Any, about: str) -> Any:
    return field(default=default, metadata={"about": about})


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings, checked. Build one with :meth:`from_mapping`."""

    endpoint: str = field(
        metadata={"about": "REST API URL, from Admin > Web Services > REST API > Endpoint"}
    )
    client_id: str = field(
        repr=False, metadata={"about": "from Admin > LaunchPoint > View Details"}
    )
    client_secret: str = field(
        repr=False, metadata={"about": "from Admin > LaunchPoint > View Details"}
    )
    start_date: datetime = field(
        metadata={"about": "how far back a stream without a bookmark begins, ISO 8601"}
    )
    identity: str = _setting("", "identity URL, when it is not the endpoint's host + /identity")
    max_daily_calls: int = _setting(
        40000, "stop when the whole subscription has made this many calls today"
    )
    max_daily_export_mb: float = _setting(
        500.0, "stop exporting when the API user's exports of today pass this many MB"
    )
    on_quota: str = _setting(
        "fail", "what a spent allowance is to the orchestrator: fail (exit 3) or stop (exit 0)"
    )
    max_export_days: int = _setting(31, "longest date range of one export job, 1 to 31 days")
    max_queued_exports: int = _setting(
        4, "how many of Marketo's ten queue places to hold at once, 1 to 10"
    )
    poll_interval: float = _setting(
        DEFAULT_POLL_INTERVAL, "least seconds between two looks at the export jobs"
    )
    job_timeout: float = _setting(10800.0, "seconds one export job may be processed for")
    request_timeout: float = _setting(
        _DEFAULT_REQUEST_TIMEOUT, "seconds to wait for Marketo to send something"
    )
    leads_lookback_hours: float = _setting(
        24.0, "how far before its bookmark leads begin, for changes that show late"
    )
    activities_lookback_hours: float = _setting(
        24.0, "how far before their bookmark activities begin, for activities written late"
    )
    max_calls_per_20_seconds: int = _setting(
        50, "own pace; Marketo allows 100 to all integrations together"
    )
    user_agent: str = _setting(f"tap-marketo/{__version__}", "User-Agent header")

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Config:
        """Check a config as read from its file.

        Numbers may be strings. Keys that are no settings are left alone, as orchestrators add
        their own; one that looks like a misspelt setting gets a warning.

        Raises:
            ConfigError: naming every fault at once.
        """
        for secret in (raw.get("client_secret"), raw.get("client_id")):
            if isinstance(secret, str):
                add_secret(secret.strip())
        reader = _Reader(raw)
        endpoint = reader.url("endpoint", required=True)
        loopback = is_loopback(endpoint) if endpoint else True
        values: dict[str, Any] = {
            "endpoint": endpoint,
            "client_id": reader.text("client_id"),
            "client_secret": reader.text("client_secret"),
            "start_date": reader.time("start_date"),
            "identity": reader.url("identity", required=False)
            or (endpoint and f"{endpoint}/identity"),
            "max_daily_calls": reader.integer("max_daily_calls", 2, None),
            "max_daily_export_mb": reader.number("max_daily_export_mb", above=0, most=_MOST_MB),
            "on_quota": reader.choice("on_quota", ("fail", "stop")),
            "max_export_days": reader.integer("max_export_days", 1, 31),
            "max_queued_exports": reader.integer("max_queued_exports", 1, 10),
            "poll_interval": reader.number("poll_interval", above=0),
            "job_timeout": reader.number("job_timeout", above=0),
            "request_timeout": reader.number(
                "request_timeout", above=0, most=_MOST_SECONDS, zero_is_default=True
            ),
            "leads_lookback_hours": reader.number(
                "leads_lookback_hours", least=0, most=_MOST_HOURS
            ),
            "activities_lookback_hours": reader.number(
                "activities_lookback_hours", least=0, most=_MOST_HOURS
            ),
            "max_calls_per_20_seconds": reader.integer(
                "max_calls_per_20_seconds",
                1,
                _MOST_CALLS if loopback else _MAX_CALLS_PER_20_SECONDS,
            ),
            "user_agent": reader.header("user_agent"),
        }
        if reader.faults:
            raise ConfigError("The config has to be mended: " + "; ".join(reader.faults) + ".")
        _warn_of_misspellings(raw)
        config = cls(**{name: value for name, value in values.items() if value is not None})
        if config.poll_interval < _STATUS_REFRESH and not loopback:
            LOGGER.warning(
                "poll_interval is %g s, but Marketo refreshes a job's status at most every 60 s: "
                "the calls in between are spent for nothing.",
                config.poll_interval,
            )
        return config

    @property
    def wait_scale(self) -> float:
        """Factor for the waits between retries: 1, and less only against a fast sandbox.

        A sandbox on this machine whose minutes take milliseconds is polled as much faster than
        every 60 s; its rate windows pass that much faster too.
        """
        if not is_loopback(self.endpoint):
            return 1.0
        return min(1.0, self.poll_interval / _STATUS_REFRESH)


def setting_names() -> list[str]:
    """Return every setting's key, in the order the README documents them."""
    return [f.name for f in fields(Config)]


def load_config(path: str) -> Config:
    """Read and check a config file.

    Raises:
        ConfigError: the file cannot be read, is no JSON object, or has faults.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            raw = json.load(file)
    except OSError as error:
        raise ConfigError(f"Cannot read the config file {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        # The decoder's message quotes no content of the file, only a position.
        raise ConfigError(f"The config file {path} is not valid JSON: {error}.") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"The config file {path} must hold a JSON object of settings.")
    return Config.from_mapping(raw)


def is_loopback(url: str) -> bool:
    """Say whether a URL's host is this machine itself."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Reader:
    """Reads settings out of the raw mapping and collects everything wrong with them."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self.faults: list[str] = []

    def _fault(self, key: str, why: str) -> None:
        self.faults.append(f"{key} {why}")

    def _get(self, key: str, *, required: bool) -> Any:
        value = self._raw.get(key)
        if value is None or (isinstance(value, str) and not value.strip()):
            if required:
                self._fault(key, "is missing")
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


def _warn_of_misspellings(raw: Mapping[str, Any]) -> None:
    known = setting_names()
    for key in raw:
        if key in known:
            continue
        close = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.85)
        if close:
            LOGGER.warning("Unknown setting %r is ignored: did you mean %r?", key, close[0])
