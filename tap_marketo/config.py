"""The settings: the only reader of the raw config mapping."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from tap_marketo import __version__
from tap_marketo.errors import ConfigError
from tap_marketo.log import LOGGER
from tap_marketo.names import NAMINGS
from tap_marketo.redact import add_secret
from tap_marketo.settings import SettingsReader, is_loopback, misspelt

DEFAULT_POLL_INTERVAL = 60.0
# bulk-extract.md: a job's status moves at most once in 60 seconds.
_STATUS_REFRESH = 60.0
_MAX_CALLS_PER_20_SECONDS = 100
# Beyond these a number is a slip, and some can no longer be reckoned with.
_MOST_CALLS = 10**9
_MOST_MB = 1e9
_MOST_SECONDS = 86400.0
_MOST_HOURS = 8760.0
_MOST_DAYS = 365.0
_DEFAULT_REQUEST_TIMEOUT = 300.0
_MEGABYTE = 1_000_000


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
    on_refused: str = _setting(
        "fail", "what streams that Marketo refuses are to the orchestrator: fail (exit 1) or skip"
    )
    max_export_days: int = _setting(31, "longest date range of one export job, 1 to 31 days")
    max_queued_exports: int = _setting(
        4, "how many of Marketo's ten queue places to hold at once, 1 to 10"
    )
    poll_interval: float = _setting(
        DEFAULT_POLL_INTERVAL, "least seconds between two looks at the export jobs"
    )
    job_timeout: float = _setting(
        10800.0, "seconds one export job may be processed for, or a full queue waited for"
    )
    request_timeout: float = _setting(
        _DEFAULT_REQUEST_TIMEOUT, "seconds to wait for Marketo to send something"
    )
    leads_lookback_hours: float = _setting(
        24.0, "how far before its bookmark leads begin, for changes that show late"
    )
    activities_lookback_hours: float = _setting(
        24.0, "how far before their bookmark activities begin, for activities written late"
    )
    child_refresh_hours: float = _setting(
        23.0, "how old streams with a call for each parent may get before they are read again"
    )
    program_members_sweep_days: float = _setting(
        7.0,
        "how often all programs are looked through for changes of members that no activity tells "
        "of; 0: never",
    )
    lead_changes: bool = _setting(
        True,
        "where leads cannot be filtered by updatedAt: find changed ones by their activities",
    )
    max_calls_per_20_seconds: int = _setting(
        50, "own pace; Marketo allows 100 to all integrations together"
    )
    names: str = _setting(
        "as_marketo", "what discovery calls streams and columns: as_marketo, or plain"
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
        reader = SettingsReader(raw, setting_names())
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
            "on_refused": reader.choice("on_refused", ("fail", "skip")),
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
            "child_refresh_hours": reader.number("child_refresh_hours", least=0, most=_MOST_HOURS),
            "program_members_sweep_days": reader.number(
                "program_members_sweep_days", least=0, most=_MOST_DAYS
            ),
            "lead_changes": reader.boolean("lead_changes"),
            "max_calls_per_20_seconds": reader.integer(
                "max_calls_per_20_seconds",
                1,
                _MOST_CALLS if loopback else _MAX_CALLS_PER_20_SECONDS,
            ),
            "names": reader.choice("names", tuple(NAMINGS)),
            "user_agent": reader.header("user_agent"),
        }
        if reader.faults:
            raise ConfigError("The config has to be mended: " + "; ".join(reader.faults) + ".")
        for key, meant in misspelt(raw, setting_names()):
            LOGGER.warning("Unknown setting %r is ignored: did you mean %r?", key, meant)
        config = cls(**{name: value for name, value in values.items() if value is not None})
        if config.poll_interval < _STATUS_REFRESH and not loopback:
            LOGGER.warning(
                "poll_interval is %g s, but Marketo refreshes a job's status at most every 60 s: "
                "the calls in between are spent for nothing.",
                config.poll_interval,
            )
        return config

    @property
    def daily_export_bytes(self) -> int:
        """What may be exported a day, in bytes (max_daily_export_mb)."""
        return round(self.max_daily_export_mb * _MEGABYTE)

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
