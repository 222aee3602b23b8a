"""The check: what keeps a sync from running is told on one page or as JSON, and nothing is left."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import pytest
import requests

from tests.end_to_end.checks import discovered
from tests.end_to_end.expected_assets import DESIGNER
from tests.end_to_end.test_refused import FEW, STREAMS, warnings
from tests.end_to_end.test_secrets import quoting
from tests.harness import ROOT, Account, Run, Tap, account, run, select

MOST_CALLS, MOST_LINES, WIDEST = 24, 76, 100
# custom-services.md, Permission List, where it differs from endpoint-reference.md.
IN_ADMIN = {"Read-Only Asset": "Read-Only Assets", "Read-Only Campaigns": "Read-Only Campaign"}
# The streams that need a permission beside another one.
ALSO = {
    "Read-Only Activity": {"program_members", "list_memberships"},
    "Read-Only Asset": {"program_members", *DESIGNER},
}
# docs/setup-marketo.md: hardly any role should have it.
MANAGE_USERS = "Access User Management Api"
# What it opens needs Read-Only Asset as well.
DESIGN_STUDIO = "Access Design Studio"
# What is not told of in an account whose CRM has these objects.
OF_CRM = {"Read-Only Company", "Read-Only Sales Person", "Read-Only Opportunity"}
OF_TYPES = {"Read-Only Activity": {"activities_<type>", "activities_delete_lead"}}


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*FEW)


@pytest.fixture(scope="module")
def running() -> Iterator[Account]:
    with account(*FEW) as marketo:
        yield marketo


@pytest.fixture
def marketo(running: Account) -> Iterator[Account]:
    """An account in which nothing is wrong, but that its clock and the machine's differ."""
    running.control("POST", "reset_counters")
    yield running
    assert_nothing_is_left(running)
    running.heal()
    running.control("POST", "permissions", {"lacks": []})


@dataclass
class Checked:
    """What machines are told."""

    code: int
    told: dict[str, Any]

    def __getitem__(self, name: str) -> dict[str, Any]:
        (found,) = [x for x in self.all if x["name"] == name]
        return found

    @property
    def all(self) -> list[dict[str, Any]]:
        findings: list[dict[str, Any]] = self.told["findings"] + self.told["permissions"]
        return findings

    @property
    def in_the_way(self) -> dict[str, str]:
        """The verdicts of what keeps a sync from running."""
        verdicts = {x["name"]: x["verdict"] for x in self.all}
        return {name: each for name, each in verdicts.items() if each in ("wrong", "spent")}


def page(tap: Tap, config: dict[str, Any], catalog: dict[str, Any] | None = None) -> Run:
    """Check, and return the page."""
    done = tap.run(config, catalog, None, "--test")
    assert not done.critical, done.stderr
    assert len(done.lines) <= MOST_LINES
    assert max(map(len, done.lines)) <= WIDEST
    return done


def check(tap: Tap, config: dict[str, Any], catalog: dict[str, Any] | None = None) -> Checked:
    """Check, and return what machines are told."""
    done = tap.run(config, catalog, None, "--test", "--format", "json")
    assert not done.critical, done.stderr
    found = Checked(done.code, json.loads(done.stdout))
    assert found.told["passes"] is (done.code == 0)
    assert bool(found.in_the_way) is (done.code != 0)
    return found


def assert_nothing_is_left(marketo: Account) -> None:
    """All jobs were cancelled without ever being enqueued."""
    counters = marketo.counters()
    jobs = [job for job in counters["jobs"] if job["owner"] == "user" and not job["bytes"]]
    for job in jobs:
        assert (job["status"], job["cancelled_in"], job["enqueues"]) == ("Cancelled", "Created", 0)
    assert not any(counters["calls"]["enqueue"].values())


def calls_made(marketo: Account) -> int:
    """Return all calls since the last reset, those for tokens among them."""
    counters = marketo.counters()
    calls: dict[str, int] = counters["calls"]
    total: int = counters["total_calls"]
    return total + calls["token_post"] + calls["token_get"]


# The page and its like ---------------------------------------------------------------------------


def test_a_good_account_passes_with_one_page_and_few_calls(tap: Tap) -> None:
    # Its clock is this machine's.
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    with account("--now", now, "--scale", "1", "--lacks", MANAGE_USERS) as marketo:
        done = page(tap, marketo.config())
        assert done.code == 0, done.stdout
        marks = [line[:8].strip() for line in done.lines[1:-1] if line.strip()]
        assert {*marks} == {"ok", "Permissi", ""}
        assert done.lines[-1].startswith("A sync could run.")
        assert not [line for line in done.stderr.split("\n") if line.startswith("WARNING")]
        made = calls_made(marketo)
        assert made <= MOST_CALLS
        assert f" {made} calls were made" in done.lines[-1]
        assert [job["status"] for job in marketo.counters()["jobs"]] == ["Cancelled"]
        assert_nothing_is_left(marketo)
        # It is the page that the documents show, but for the account's address.
        documented = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
        shown = re.findall(r"(?s)```text\n(tap-marketo [^`]+)```", documented)
        address = r"https?://\S+"
        assert [re.sub(address, "", plain(each)) for each in shown] == [
            re.sub(address, "", plain(done.stdout))
        ]


def plain(text: str) -> str:
    """Return a text without what differs from one check to the next."""
    text = " ".join(text.replace("-> ", "").split())
    return re.sub(r"requestId [^)]+|\d[\d,:.]*", "#", text)


def test_machines_get_what_a_person_sees(marketo: Account, tap: Tap) -> None:
    marketo.control("POST", "permissions", {"lacks": ["Read-Only Asset"]})
    marketo.fault("campaigns", "error", None, code="616", message="Not for this subscription")
    for config in (marketo.config(), marketo.config(client_secret="Mellon-Mellon")):
        text, found = page(tap, config), check(tap, config)
        assert text.code == found.code
        left = plain(text.stdout)
        for finding in found.all:
            mark = finding["verdict"].replace("unknown", "-")
            words = (mark, finding["name"], finding["message"], finding["remedy"] or "")
            told = plain(" ".join(words)).replace("_", " ").lower()
            place = left.replace("_", " ").lower().find(told)
            assert place >= 0, told
            left = left[:place] + left[place + len(told) :]
        # What is left of the page are its title, a heading and the last line.
        assert re.fullmatch(
            r"tap-marketo # http\S+ +(Permissions of the API user's role: +)?A sync could .* "
            r"# calls were made, nothing was exported\. *",
            left,
        ), left


def test_machines_get_the_figures(tap: Tap) -> None:
    with account(*FEW) as marketo:
        marketo.control("POST", "usage", {"foreign_calls": 1000})
        for name, size, minutes in (
            ("program/members", 12_000_000, 1),
            ("customobjects/car_c", 345_678, 2),
            ("leads", 99_000_000, 24 * 60),
        ):
            finished = {"object": name, "bytes": size, "minutes_ago": minutes}
            marketo.control("POST", "finished_jobs", finished)
        found = check(tap, marketo.config(max_daily_calls=9999, max_daily_export_mb=100))
        assert found.code == 0
        assert found["api_user"]["user"] == "sandbox.reader@example.com"
        calls = found["calls_today"]
        # Whether Marketo has counted the call that asks is left open: to be safe, it has not.
        assert calls["used"] - marketo.counters()["calls_today"] in (0, 1)
        assert calls["allowed"] == 9999
        exported = found["export_bytes_today"]
        assert (exported["used"], exported["allowed"]) == (12_345_678, 100_000_000)
        assert found["export_queue"]["taken"] == 0
        assert found["lead_filter"]["available"] is True
        assert [x["name"] for x in found.told["permissions"]] == [
            *("Read-Only Lead", "Read-Only Activity", "Read-Only Campaigns"),
            *("Read-Only Activity Metadata", "Read-Only Asset"),
            *("Read-Only Redirect Rules", "Read-Only Custom Object", "Read-Only Company"),
            *("Read-Only Sales Person", "Read-Only Opportunity", MANAGE_USERS, DESIGN_STUDIO),
        ]
        assert {x["name"]: x["granted"] for x in found.told["permissions"]} == {
            x["name"]: None if x["name"] in OF_CRM else True for x in found.told["permissions"]
        }


def test_the_calls_stay_few_however_many_jobs_and_custom_objects_there_are(tap: Tap) -> None:
    with account(*FEW, "--custom-object-types", "30") as marketo:
        for _ in range(700):
            finished = {"object": "activities", "bytes": 1000, "minutes_ago": 1}
            marketo.control("POST", "finished_jobs", finished)
        found = check(tap, marketo.config())
        assert found.code == 0
        assert found.told["calls"] == calls_made(marketo) == MOST_CALLS
        assert found["export_bytes_today"]["used"] == 700_000
        # What was not looked at is told.
        assert 20 < len(found["export_bytes_today"]["not_seen"]) < 30
        assert "24 calls at most" in found["export_bytes_today"]["message"]
        assert_nothing_is_left(marketo)


# Who may come in ---------------------------------------------------------------------------------


def test_wrong_credentials_are_shown_with_what_else_is_known(marketo: Account, tap: Tap) -> None:
    found = check(tap, marketo.config(client_secret="Mellon-Mellon"))
    assert found.code == 1
    assert found.in_the_way == {"credentials": "wrong"}
    assert "Bad client credentials" in found["credentials"]["message"]
    assert "LaunchPoint" in found["credentials"]["remedy"]
    assert found["clock"]["marketo_ahead_seconds"] < 0
    assert found.told["calls"] == calls_made(marketo) == 1


def test_an_endpoint_where_nobody_answers_is_shown(marketo: Account, tap: Tap) -> None:
    found = check(tap, marketo.config(endpoint="http://127.0.0.1:9/rest"))
    assert found.code == 1
    assert found.in_the_way == {"credentials": "wrong"}
    assert "Check the endpoint setting" in found["credentials"]["remedy"]


def test_an_endpoint_that_is_none_is_shown(marketo: Account, tap: Tap) -> None:
    base = marketo.endpoint.removesuffix("/rest")
    found = check(tap, marketo.config(endpoint=f"{base}/other", identity=marketo.identity))
    assert found.code == 1
    assert found.in_the_way == {"calls_today": "wrong"}
    assert "404" in found["calls_today"]["message"]
    assert "Check the endpoint" in found["calls_today"]["remedy"]
    assert found["api_user"]["user"] == "sandbox.reader@example.com"


@pytest.mark.parametrize(
    ("code", "message", "remedy"),
    [
        # usage.md: this call takes no permission.
        ("603", "Access denied", "IP allow-list"),
        ("601", "Access token invalid", "endpoint and identity settings are of the same"),
    ],
)
def test_a_token_that_opens_nothing_is_shown(
    marketo: Account, tap: Tap, code: str, message: str, remedy: str
) -> None:
    marketo.fault("usage", "error", None, code=code, message=message)
    found = check(tap, marketo.config())
    assert found.code == 1
    assert found.in_the_way == {"calls_today": "wrong"}
    assert message in found["calls_today"]["message"]
    assert remedy in found["calls_today"]["remedy"]


def test_secrets_that_marketo_quotes_do_not_show(marketo: Account, tap: Tap) -> None:
    # The harness looks for them.
    for call in ("token", "usage", "channels", "list", "create"):
        marketo.fault(call, "error", None, code="610", message=quoting(marketo))
        assert "***" in page(tap, marketo.config()).stdout
        check(tap, marketo.config())
        marketo.heal()


def pattern_of(stream: str) -> str:
    """Return how a stream is named without a catalog."""
    return re.sub("^custom_object_(?!types).+", "custom_object_<name>", stream)


# Permissions -------------------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("lacking", STREAMS)
def test_a_missing_permission_is_shown_with_its_streams_and_the_place_to_grant_it(
    marketo: Account, catalog: dict[str, Any], tap: Tap, lacking: str
) -> None:
    marketo.control("POST", "permissions", {"lacks": [lacking]})
    place = (
        "Admin > Users & Roles > Roles > the role of sandbox.reader@example.com > Access API > "
        f"{IN_ADMIN.get(lacking, lacking)}"
    )
    # Without a catalog: what discovery leaves out, as it says itself.
    found = check(tap, marketo.config())
    assert found.code == 0
    denied = found[lacking]
    assert (denied["verdict"], denied["granted"], denied["grant_in"]) == ("note", False, place)
    assert place in denied["remedy"]
    left_out, _, unread = denied["message"].partition("; a sync cannot read ")
    assert set(unread.split(", ")) - {""} == ALSO.get(lacking, set())
    named = set(left_out.partition("discovery leaves out ")[2].split(", "))
    left = STREAMS[lacking] - ALSO.get(lacking, set())
    assert named == {pattern_of(name) for name in left} | OF_TYPES.get(lacking, set())
    denied_too = [DESIGN_STUDIO] if lacking == "Read-Only Asset" else []
    others = [
        x for x in found.told["permissions"] if x["name"] not in (lacking, *denied_too, *OF_CRM)
    ]
    assert {(x["granted"], x["verdict"]) for x in others} == {(True, "ok")}
    # With one: a sync of what needs it could not run, one of all else could.
    needing = STREAMS[lacking] | ALSO.get(lacking, set())
    for stream in sorted(needing - {*DESIGNER})[:3]:
        found = check(tap, marketo.config(), select(catalog, [stream]))
        assert found.code == 1
        assert found.in_the_way == {lacking: "wrong"}
        assert stream in found[lacking]["message"]
        assert found[lacking]["streams"] == [stream]
    other = "campaigns" if lacking != "Read-Only Campaigns" else "channels"
    found = check(tap, marketo.config(), select(catalog, [other, "daily_usage"]))
    assert found.code == 0
    assert "no selected stream needs it" in found[lacking]["message"]
    done = page(tap, marketo.config())
    assert f"Access API > {IN_ADMIN.get(lacking, lacking)}" in " ".join(done.stdout.split())


def test_a_check_and_a_sync_agree_on_what_is_refused(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.control("POST", "permissions", {"lacks": ["Read-Only Asset"]})
    chosen = select(catalog, ["channels", "campaigns", "segments"])
    found = check(tap, marketo.config(), chosen)
    assert found.code == 1
    assert found["Read-Only Asset"]["streams"] == ["channels", "segments"]
    refused = tap.run(marketo.config(), chosen)
    assert refused.code == 1
    for stream in ("channels", "segments"):
        assert warnings(refused, stream, "Read-Only Asset")
    assert not warnings(refused, "campaigns is refused")


def test_an_account_without_any_permission_does_not_pass(marketo: Account, tap: Tap) -> None:
    marketo.control("POST", "permissions", {"lacks": [*STREAMS, MANAGE_USERS]})
    done = page(tap, marketo.config())
    assert done.code == 1
    found = check(tap, marketo.config())
    assert found.code == 1
    assert found.in_the_way == {"role": "wrong"}
    assert "IP Restrictions" in found["role"]["remedy"]
    assert not marketo.counters()["jobs"]


def test_streams_that_take_no_permission_can_do_without_any(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.control("POST", "permissions", {"lacks": list(STREAMS)})
    assert check(tap, marketo.config(), select(catalog, ["daily_usage"])).code == 0


@pytest.mark.parametrize(("kind", "more"), [("http", {"status": 503}), ("half_json", {})])
def test_what_cannot_be_tried_is_shown_and_all_else_is_checked(
    marketo: Account, catalog: dict[str, Any], tap: Tap, kind: str, more: dict[str, Any]
) -> None:
    marketo.fault("campaigns", kind, None, **more)
    found = check(tap, marketo.config(), select(catalog, ["campaigns", "channels", "leads"]))
    assert found.code == 1
    assert found.in_the_way == {"Read-Only Campaigns": "wrong"}
    told = found["Read-Only Campaigns"]
    assert told["granted"] is None
    assert "GET /rest/v1/campaigns.json" in told["message"]
    others = [x for x in found.told["permissions"] if x is not told and x["name"] not in OF_CRM]
    assert {x["granted"] for x in others} == {True}
    assert found["lead_filter"]["available"] is True
    # Whoever does without it is not concerned.
    assert check(tap, marketo.config(), select(catalog, ["channels"])).code == 0


def test_what_a_subscription_does_not_have_is_shown(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("landing_page_redirect_rules", "error", None, code="616", message="No such type")
    found = check(tap, marketo.config())
    assert found.code == 0
    assert found["Read-Only Redirect Rules"]["verdict"] == "note"
    found = check(tap, marketo.config(), select(catalog, ["landing_page_domains"]))
    assert found.in_the_way == {"Read-Only Redirect Rules": "wrong"}
    assert "616" in found["Read-Only Redirect Rules"]["message"]


# Allowances --------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [("--daily-calls", "500"), ()])
def test_spent_calls_are_shown_with_the_time_to_come_again(
    tap: Tap, options: tuple[str, ...]
) -> None:
    with account(*FEW, *options) as marketo:
        marketo.control("POST", "usage", {"foreign_calls": 500})
        # Marketo's own allowance, or the setting.
        config = marketo.config() if options else marketo.config(max_daily_calls=500)
        found = check(tap, config)
        assert found.code == 3
        assert found.in_the_way == {"calls_today": "spent"}
        assert "2026-06-16T05:00:00Z" in found["calls_today"]["remedy"]
        assert calls_made(marketo) == 2
        done = page(tap, config)
        assert done.code == 3
        assert "SPENT   Calls today" in done.stdout
        marketo.advance(days=1)
        assert check(tap, config).code == 0


def test_calls_that_are_spent_in_between_are_shown(tap: Tap) -> None:
    with account(*FEW) as marketo:
        found = check(tap, marketo.config(max_daily_calls=6))
        assert found.code == 3
        assert found.in_the_way == {"calls_today": "spent"}
        assert found.told["calls"] == calls_made(marketo) <= 7
        assert found["Read-Only Lead"]["granted"] is True
        untried = found["Read-Only Custom Object"]
        assert (untried["granted"], untried["verdict"]) == (None, "unknown")


def test_export_bytes_that_are_spent_matter_to_who_exports(
    catalog: dict[str, Any], tap: Tap
) -> None:
    with account(*FEW) as marketo:
        finished = {"object": "activities", "bytes": 60_000_000, "minutes_ago": 60}
        marketo.control("POST", "finished_jobs", finished)
        config = marketo.config(max_daily_export_mb=60)
        assert check(tap, config).code == 3
        found = check(tap, config, select(catalog, ["activities_visit_webpage", "channels"]))
        assert found.code == 3
        assert found.in_the_way == {"export_bytes_today": "spent"}
        assert "2026-06-16T05:00:00Z" in found["export_bytes_today"]["remedy"]
        assert check(tap, config, select(catalog, ["channels"])).code == 0
        # Something else is wrong as well: to come again tomorrow would not help.
        marketo.control("POST", "permissions", {"lacks": ["Read-Only Campaigns"]})
        assert check(tap, config, select(catalog, ["leads", "campaigns"])).code == 1


def test_export_bytes_that_others_have_spent_are_shown(catalog: dict[str, Any], tap: Tap) -> None:
    with account(*FEW) as marketo:
        marketo.control("POST", "usage", {"foreign_bytes": 500_000_000})
        found = check(tap, marketo.config(), select(catalog, ["leads"]))
        assert found.code == 3
        assert found.in_the_way == {"export_bytes_today": "spent"}
        assert "Export daily quota exceeded" in found["export_bytes_today"]["message"]
        assert found["export_bytes_today"]["used"] == 0
        assert found["lead_filter"]["available"] is None


def test_a_full_queue_is_shown(tap: Tap) -> None:
    with account(*FEW, "--export-minutes", "1000000") as marketo:
        queue_ten_jobs(marketo)
        found = check(tap, marketo.config())
        queue = found["export_queue"]
        assert found.code == 0
        assert queue["verdict"] == "note"
        assert (queue["taken"], queue["queued"], queue["processing"]) == (10, 8, 2)
        assert "10 of 10 slots" in queue["message"]
        assert "job_timeout (10,800 s)" in queue["remedy"]


def queue_ten_jobs(marketo: Account) -> None:
    """Fill the queue with jobs of the API user's other programs."""
    form = {"grant_type": "client_credentials", "client_id": marketo.client_id}
    form["client_secret"] = marketo.client_secret
    answer = requests.post(f"{marketo.identity}/oauth/token", data=form, timeout=10).json()
    signed = {"Authorization": f"Bearer {answer['access_token']}"}
    jobs = f"{marketo.endpoint.removesuffix('/rest')}/bulk/v1/leads/export"
    span = {"startAt": "2026-06-01T00:00:00Z", "endAt": "2026-06-02T00:00:00Z"}
    request = {"fields": ["id"], "format": "CSV", "filter": {"createdAt": span}}
    for _ in range(10):
        made = requests.post(f"{jobs}/create.json", json=request, headers=signed, timeout=10).json()
        job = made["result"][0]["exportId"]
        queued = requests.post(f"{jobs}/{job}/enqueue.json", headers=signed, timeout=10).json()
        assert queued["success"], queued
    # Until Marketo shows it.
    marketo.advance(seconds=120)


# Clock, filter, catalog --------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "side"), [(-7200, "ahead of"), (7200, "behind")])
def test_a_clock_that_is_off_is_shown(tap: Tap, seconds: int, side: str) -> None:
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    options = ("--now", now, "--scale", "1", "--date-offset", str(seconds))
    with account(*FEW, *options) as marketo:
        found = check(tap, marketo.config())
        assert found.code == 0
        assert found["clock"]["verdict"] == "note"
        assert found["clock"]["marketo_ahead_seconds"] == pytest.approx(seconds, abs=60)
        assert f" {side} Marketo's" in found["clock"]["message"]


def test_a_clock_that_marketo_does_not_tell_is_none(tap: Tap) -> None:
    with account(*FEW, "--no-date") as marketo:
        found = check(tap, marketo.config())
        assert found.code == 0
        assert found["clock"]["verdict"] == "unknown"


def test_a_missing_filter_is_shown_with_what_it_takes(tap: Tap) -> None:
    with account(*FEW, "--no-updated-at") as marketo:
        catalog = select(tap.discover(marketo.config()), ["leads"])
        found = check(tap, marketo.config(), catalog)
        assert found.code == 0
        assert found["lead_filter"]["available"] is False
        assert found["lead_filter"]["verdict"] == "note"
        assert "Marketo Support" in found["lead_filter"]["remedy"]
        assert found["Read-Only Activity"]["streams"] == ["leads"]
        # Changed leads are found by their activities, unless nobody wants them.
        marketo.control("POST", "permissions", {"lacks": ["Read-Only Activity"]})
        found = check(tap, marketo.config(), catalog)
        assert found.in_the_way == {"Read-Only Activity": "wrong"}
        assert tap.run(marketo.config(), catalog).code == 1
        config = marketo.config(lead_changes=False)
        found = check(tap, config, catalog)
        assert found.code == 0
        assert "lead_changes is false" in found["lead_filter"]["message"]
        assert tap.run(config, catalog).code == 0


def test_the_filter_is_of_no_concern_without_leads(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    found = check(tap, marketo.config(), select(catalog, ["lists", "program_members"]))
    assert found["lead_filter"]["verdict"] == "unknown"
    marketo.control("POST", "permissions", {"lacks": ["Read-Only Lead"]})
    assert check(tap, marketo.config())["lead_filter"]["verdict"] == "unknown"
    assert not marketo.counters()["jobs"]


def test_a_catalog_that_could_use_the_filter_by_now_is_shown(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = select(catalog, ["leads"])
    for stream in chosen["streams"]:
        for item in stream["metadata"]:
            if stream["tap_stream_id"] == "leads" and not item["breadcrumb"]:
                item["metadata"]["valid-replication-keys"] = ["createdAt"]
    found = check(tap, marketo.config(), chosen)
    assert found.code == 0
    assert found["lead_filter"]["verdict"] == "note"
    assert found["lead_filter"]["remedy"] == "Run discovery again"


def test_selected_streams_that_are_gone_are_shown_and_no_others(tap: Tap) -> None:
    with account(*FEW) as marketo:
        catalog = tap.discover(marketo.config())
        marketo.change(remove_activity_type=100007, custom_object_types_deleted=["car_c"])
        number = {
            stream["tap_stream_id"]: stream["metadata"][0]["metadata"].get("marketo.activity-id")
            for stream in catalog["streams"]
        }
        (gone,) = [name for name, activity in number.items() if activity == 100007]
        strange = json.loads(json.dumps(catalog["streams"][0]).replace('"leads"', '"people"'))
        catalog["streams"].append(strange)
        found = check(tap, marketo.config(), select(catalog))
        assert found.code == 0
        assert found["catalog"]["verdict"] == "note"
        assert found["catalog"]["selected"] == len(catalog["streams"])
        expected = {"people", "custom_object_car_c", gone}
        assert set(found["catalog"]["gone"]) == expected
        for name in expected:
            assert name in found["catalog"]["message"]
        page(tap, marketo.config(), select(catalog))
        # A sync says the same.
        done = tap.run(marketo.config(), select(catalog, [*sorted(expected), "lists"]))
        assert done.code == 0, done.stderr
        assert len(warnings(done, "is skipped")) == 3
        found = check(tap, marketo.config(), select(catalog, ["leads"]))
        assert (found["catalog"]["verdict"], found["catalog"]["gone"]) == ("ok", [])


def test_a_catalog_in_which_nothing_is_selected_is_shown(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    found = check(tap, marketo.config(), select(catalog, []))
    assert found.code == 1
    assert found["catalog"]["verdict"] == "wrong"
    assert found["catalog"]["message"] == "no stream is selected"


def test_a_subscription_without_bulk_extract_is_shown(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    for call in ("list", "create"):
        marketo.fault(call, "error", None, code="610", message="Requested resource not found")
    found = check(tap, marketo.config(), select(catalog, ["activities_visit_webpage"]))
    assert found.code == 1
    assert found.in_the_way == {"bulk_extract": "wrong"}
    assert "Marketo Support" in found["bulk_extract"]["remedy"]
    assert check(tap, marketo.config(), select(catalog, ["channels"])).code == 0


# The command line --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "what"),
    [
        ("no state at all", "not valid JSON"),
        ({"bookmarks": {"leads": {"updatedAt": "2031-01-01T00:00:00Z"}}}, "lies in the future"),
        ({"bookmarks": {"leads": {"updatedAt": "2026-06-14T00:00:00Z"}}}, ""),
    ],
)
def test_a_state_that_a_sync_could_not_use_is_shown(
    marketo: Account, catalog: dict[str, Any], tap: Tap, state: Any, what: str
) -> None:
    chosen = select(catalog, ["leads"])
    done = tap.run(marketo.config(), chosen, state, "--test", "--format", "json")
    result = Checked(done.code, json.loads(done.stdout))["state"]
    assert done.code == (1 if what else 0), done.stderr
    assert result["verdict"] == ("wrong" if what else "ok")
    assert what in result["message"]
    assert not done.critical


@pytest.mark.parametrize("more", [("--format", "markdown"), ("--discover",), ("--about",)])
def test_options_that_do_not_go_with_the_check_are_refused(
    marketo: Account, tap: Tap, more: tuple[str, ...]
) -> None:
    done = tap.run(marketo.config(), None, None, "--test", *more)
    assert done.code == 2
    assert not done.stdout


def test_a_config_that_is_wrong_is_one_line_as_ever(tap: Tap) -> None:
    done = tap.run({"endpoint": "https://example.com"}, None, None, "--test")
    assert done.code == 2
    assert not done.stdout
    assert len(done.critical) == 1


@pytest.mark.sampled(2)
@pytest.mark.parametrize("no_color", ["", "1"])
def test_at_a_terminal_the_page_has_ticks_and_colour_unless_no_color_is_set(
    tap: Tap, no_color: str
) -> None:
    with account("--leads", "1", "--activities", "0", "--lacks", "Read-Only Asset") as marketo:
        command = tap.command(marketo.config(), None, None, "--test")
        terminal, stdout = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "NO_COLOR": no_color}
        with subprocess.Popen(
            command, cwd=ROOT, stdout=stdout, stderr=subprocess.DEVNULL, env=environment
        ):
            os.close(stdout)
            page = b""
            with contextlib.suppress(OSError):
                while data := os.read(terminal, 65536):
                    page += data
        os.close(terminal)
        text = page.decode().replace("\r\n", "\n")
        plain = run(command).stdout
    if no_color:
        assert "\x1b" not in text
        assert "✓" not in text
    else:
        assert "\x1b[32m✓ ok\x1b[0m    Credentials" in text
        assert "\x1b[33m! note\x1b[0m" in text
    assert "\x1b" not in plain
    assert "\nok      Credentials" in plain
