"""Streams that Marketo refuses: left out by discovery, skipped by a sync, and named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.checks import discovered, log_of, not_read, stopped
from tests.end_to_end.expected_assets import ASSETS, DESIGNER, SEEN
from tests.harness import Account, Run, Tap, Target, account, select

FEW = ("--leads", "5", "--activities", "20", "--late-share", "0", "--export-minutes", "0.5")

REDIRECTS = {"landing_page_redirect_rules", "landing_page_domains"}
# The streams of each permission (endpoint-reference.md).
STREAMS = {
    "Read-Only Asset": {*ASSETS, *DESIGNER, "segments", "tokens", SEEN, "form_fields"} - REDIRECTS,
    "Read-Only Redirect Rules": REDIRECTS,
    "Read-Only Lead": {
        *("leads", "lists", "lead_fields", "lead_partitions"),
        *("program_members", "list_memberships", "object_fields"),
    },
    "Read-Only Activity": {"activity_types"},
    "Read-Only Campaigns": {"campaigns"},
    "Read-Only Activity Metadata": {"custom_activity_types"},
    "Read-Only Custom Object": {
        *("custom_object_types", "custom_object_car_c", "custom_object_visit_c"),
    },
}


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*FEW)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*FEW) as running:
        yield running


def names_of(catalog: dict[str, Any]) -> set[str]:
    return {stream["tap_stream_id"] for stream in catalog["streams"]}


def warnings(done: Run, *texts: str) -> list[str]:
    lines = done.stderr.split("\n")
    return [x for x in lines if x.startswith("WARNING") and all(text in x for text in texts)]


# Discovery ---------------------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("lacking", STREAMS)
def test_discovery_leaves_out_what_the_role_may_not_read_and_names_the_permission(
    marketo: Account, catalog: dict[str, Any], tap: Tap, lacking: str
) -> None:
    marketo.control("POST", "permissions", {"lacks": [lacking]})
    found = tap.run(marketo.config(), None, None, "--discover")
    assert found.code == 0, found.stderr
    (line,) = warnings(found, lacking)
    assert "603" in line
    gone = {*STREAMS[lacking]}
    if lacking == "Read-Only Activity":
        gone |= {name for name in names_of(catalog) if name.startswith("activities_")}
    left = names_of(tap.discover(marketo.config()))
    assert names_of(catalog) - left == gone


@pytest.mark.parametrize("option", [(), ("--crm-objects",)])
def test_discovery_makes_sixteen_calls_at_most_and_one_for_each_custom_object(
    tap: Tap, option: tuple[str, ...]
) -> None:
    with account(*FEW, *option) as marketo:
        tap.discover(marketo.config())
        called = [entry["call"] for entry in marketo.control("GET", "log")["log"]]
        calls = [call for call in called if not call.startswith("token_")]
        types = marketo.truth("custom_object_types")
        assert calls.count("customobject_describe") == len(types) > 1
        assert len(calls) - len(types) <= 16


@pytest.mark.parametrize("call", ["channels", "landing_page_redirect_rules", "campaigns"])
def test_a_probe_that_fails_otherwise_leaves_the_streams_in(
    marketo: Account, catalog: dict[str, Any], tap: Tap, call: str
) -> None:
    marketo.fault(call, "error", None, code="610", message="Requested resource not found")
    assert names_of(tap.discover(marketo.config())) == names_of(catalog)


def test_a_spent_quota_is_no_answer_to_a_probe(marketo: Account, tap: Tap) -> None:
    marketo.fault("channels", "error", None, code="607", message="Daily quota reached")
    stopped(tap.run(marketo.config(), None, None, "--discover"), 3)


# A sync ------------------------------------------------------------------------------------------

CODES = {"603": "Access denied", "610": "Not found", "616": "Invalid subscription type"}
CODES |= {"703": "Not enabled", "1018": "CRM Enabled", "1026": "Custom object not enabled"}
CODES |= {"1035": "Unsupported filter type"}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("code", CODES)
def test_a_refused_stream_is_named_and_the_others_are_read(
    marketo: Account, catalog: dict[str, Any], tap: Tap, code: str
) -> None:
    marketo.fault("emails", "error", None, code=code, message=CODES[code])
    chosen = select(catalog, ["emails", "snippets", "channels"])
    done = tap.run(marketo.config(), chosen)
    line = stopped(done)
    assert line.startswith(
        f"CRITICAL error {code}: {CODES[code]} (GET /rest/asset/v1/emails.json, "
    )
    assert not_read(line) == {"emails"}
    # No permission helps where Marketo speaks of something else.
    assert ("Read-Only Asset" in line) == (code == "603")
    (warning,) = warnings(done, "emails", code)
    assert ("Read-Only Asset" in warning) == (code == "603")
    target = Target()
    target.take(done.lines)
    assert target.rows("channels")
    assert target.rows("snippets")
    # Nothing of it is lost: the next run reads it as if nothing had been.
    marketo.heal()
    tap.sync(marketo.config(), chosen, target)
    assert target.rows("emails")


def test_a_run_without_the_refused_streams_can_be_a_success(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    lacks = ["Read-Only Redirect Rules", "Read-Only Lead"]
    marketo.control("POST", "permissions", {"lacks": lacks})
    chosen = select(catalog, ["landing_page_domains", "leads", "channels"])
    done = tap.run(marketo.config(on_refused="skip"), chosen)
    assert done.code == 0, done.stderr
    assert not done.critical
    assert len(warnings(done, "landing_page_domains", "603", "Read-Only Redirect Rules")) == 1
    assert len(warnings(done, "leads", "603", "Read-Only Lead")) == 1
    assert done.records("channels")


def test_what_fails_otherwise_is_a_failure_all_the_same(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("emails", "error", None, code="603", message="Access denied")
    marketo.fault("snippets", "http", None, status=500)
    done = tap.run(
        marketo.config(on_refused="skip"), select(catalog, ["emails", "snippets", "channels"])
    )
    assert not_read(stopped(done)) == {"snippets"}
    assert done.records("channels")


def test_refused_and_failed_streams_are_listed_in_one_line(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("emails", "error", None, code="603", message="Access denied")
    marketo.fault("files", "error", None, code="1018", message="CRM Enabled")
    marketo.fault("snippets", "http", None, status=500)
    done = tap.run(marketo.config(), select(catalog, ["emails", "files", "snippets", "channels"]))
    assert not_read(stopped(done)) == {"emails", "files", "snippets"}


def test_many_streams_of_one_family_are_named_as_the_family(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.control("POST", "permissions", {"lacks": ["Read-Only Activity"]})
    names = [n for n in names_of(catalog) if n.startswith("activities_") and "delete" not in n]
    done = tap.run(marketo.config(), select(catalog, [*names, "channels"]))
    line = stopped(done)
    (family,) = not_read(line)
    assert re.fullmatch(rf"activities\S* \({len(names)} streams\)", family)
    assert line.startswith("CRITICAL error 603: Access denied (")
    assert "the permission Read-Only Activity" in line
    assert len(line) < 450
    assert done.records("channels")


# What is not Marketo's word ----------------------------------------------------------------------


@pytest.mark.sampled(4)
@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize(
    "call", ["channels", "customobjects", "customobject_describe", "member_describe", "create"]
)
def test_a_page_of_a_firewall_leaves_nothing_out_of_a_catalog(
    marketo: Account, catalog: dict[str, Any], tap: Tap, call: str, status: int
) -> None:
    marketo.fault(call, "http", None, status=status)
    done = tap.run(marketo.config(), None, None, "--discover")
    if call == "channels":
        # Whether the permission is there could not be tried: its streams are not left out.
        assert done.code == 0
        assert names_of(json.loads(done.stdout)) == names_of(catalog)
        return
    line = stopped(done)
    for part in (f"HTTP {status}", "firewall", "proxy", "endpoint"):
        assert part in line
    assert done.stdout == ""


@pytest.mark.sampled(2)
@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize(
    ("call", "stream"), [("segments", "segments"), ("smart_list", "smart_lists")]
)
def test_a_page_of_a_firewall_does_not_say_that_something_is_gone(
    marketo: Account, catalog: dict[str, Any], tap: Tap, call: str, stream: str, status: int
) -> None:
    marketo.fault(call, "http", times=1, status=status, skip=1)
    columns = {s["tap_stream_id"]: [*s["schema"]["properties"]] for s in catalog["streams"]}
    chosen = select(catalog, [stream], **{stream: columns[stream]})
    line = stopped(tap.run(marketo.config(on_refused="skip"), chosen))
    assert not_read(line) == {stream}
    assert f"HTTP {status}" in line


@pytest.mark.sampled(3)
@pytest.mark.parametrize("code", ["610", "616", "1018", "1013"])
@pytest.mark.parametrize(
    ("call", "streams"),
    [
        ("member_describe", {"program_members"}),
        ("customobject_describe", {"custom_object_car_c", "custom_object_visit_c"}),
        ("customobjects", {"custom_object_car_c", "custom_object_visit_c"}),
    ],
)
def test_discovery_leaves_out_what_marketo_says_not_to_have(
    marketo: Account, catalog: dict[str, Any], tap: Tap, call: str, streams: set[str], code: str
) -> None:
    marketo.fault(call, "error", None, code=code, message="Not here")
    done = tap.run(marketo.config(), None, None, "--discover")
    assert done.code == 0
    assert warnings(done, code)
    assert names_of(catalog) - names_of(json.loads(done.stdout)) == streams
    # Any other code is an error.
    marketo.heal()
    marketo.fault(call, "error", None, code="1003", message="Invalid data")
    assert "1003" in stopped(tap.run(marketo.config(), None, None, "--discover"), 2)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("code", ["603", "610", "616", "1003", "1018"])
@pytest.mark.parametrize("call", ["token", "usage"])
def test_what_a_first_call_is_refused_ends_the_run_and_leaves_nothing_out(
    marketo: Account, catalog: dict[str, Any], tap: Tap, call: str, code: str
) -> None:
    marketo.fault(call, "error", None, code=code, message="Refused")
    for options in (["--discover"], []):
        given = None if options else select(catalog, ["emails", "channels"])
        done = tap.run(marketo.config(on_refused="skip"), given, None, *options)
        line = stopped(done, 2)
        assert f"error {code}: Refused" in line
        assert "Not read" not in line
        assert done.stdout == ""


def test_a_token_that_is_refused_in_the_middle_ends_the_run(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("emails", "expire_token")
    marketo.fault("token", "http", None, status=404, skip=1)
    done = tap.run(marketo.config(on_refused="skip"), select(catalog, ["emails", "snippets"]))
    line = stopped(done)
    assert "HTTP 404" in line
    assert "identity" in line
    assert not log_of(marketo, "snippets")


def test_a_spent_quota_stays_what_it_is(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("emails", "error", None, code="607", message="Daily quota reached")
    chosen = select(catalog, ["emails", "channels"])
    stopped(tap.run(marketo.config(on_refused="skip"), chosen), 3)
    assert not log_of(marketo, "channels")
