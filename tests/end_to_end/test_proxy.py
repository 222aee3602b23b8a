"""Through a forward proxy, as http_proxy and https_proxy name it."""

from __future__ import annotations

import pytest

from tests.end_to_end import expected
from tests.end_to_end.servers import Reply, forward, server
from tests.harness import Run, Tap, Target, account, run, select

START = "2026-05-01T00:00:00Z"
STREAMS = ["leads", "activities_visit_webpage", "lists"]
DATA = ["--leads", "30", "--activities", "200", "--history-days", "50"]
PASSWORD = "proxy-password-7251"
CONFIG = {
    "endpoint": "https://123-abc-456.mktorest.com/rest",
    "client_id": "an-id-of-a-service",
    "client_secret": "a-very-secret-thing",
    "start_date": START,
    "poll_interval": 0.05,
}


def run_behind(proxy: str, command: list[str]) -> Run:
    """Run with a proxy for everything; names of either letter case count."""
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    environment = {**dict.fromkeys(names, proxy), "no_proxy": "", "NO_PROXY": ""}
    return run(command, TAP_MARKETO_LOGLEVEL="DEBUG", **environment)


def with_password(url: str) -> str:
    return url.replace("://", f"://someone:{PASSWORD}@")


def test_a_sync_goes_through_the_proxy_call_by_call(tap: Tap) -> None:
    with account(*DATA) as marketo, server(forward) as proxy:
        config = marketo.config(start_date=START)
        catalog = tap.discover(config)
        assert proxy.requests == []
        marketo.control("POST", "reset_counters")
        done = run_behind(proxy.url, tap.command(config, select(catalog, STREAMS)))
        assert done.code == 0, done.stderr
        target = Target()
        target.take(done.lines)
        tables = expected.tables(marketo, catalog, START)
        assert expected.table(target, "leads") == tables["leads"] != {}
        assert expected.table(target, "lists") == tables["lists"] != {}
        counters = marketo.counters()
        made = counters["total_calls"] + counters["calls"]["token_post"]
        assert len(proxy.requests) == made
        host = marketo.endpoint.removesuffix("/rest")
        assert all(request.target.startswith(host) for request in proxy.requests)


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses_is_one_line(tap: Tap, status: int) -> None:
    with account(*DATA) as marketo, server(lambda _: Reply(status, b"Forbidden")) as proxy:
        command = tap.command(marketo.config(), None, None, "--discover")
        done = run_behind(with_password(proxy.url), command)
        assert marketo.counters()["total_calls"] == 0
    # A page of its own is no word of Marketo: another run may get through.
    assert_one_line(done, str(status))


@pytest.mark.parametrize("status", [403, 407])
def test_a_proxy_that_refuses_a_tunnel_is_one_line(tap: Tap, status: int) -> None:
    with server(lambda _: Reply(status)) as proxy:
        command = tap.command(CONFIG, None, None, "--discover")
        done = run_behind(with_password(proxy.url), command)
        # Asked once: what a proxy forbids it goes on forbidding.
        (request,) = proxy.requests
        assert (request.method, request.target) == ("CONNECT", "123-abc-456.mktorest.com:443")
    assert_one_line(done, str(status))
    assert "proxy" in done.critical[0].lower()


def test_a_proxy_that_is_not_there_is_one_line(tap: Tap) -> None:
    # Towards this machine, where the waits between the tries are short.
    command = tap.command({**CONFIG, "endpoint": "http://localhost:1"}, None, None, "--discover")
    assert_one_line(run_behind(with_password("http://127.0.0.1:9"), command), "proxy")


def assert_one_line(done: Run, named: str) -> None:
    assert (done.code, done.stdout) == (1, "")
    (line,) = done.critical
    assert named in line.lower(), line
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stderr
