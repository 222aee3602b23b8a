"""What never reached Marketo is no word of Marketo's; a bad environment is one clear line."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.end_to_end.checks import stopped
from tests.harness import Run, Tap, account, run

FEW = ("--leads", "5", "--activities", "20", "--late-share", "0")
PASSWORD = "proxy-password-7251"
CONFIG = {
    "client_id": "an-id-of-a-service",
    "client_secret": "a-very-secret-thing",
    "start_date": "2026-05-01T00:00:00Z",
    "poll_interval": 0.05,
}


@contextmanager
def broken_handshakes() -> Iterator[tuple[int, list[int]]]:
    """Serve what reads the start of a TLS handshake and closes; gives the port, counts."""
    tries: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    tries.append(len(connection.recv(4096)))

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], tries
        listening.shutdown(socket.SHUT_RDWR)


def discover(tap: Tap, endpoint: str, **environment: str) -> Run:
    command = tap.command({**CONFIG, "endpoint": endpoint}, None, None, "--discover")
    done = run(command, **environment)
    assert PASSWORD not in done.stderr
    return done


def test_a_handshake_that_breaks_is_tried_as_any_failure_that_passes(tap: Tap) -> None:
    with broken_handshakes() as (port, tries):
        message = stopped(discover(tap, f"https://127.0.0.1:{port}/rest", no_proxy="*"))
    assert len(tries) >= 8
    assert "TLS" in message


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"REQUESTS_CA_BUNDLE": "/nonexistent/ca.pem"}, "REQUESTS_CA_BUNDLE"),
        ({"REQUESTS_CA_BUNDLE": __file__, "no_proxy": "*"}, "TLS"),
        ({"https_proxy": f"http://user:{PASSWORD}@proxy.invalid:99999"}, "https_proxy"),
        ({"https_proxy": f"ftp://user:{PASSWORD}@127.0.0.1:9"}, "https_proxy"),
        ({"https_proxy": f"http://user:{PASSWORD}@a..b:9"}, "https_proxy"),
    ],
)
def test_a_wrong_environment_is_one_line_without_secrets(
    tap: Tap, environment: dict[str, str], named: str
) -> None:
    with broken_handshakes() as (port, tries):
        blank = dict.fromkeys(("no_proxy", "NO_PROXY", "https_proxy", "HTTPS_PROXY"), "")
        done = discover(tap, f"https://127.0.0.1:{port}/rest", **{**blank, **environment})
    assert named in stopped(done)
    assert "Trying again" not in done.stderr
    assert len(tries) <= 1


def test_a_log_level_is_checked_and_an_empty_one_is_info(tap: Tap) -> None:
    about = tap.command(CONFIG, None, None, "--about")
    assert "TAP_MARKETO_LOGLEVEL" in stopped(run(about, TAP_MARKETO_LOGLEVEL="loud"), 2)
    assert run(about, TAP_MARKETO_LOGLEVEL="").code == 0


def test_a_redirect_leaves_nothing_out_of_a_catalog(tap: Tap) -> None:
    for call in ("customobject_describe", "create"):
        with account(*FEW) as marketo:
            marketo.fault(call, "http", status=302, location="http://127.0.0.1:9/")
            done = tap.run(marketo.config(), None, None, "--discover")
            assert "302" in stopped(done)
            assert done.stdout == ""
