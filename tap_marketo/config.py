"""The settings: declared here, and read here from files and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tap_marketo import __version__
from tap_marketo.errors import ConfigError
from tap_marketo.exact_json import read_json_file
from tap_marketo.log import LEVEL_VARIABLE, LOGGER, MEGABYTE
from tap_marketo.names import NAMINGS
from tap_marketo.redact import add_secret
from tap_marketo.setting_types import (
    BOOLEAN,
    ENDPOINT_URL,
    HEADER_TEXT,
    IDENTITY_URL,
    IDS,
    TEXT,
    TEXTS,
    TIME,
    choice,
    integer,
    is_loopback,
    number,
)
from tap_marketo.settings import Setting, misspelt, read_settings, setting, settings_of

ENVIRONMENT = "ENV"
"""What --config is given for the environment instead of a file."""
ENVIRONMENT_PREFIX = "TAP_MARKETO_"
"""Before the name of a setting in capitals, where it stands in the environment."""

# bulk-extract.md: a job's status moves at most once in 60 seconds.
_STATUS_REFRESH = 60.0
# Beyond the upper bounds a number is a slip, and some can no longer be reckoned with.
_MEGABYTES = number(above=0, most=1e9)
_SECONDS = number(above=0)
_SECONDS_OF_A_DAY = number(above=0, most=86400.0, zero_is_default=True)
_HOURS = number(least=0, most=8760.0)
_DAYS = number(least=0, most=365.0)
# How fast a sandbox on this machine may be asked.
_ANY_PACE = integer(1, 10**9)

INCREMENTS = BY_PAGES, BY_EXPORTS = "auto", "exports"
"""How what has changed since the last run is read."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings, checked. Build one with :meth:`from_mapping`."""

    endpoint: str = setting(
        ENDPOINT_URL, "REST API URL, from Admin > Web Services > REST API > Endpoint"
    )
    client_id: str = setting(
        TEXT, "Client Id, from Admin > LaunchPoint > View Details", is_secret=True
    )
    client_secret: str = setting(
        TEXT, "Client Secret, from Admin > LaunchPoint > View Details", is_secret=True
    )
    start_date: datetime = setting(
        TIME, "where a stream without a bookmark begins, a date or date-time (ISO 8601)"
    )
    identity: str = setting(
        IDENTITY_URL, "identity URL, when it is not the endpoint's host + /identity", default=""
    )
    max_daily_calls: int = setting(
        integer(2),
        "stop when the whole subscription has made this many calls today",
        default=40000,
    )
    max_daily_export_mb: float = setting(
        _MEGABYTES,
        "stop exporting when the API user's exports of today pass this many MB",
        default=500.0,
    )
    on_quota: str = setting(
        choice("fail", "stop"),
        "how a run ends when a daily allowance is spent: fail (exit code 3) or stop (exit code 0)",
        default="fail",
    )
    on_refused: str = setting(
        choice("fail", "skip"),
        "how a run ends when Marketo refuses streams: fail (exit code 1) or skip (exit code 0)",
        default="fail",
    )
    max_export_days: int = setting(
        integer(1, 31), "longest date range of one export job, 1 to 31 days", default=31
    )
    max_queued_exports: int = setting(
        integer(1, 10),
        "how many of Marketo's ten queue slots to hold at once, 1 to 10",
        default=4,
    )
    poll_interval: float = setting(
        _SECONDS, "least seconds between two polls of the export jobs", default=60.0
    )
    job_timeout: float = setting(
        _SECONDS,
        "seconds one export job may be processed for, or a full queue waited for",
        default=10800.0,
    )
    request_timeout: float = setting(
        _SECONDS_OF_A_DAY, "seconds to wait for Marketo to send something", default=300.0
    )
    leads_lookback_hours: float = setting(
        _HOURS,
        "how far before the bookmark leads are read, for changes that show late",
        default=24.0,
    )
    activities_lookback_hours: float = setting(
        _HOURS,
        "how far before the bookmark activities are read, for those written late",
        default=24.0,
    )
    activities_kept_months: int = setting(
        integer(25, 1200, or_zero=True),
        "how many months back activities are asked for, New Lead left out: Marketo keeps them for "
        "25 at least and 37 at most; 0: as far as start_date says",
        default=38,
    )
    increments: str = setting(
        choice(*INCREMENTS),
        "how what is new of leads, activities and program members is read: auto (few changes page "
        "by page, many by exports) or exports",
        default=INCREMENTS[0],
    )
    child_refresh_hours: float = setting(
        _HOURS,
        "how old streams with a call for each parent may get before they are read again",
        default=23.0,
    )
    smart_lists: tuple[int, ...] = setting(
        IDS, "ids of the smart lists whose members are read, separated by commas", default=()
    )
    workspace_ids: tuple[int, ...] = setting(
        IDS,
        "ids of the workspaces whose Email Designer is read, separated by commas; without them all "
        "that Marketo lists",
        default=(),
    )
    companies: str = setting(
        choice("linked", "all"),
        "which companies are read: linked (those that leads belong to), or all, also the one that "
        "each other lead has by itself",
        default="linked",
    )
    named_account_lists: tuple[str, ...] = setting(
        TEXTS, "names of the lists whose named accounts are read, separated by commas", default=()
    )
    crm_refresh_days: float = setting(
        _DAYS,
        "how often all leads are exported again for what they lead to, companies for instance, in "
        "days; 0: never",
        default=30.0,
    )
    program_members_sweep_days: float = setting(
        _DAYS,
        "how often all programs are read for changes of members that no activity reports, in days; "
        "0: never",
        default=7.0,
    )
    assets_sweep_days: float = setting(
        _DAYS,
        "how often assets that are asked for by date are listed whole for assets_seen, in days; "
        "0: never",
        default=7.0,
    )
    lead_changes: bool = setting(
        BOOLEAN,
        "where leads cannot be filtered by updatedAt: find changed ones by their activities",
        default=True,
    )
    max_calls_per_20_seconds: int = setting(
        integer(1, 100),
        "calls in 20 seconds at most; Marketo allows 100 to all integrations together",
        default=50,
    )
    names: str = setting(
        choice(*NAMINGS),
        "what discovery calls streams and columns: as_marketo, or plain",
        default="as_marketo",
    )
    user_agent: str = setting(
        HEADER_TEXT, "User-Agent header", default=f"tap-marketo/{__version__}"
    )

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any], hint: str = "") -> Config:
        """Check a config as read from its sources.

        Numbers may be strings. Keys that are no settings are left alone, as orchestrators add
        their own; one that looks like a misspelt setting gets a warning.

        Raises:
            ConfigError: naming every fault at once; ``hint`` ends it.
        """
        for each in SETTINGS:
            if each.is_secret and isinstance(secret := raw.get(each.name), str):
                add_secret(secret.strip())
        values, faults = read_settings(raw, _settings_for(raw))
        if faults:
            raise ConfigError(f"Invalid config: {'; '.join(faults)}.{hint}")
        for key, meant in misspelt(raw, setting_names()):
            LOGGER.warning("Unknown setting %r is ignored: did you mean %r?", key, meant)
        values.setdefault("identity", f"{values['endpoint']}/identity")
        config = cls(**values)
        if config.poll_interval < _STATUS_REFRESH and not is_loopback(config.endpoint):
            LOGGER.warning(
                "poll_interval is %g s, but Marketo refreshes a job's status at most every 60 s: "
                "the calls in between are spent for nothing.",
                config.poll_interval,
            )
        return config

    @property
    def daily_export_bytes(self) -> int:
        """What may be exported a day, in bytes (max_daily_export_mb)."""
        return round(self.max_daily_export_mb * MEGABYTE)

    @property
    def wait_scale(self) -> float:
        """Factor for the waits between retries: 1, and less only against a fast sandbox.

        A sandbox on this machine whose minutes take milliseconds is polled as much faster than
        every 60 s; its rate windows pass that much faster too.
        """
        if not is_loopback(self.endpoint):
            return 1.0
        return min(1.0, self.poll_interval / _STATUS_REFRESH)


SETTINGS: Sequence[Setting] = settings_of(Config)
"""All settings, in the order in which they are documented."""


def setting_names() -> list[str]:
    """Return every setting's key."""
    return [each.name for each in SETTINGS]


def _settings_for(raw: Mapping[str, Any]) -> Sequence[Setting]:
    """Return the settings; the pace has no bound against a sandbox on this machine."""
    endpoint = read_settings(raw, SETTINGS[:1])[0].get("endpoint")
    if endpoint and not is_loopback(endpoint):
        return SETTINGS
    return [
        replace(each, type=_ANY_PACE) if each.name == "max_calls_per_20_seconds" else each
        for each in SETTINGS
    ]


def load_config(sources: Sequence[str]) -> Config:
    """Read and check a config from JSON files, and from the environment if ENV is among them.

    Where several have a setting, the last one counts.

    Raises:
        ConfigError: a file cannot be read or is no JSON object, or there are faults.
    """
    raw: dict[str, Any] = {}
    for source in sources:
        raw |= _from_environment() if source == ENVIRONMENT else _from_file(source)
    hint = f" In the environment a setting is {ENVIRONMENT_PREFIX} and its name in capitals."
    return Config.from_mapping(raw, hint if ENVIRONMENT in sources else "")


def _from_environment() -> dict[str, str]:
    return {
        name.removeprefix(ENVIRONMENT_PREFIX).lower(): value
        for name, value in os.environ.items()
        if name.startswith(ENVIRONMENT_PREFIX) and name != LEVEL_VARIABLE and value.strip()
    }


def _from_file(path: str) -> dict[str, Any]:
    raw = read_json_file(path, "config", ConfigError)
    if not isinstance(raw, dict):
        raise ConfigError(f"The config file {path} must hold a JSON object of settings.")
    return raw
