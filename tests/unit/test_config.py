"""Config: every setting, every fault at once, and no secret shown."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tap_marketo.config import Config, load_config, setting_names
from tap_marketo.errors import ConfigError
from tap_marketo.redact import redact
from tap_marketo.setting_types import is_loopback
from tap_marketo.times import to_marketo

SECRET = "Zq7SecretOfTheClient"
CLIENT = "b1d5-the-client-id"
NEEDED = {
    "endpoint": "https://123-ABC-456.mktorest.com/rest",
    "client_id": CLIENT,
    "client_secret": SECRET,
    "start_date": "2026-01-01T00:00:00Z",
}


def config(**settings: Any) -> Config:
    return Config.from_mapping({**NEEDED, **settings})


def fault(**settings: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        config(**settings)
    return str(caught.value)


DEFAULTS = {
    "max_daily_calls": 40000,
    "max_daily_export_mb": 500.0,
    "on_quota": "fail",
    "on_refused": "fail",
    "activities_kept_months": 38,
    "increments": "auto",
    "child_refresh_hours": 23.0,
    "names": "as_marketo",
    "max_export_days": 31,
    "max_queued_exports": 4,
    "poll_interval": 60.0,
    "job_timeout": 10800.0,
    "request_timeout": 300.0,
    "leads_lookback_hours": 24.0,
    "activities_lookback_hours": 24.0,
    "max_calls_per_20_seconds": 50,
    "program_members_sweep_days": 7.0,
    "assets_sweep_days": 7.0,
    "lead_changes": True,
    "smart_lists": (),
    "workspace_ids": (),
    "companies": "linked",
    "named_account_lists": (),
    "crm_refresh_days": 30.0,
}


def test_only_four_settings_are_needed_and_the_rest_have_defaults() -> None:
    made = config()
    assert made.endpoint == "https://123-abc-456.mktorest.com"
    assert made.identity == "https://123-abc-456.mktorest.com/identity"
    assert made.client_id == CLIENT
    assert made.client_secret == SECRET
    assert to_marketo(made.start_date) == "2026-01-01T00:00:00Z"
    assert made.user_agent.startswith("tap-marketo/")
    assert {key: getattr(made, key) for key in DEFAULTS} == DEFAULTS


def test_the_setting_names_are_all_the_settings_there_are() -> None:
    assert set(setting_names()) == {*NEEDED, *DEFAULTS, "identity", "user_agent"}


@pytest.mark.parametrize("key", [*DEFAULTS, "identity", "user_agent"])
@pytest.mark.parametrize("empty", [None, "", "  "])
def test_an_empty_setting_means_its_default(key: str, empty: str | None) -> None:
    assert config(**{key: empty}) == config()


@pytest.mark.parametrize("key", NEEDED)
@pytest.mark.parametrize("empty", [None, "", " "])
def test_an_empty_needed_setting_is_missing(key: str, empty: str | None) -> None:
    assert f"{key} is missing" in fault(**{key: empty})


@pytest.mark.parametrize(
    ("key", "given", "taken"),
    [
        ("max_daily_calls", "45000", 45000),
        ("max_daily_calls", 2, 2),
        ("max_daily_calls", 10**9, 10**9),
        ("max_daily_export_mb", "1000", 1000.0),
        ("max_daily_export_mb", 0.5, 0.5),
        ("max_export_days", "7", 7),
        ("max_export_days", 1, 1),
        ("max_export_days", 31, 31),
        ("max_export_days", 30.0, 30),
        ("max_queued_exports", "1", 1),
        ("max_queued_exports", 10, 10),
        ("poll_interval", "90.5", 90.5),
        ("poll_interval", 300, 300.0),
        ("job_timeout", "3600", 3600.0),
        ("request_timeout", " 30 ", 30.0),
        ("request_timeout", 0, 300.0),
        ("request_timeout", "0", 300.0),
        ("request_timeout", 0.0, 300.0),
        ("request_timeout", "", 300.0),
        ("leads_lookback_hours", 0, 0.0),
        ("leads_lookback_hours", "1.5", 1.5),
        ("activities_lookback_hours", "0", 0.0),
        ("activities_lookback_hours", 48, 48.0),
        ("activities_kept_months", "0", 0),
        ("child_refresh_hours", "0", 0.0),
        ("smart_lists", [1001, "1002", 1001], (1001, 1002)),
        ("smart_lists", "1001, 1002", (1001, 1002)),
        ("smart_lists", "[1001,1002]", (1001, 1002)),
        ("smart_lists", 1001, (1001,)),
        ("smart_lists", "[]", ()),
        ("named_account_lists", ["one", "two, three", "one"], ("one", "two, three")),
        ("named_account_lists", "one, two", ("one", "two")),
        ("named_account_lists", '["one", "two, three"]', ("one", "two, three")),
        ("named_account_lists", "[]", ()),
        ("max_calls_per_20_seconds", "1", 1),
        ("max_calls_per_20_seconds", 100, 100),
    ],
)
def test_numbers_are_taken_also_as_text_and_at_their_bounds(
    key: str, given: Any, taken: float
) -> None:
    value = getattr(config(**{key: given}), key)
    assert (type(value), value) == (type(taken), taken)


@pytest.mark.parametrize(
    ("key", "given", "wanted"),
    [
        ("max_daily_calls", 1, "a whole number of at least 2"),
        ("max_daily_calls", "-5", "a whole number of at least 2"),
        ("max_daily_calls", 10**400, "a whole number of at least 2"),
        ("max_daily_export_mb", 0, "a number above 0 and at most 1000000000"),
        ("max_daily_export_mb", "-1", "a number above 0 and at most 1000000000"),
        ("max_daily_export_mb", "500 MB", "a number above 0 and at most 1000000000"),
        ("max_export_days", 0, "a whole number from 1 to 31"),
        ("max_export_days", 32, "a whole number from 1 to 31"),
        ("max_export_days", 1.5, "a whole number from 1 to 31"),
        ("max_export_days", "a month", "a whole number from 1 to 31"),
        ("max_queued_exports", 0, "a whole number from 1 to 10"),
        ("max_queued_exports", 11, "a whole number from 1 to 10"),
        ("max_calls_per_20_seconds", 0, "a whole number from 1 to 100"),
        ("max_calls_per_20_seconds", 101, "a whole number from 1 to 100"),
        ("poll_interval", 0, "a number above 0"),
        ("poll_interval", -1, "a number above 0"),
        ("poll_interval", "nan", "a number above 0"),
        ("job_timeout", 0, "a number above 0"),
        ("job_timeout", "inf", "a number above 0"),
        ("request_timeout", -1, "a number above 0 and at most 86400"),
        ("request_timeout", [], "a number above 0 and at most 86400"),
        ("leads_lookback_hours", -0.5, "a number of at least 0 and at most 8760"),
        ("activities_lookback_hours", "-1", "a number of at least 0 and at most 8760"),
        ("max_daily_export_mb", 1e10, "a number above 0 and at most 1000000000"),
        ("request_timeout", 86401, "a number above 0 and at most 86400"),
        ("activities_kept_months", 24, "a whole number from 25 to 1200, or 0"),
        ("activities_kept_months", -1, "a whole number from 25 to 1200, or 0"),
        ("child_refresh_hours", 8761, "a number of at least 0 and at most 8760"),
        ("smart_lists", "Anybody", "ids like [1001, 1002]"),
        ("smart_lists", [0], "ids like [1001, 1002]"),
        ("smart_lists", True, "ids like [1001, 1002]"),
        ("leads_lookback_hours", 8761, "a number of at least 0 and at most 8760"),
        ("poll_interval", True, "a number above 0"),
        ("max_daily_calls", {}, "a whole number of at least 2"),
    ],
)
def test_numbers_out_of_bounds_are_named_with_what_is_wanted(
    key: str, given: Any, wanted: str
) -> None:
    assert f"{key} must be {wanted}, not {given!r}" in fault(**{key: given})


@pytest.mark.parametrize("word", ["fail", "stop"])
def test_what_a_spent_quota_means_is_one_of_two_words(word: str) -> None:
    assert config(on_quota=word).on_quota == word


@pytest.mark.parametrize("word", ["", "  ", None])
def test_no_word_means_that_a_spent_quota_fails(word: str | None) -> None:
    assert config(on_quota=word).on_quota == "fail"


@pytest.mark.parametrize("word", ["Stop", "exit", "fail ", 0, 3, True, ["fail"], {}])
def test_any_other_word_for_a_spent_quota_is_a_fault(word: Any) -> None:
    assert f"on_quota must be fail or stop, not {word!r}" in fault(on_quota=word)


@pytest.mark.parametrize("word", ["fail", "skip"])
def test_what_refused_streams_mean_is_one_of_two_words(word: str) -> None:
    assert config(on_refused=word).on_refused == word
    assert "on_refused must be fail or skip, not 'stop'" in fault(on_refused="stop")


def test_names_are_those_of_marketo_or_plain() -> None:
    assert config().names == config(names="").names == "as_marketo"
    assert config(names="plain").names == "plain"
    assert "names must be as_marketo or plain, not 'Plain'" in fault(names="Plain")


def test_every_fault_is_named_at_once_in_the_first_answer() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_mapping(
            {"endpoint": "ftp://x", "client_id": 7, "start_date": "soon", "poll_interval": "x"}
        )
    message = str(caught.value)
    for part in (
        "endpoint must be a URL",
        "client_id must be a string",
        "client_secret is missing",
        "start_date must be a date",
        "poll_interval must be a number",
    ):
        assert part in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "spelling",
    [
        "https://123-ABC-456.mktorest.com",
        "https://123-ABC-456.mktorest.com/",
        "https://123-ABC-456.mktorest.com/rest",
        "https://123-ABC-456.mktorest.com/rest/",
        "https://123-ABC-456.mktorest.com//rest//",
        "https://123-ABC-456.mktorest.com/rest/v1",
        "https://123-ABC-456.mktorest.com/identity",
        "https://123-ABC-456.mktorest.com/bulk/v1/",
        " https://123-abc-456.mktorest.com/rest ",
        "HTTPS://123-abc-456.MKTOREST.com/rest",
        "123-ABC-456.mktorest.com/rest",
        "123-ABC-456.mktorest.com",
        "//123-ABC-456.mktorest.com/rest",
    ],
)
def test_every_spelling_of_the_endpoint_is_the_same_endpoint(spelling: str) -> None:
    made = config(endpoint=spelling)
    assert made.endpoint == "https://123-abc-456.mktorest.com"
    assert made.identity == "https://123-abc-456.mktorest.com/identity"


def test_a_proxy_s_port_and_path_are_kept() -> None:
    made = config(endpoint="https://proxy.example.com:8443//marketo//rest/")
    assert made.endpoint == "https://proxy.example.com:8443/marketo"


def test_an_identity_of_its_own_is_kept_whole() -> None:
    made = config(identity="https://login.example.com//identity/")
    assert made.identity == "https://login.example.com/identity"


@pytest.mark.parametrize(
    ("endpoint", "complaint"),
    [
        ("http://123-ABC-456.mktorest.com/rest", "must begin with https://"),
        ("http://10.0.0.1/rest", "must begin with https://"),
        ("http://localhost.example.com", "must begin with https://"),
        ("http://127.0.0.1.example.com", "must begin with https://"),
        ("ftp://123-ABC-456.mktorest.com", "must be a URL like https://"),
        ("https://", "must be a URL like https://"),
        ("https:///rest", "must be a URL like https://"),
        ("https://host:port/rest", "must be a URL like https://"),
        ("https://host:99999/rest", "must be a URL like https://"),
        ("https://[::1/rest", "must be a URL like https://"),
        ("https://user:pass@host.com/rest", "must be a plain URL"),
        ("https://host.com/rest?x=1", "must be a plain URL"),
        ("https://host.com/rest#x", "must be a plain URL"),
        ("https://host.com/\nrest", "must not hold line breaks"),
        (7, "must be a string"),
    ],
)
@pytest.mark.parametrize("key", ["endpoint", "identity"])
def test_urls_that_cannot_be_used_are_named(key: str, endpoint: Any, complaint: str) -> None:
    assert f"{key} {complaint}" in fault(**{key: endpoint})


@pytest.mark.parametrize(
    ("endpoint", "taken"),
    [
        ("http://localhost:8080/rest", "http://localhost:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8080/rest", "http://[::1]:8080"),
    ],
)
def test_plain_http_is_taken_for_this_machine_only(endpoint: str, taken: str) -> None:
    assert config(endpoint=endpoint).endpoint == taken


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost", True),
        ("http://127.0.0.1:1", True),
        ("http://[::1]", True),
        ("https://123-ABC-456.mktorest.com", False),
        ("http://128.0.0.1", False),
        ("nonsense", False),
    ],
)
def test_loopback_is_this_machine_itself(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback


def test_a_sandbox_on_this_machine_has_its_own_pace_and_waits() -> None:
    made = config(endpoint="http://localhost:1", max_calls_per_20_seconds=5000, poll_interval=0.06)
    assert made.max_calls_per_20_seconds == 5000
    assert made.wait_scale == pytest.approx(0.001)


@pytest.mark.parametrize(
    "settings",
    [{"poll_interval": 6}, {"endpoint": "http://localhost:1", "poll_interval": 120}, {}],
)
def test_waits_between_retries_are_never_shortened_against_marketo_nor_lengthened(
    settings: dict[str, Any],
) -> None:
    assert config(**settings).wait_scale == 1.0


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("2026-01-01", "2026-01-01T00:00:00Z"),
        ("2026-01-01T05:30:00+05:30", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.750Z", "2026-01-01T00:00:00Z"),
    ],
)
def test_start_date_is_taken_in_whole_seconds_of_utc(text: str, start: str) -> None:
    made = config(start_date=text)
    assert to_marketo(made.start_date) == start
    assert made.start_date.microsecond == 0


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "20260101", "P1Y"])
def test_a_start_date_that_is_none_is_named(text: str) -> None:
    assert f"start_date must be a date or date-time like 2026-01-01T00:00:00Z, not {text!r}" in (
        fault(start_date=text)
    )
    assert "2026-01-01T00:00:00Z in quotes, not 20260101" in fault(start_date=20260101)


@pytest.mark.parametrize("key", ["client_id", "client_secret", "user_agent"])
@pytest.mark.parametrize("between", ["\n", "\r\n", "\x00", "\x7f"])
def test_text_that_could_break_a_header_is_refused_without_being_shown(
    key: str, between: str
) -> None:
    message = fault(**{key: f"before{between}AFTER"})
    assert f"{key} must not hold line breaks or control characters" in message
    assert "AFTER" not in message


@pytest.mark.parametrize("text", ["Größe/1.0", "漢"])
def test_a_user_agent_that_no_header_can_carry_is_a_fault(text: str) -> None:
    assert "user_agent must be ASCII" in fault(user_agent=text)


@pytest.mark.parametrize("key", ["client_id", "client_secret"])
def test_a_secret_that_is_no_unicode_text_is_a_fault_like_others(key: str) -> None:
    assert f"{key} must" in fault(**{key: "abcd\ud800"})


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("max_daily_call", "max_daily_calls"),
        ("max_export_day", "max_export_days"),
        ("pol_interval", "poll_interval"),
        ("Request_Timeout", "request_timeout"),
        ("client_secert", "client_secret"),
        ("job-timeout", "job_timeout"),
    ],
)
def test_a_misspelt_setting_is_named_with_what_was_meant(
    misspelt: str, meant: str, caplog: pytest.LogCaptureFixture
) -> None:
    config(**{misspelt: "x"})
    (message,) = caplog.messages
    assert message == f"Unknown setting {misspelt!r} is ignored: did you mean {meant!r}?"


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("start_dat", "start_date"),
        ("startDate", "start_date"),
        ("Endpoint", "endpoint"),
        ("client-id", "client_id"),
        ("client_secert", "client_secret"),
    ],
)
def test_a_missing_setting_is_shown_with_the_key_that_looks_like_it(
    misspelt: str, meant: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert f'{meant} is missing (there is a "{misspelt}")' in fault(**{meant: None, misspelt: "x"})
    # The error says it all.
    assert not caplog.messages
    # What looks like nothing, or is a setting itself, is no slip.
    assert f"{meant} is missing." in fault(**{meant: None, "dbt_cloud": "x"})


@pytest.mark.parametrize(
    "key",
    ["site_id", "disable_collection", "connection_id", "quota_id", "org", "frequency_in_minutes",
     "anchor_time", "oauth_credentials", "refresh_token", "$schema", ""],
)  # fmt: skip
def test_keys_of_orchestrators_are_ignored_in_silence(
    key: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert config(**{key: {"any": "thing"}}) == config()
    assert caplog.messages == []


def test_polling_faster_than_marketo_refreshes_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config(poll_interval=59)
    (message,) = caplog.messages
    assert message.startswith("poll_interval is 59 s, but Marketo refreshes")


@pytest.mark.parametrize(
    "settings", [{"poll_interval": 60}, {"endpoint": "http://localhost:1", "poll_interval": 1}]
)
def test_polling_at_marketo_s_pace_or_a_sandbox_faster_is_not_warned_of(
    settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    config(**settings)
    assert caplog.messages == []


def test_secrets_are_not_in_the_repr() -> None:
    shown = repr(config())
    assert SECRET not in shown
    assert CLIENT not in shown
    assert "mktorest" in shown


@pytest.mark.parametrize("spelling", [SECRET, f" {SECRET} "])
def test_a_config_s_secrets_are_masked_in_every_text_from_then_on(spelling: str) -> None:
    made = config(client_secret=spelling)
    assert redact(f"sent {made.client_secret} as {made.client_id}") == "sent *** as ***"


def test_secrets_of_a_config_with_faults_are_masked_as_well() -> None:
    fault(poll_interval="x")
    assert redact(SECRET) == "***"


def test_a_config_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**NEEDED, "max_export_days": "7"}))
    assert load_config([str(path)]) == config(max_export_days=7)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'{"client_secret": "%s" "x"}' % SECRET.encode(), "is not valid JSON"),
        (b'{"client_secret": "%s\xff"}' % SECRET.encode(), "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"", "is not valid JSON"),
        (b'["%s"]' % SECRET.encode(), "must hold a JSON object"),
        (b"{}", "endpoint is missing"),
    ],
)
def test_a_config_file_of_nonsense_is_refused_without_showing_its_content(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_config([str(path)])
    assert SECRET not in str(caught.value)


def test_a_config_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"Cannot read the config file .*none\.json: No such file"
    ):
        load_config([str(tmp_path / "none.json")])
