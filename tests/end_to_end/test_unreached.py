"""What never reached Marketo is no word of Marketo's; a bad environment is one clear line."""

from __future__ import annotations

import itertools
import json
import operator
import re
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest

from tests.end_to_end.checks import SMALL, START, assert_leads, jobs, stopped
from tests.harness import ROOT, Account, Run, Tap, Target, account, fresh_run, run, select

FEW = ("--leads", "5", "--activities", "20", "--late-share", "0")
# A certificate of 127.0.0.1 and its key, for these tests alone.
CERTIFICATE = str(ROOT / "tests/end_to_end/loopback.pem")
PASSWORD = "proxy-password-7251"
CONFIG = {
    "client_id": "an-id-of-a-service",
    "client_secret": "a-very-secret-thing",
    "start_date": "2026-05-01T00:00:00Z",
    "poll_interval": 0.05,
}


@contextmanager
def accepting(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """Handle each connection in a thread of its own; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


@contextmanager
def answering(answer: bytes, seen: list[str]) -> Iterator[int]:
    """Serve one answer to whatever is asked, and note what was; gives the port."""

    def handle(connection: socket.socket) -> None:
        with connection:
            seen.append(connection.recv(65536).decode("latin-1"))
            connection.sendall(answer)

    with accepting(handle) as port:
        yield port


@contextmanager
def broken_handshakes() -> Iterator[tuple[int, list[str]]]:
    """Serve what reads the start of a TLS handshake and closes; gives the port and the tries."""
    tries: list[str] = []
    with answering(b"", tries) as port:
        yield port, tries


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
        ({"https_proxy": f"http://user:{PASSWORD}/of@127.0.0.1:9"}, "https_proxy"),
        # Its library is not there.
        ({"https_proxy": f"socks5://user:{PASSWORD}@127.0.0.1:9"}, "SOCKS"),
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


@pytest.mark.parametrize(
    "password", [PASSWORD, f"{PASSWORD}/of@it", f"{PASSWORD}%2Fof%40it", f"{PASSWORD}:of#it?"]
)
def test_a_proxy_password_shows_in_no_spelling(tap: Tap, password: str) -> None:
    """A proxy that quotes what it was given, as the messages of the HTTP library may."""
    seen: list[str] = []
    plain = unquote(password)
    sent = b64encode(f"user:{plain}".encode()).decode()
    with answering(
        f"HTTP/1.1 407 no {password} or {plain} or {sent}\r\n\r\n".encode(), seen
    ) as port:
        proxy = f"http://user:{quote(password, safe='%')}@127.0.0.1:{port}"
        blank = dict.fromkeys(("no_proxy", "NO_PROXY", "HTTPS_PROXY"), "")
        done = discover(
            tap,
            "https://123-abc-456.invalid/rest",
            https_proxy=proxy,
            TAP_MARKETO_LOGLEVEL="DEBUG",
            **blank,
        )
    assert any(f"Basic {sent}" in request for request in seen)
    line = stopped(done)
    assert "407 no *** or *** or ***" in line
    for text in (password, plain, sent):
        assert text not in done.stderr


@contextmanager
def silence() -> Iterator[tuple[int, list[socket.socket]]]:
    """Serve what takes connections and says nothing; gives the port, and the connections."""
    taken: list[socket.socket] = []
    with accepting(taken.append) as port:
        yield port, taken
    for connection in taken:
        connection.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_check_of_a_host_that_says_nothing_tries_once_more_and_names_what_is_in_the_way(
    tap: Tap, scheme: str
) -> None:
    with silence() as (port, taken):
        config = {**CONFIG, "endpoint": f"{scheme}://127.0.0.1:{port}/rest", "request_timeout": 0.4}
        done = run(tap.command(config, None, None, "--test", "--format", "json"), no_proxy="*")
    assert done.code == 1
    assert len(taken) == 2
    (credentials,) = [x for x in json.loads(done.stdout)["findings"] if x["name"] == "credentials"]
    assert "imed out" in credentials["message"]
    for part in ("endpoint", "proxy", "firewall"):
        assert part in credentials["remedy"]
    assert done.stderr.count("Waiting for 127.0.0.1, which has been silent") == 2


def test_a_sync_says_what_it_waits_for_and_names_what_may_be_in_the_way(tap: Tap) -> None:
    with account(*FEW) as marketo:
        marketo.fault("lists", "timeout", None, seconds=60)
        chosen = select(tap.discover(marketo.config()), ["lists"])
        done = tap.run(marketo.config(request_timeout=0.5), chosen)
    line = stopped(done)
    assert "firewall" in line
    waiting = r"Waiting for 127\.0\.0\.1, .* The request is GET /rest/v1/lists\.json\."
    assert len(re.findall(waiting, done.stderr)) == 8


# The interrupt comes from within, at the import of a module that a run needs.
INTERRUPTING = """
import os, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "singer":
            # Whatever has started the tests may ignore it, and so would what they start.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
"""


def test_an_interrupt_while_it_loads_ends_it_quietly(tap: Tap) -> None:
    (tap.directory / "sitecustomize.py").write_text(INTERRUPTING)
    command = tap.command(CONFIG, None, None, "--about")
    done = fresh_run(command, PYTHONPATH=f"{tap.directory}:{ROOT}")
    assert (done.code, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize(
    "host", ["123-abc-456..mktorest.com", f"{'a' * 64}.com", "-a.com", "a b.com"]
)
def test_a_host_that_can_be_none_is_an_error_of_the_config(tap: Tap, host: str) -> None:
    line = stopped(discover(tap, f"https://{host}/rest"), 2)
    assert "endpoint must have a host's name" in line


@pytest.mark.parametrize("life", ["NaN", "1e999", "-5", "0"])
def test_a_token_that_lives_for_no_time_is_none(tap: Tap, life: str) -> None:
    seen: list[str] = []
    body = f'{{"access_token": "abc-def-123", "expires_in": {life}}}'
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    with answering(answer.encode(), seen) as port:
        done = discover(tap, f"http://127.0.0.1:{port}/rest", no_proxy="*")
    line = stopped(done)
    tokens = sum("identity/oauth/token" in request for request in seen)
    if life == "1e999":
        assert "usage.json" in line
        assert tokens == 1
    else:
        assert "no access_token that lives" in line
        assert tokens == 8


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


@contextmanager
def tls_front(marketo: Account, breaks: Callable[[int], bool]) -> Iterator[tuple[str, list[str]]]:
    """Serve the sandbox over TLS, a handshake for each call; some of them are broken off.

    Args:
        marketo: the sandbox.
        breaks: whether the handshake of this number, from 0, is broken off.

    Yields:
        The endpoint; and the path of each call that came through.
    """
    sandbox = urlsplit(marketo.endpoint)
    passed: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    handshakes = itertools.count()

    def serve(connection: socket.socket) -> None:
        with connection:
            if breaks(next(handshakes)):
                connection.recv(4096)
                return
            with (
                context.wrap_socket(connection, server_side=True) as there,
                socket.create_connection((sandbox.hostname or "", sandbox.port or 0)) as here,
            ):
                pass_on(there, here, passed)

    with accepting(serve) as port:
        yield f"https://127.0.0.1:{port}/rest", passed


def pass_on(there: ssl.SSLSocket, here: socket.socket, passed: list[str]) -> None:
    """Pass one request on to the sandbox, and all that it answers back."""
    head, _, body = there.recv(65536).partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    while length and len(body) < int(length[1]):
        body += there.recv(65536)
    passed.append(head.split()[1].decode())
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    here.sendall(b"\r\n".join([*lines, b"Connection: close", b"", body]))
    answer = b"".join(iter(partial(here.recv, 65536), b""))
    # Whoever asks is told that the next call takes another handshake.
    there.sendall(answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
    with suppress(OSError):
        there.unwrap()


def sync_over_tls(
    marketo: Account,
    tap: Tap,
    catalog: dict[str, Any],
    target: Target,
    breaks: Callable[[int], bool],
) -> tuple[Run, list[str]]:
    with tls_front(marketo, breaks) as (endpoint, passed):
        config = marketo.config(endpoint=endpoint, start_date=START)
        command = tap.command(config, catalog, target.state)
        done = run(command, no_proxy="*", REQUESTS_CA_BUNDLE=CERTIFICATE)
        target.take(done.lines)
        return done, passed


def test_a_handshake_that_breaks_at_any_call_is_one_more_try(tap: Tap) -> None:
    with account(*SMALL, "--export-minutes", "0.5") as marketo:
        chosen = select(tap.discover(marketo.config()), ["leads", "lists", "custom_object_types"])
        marketo.control("POST", "reset_counters")
        target = Target()
        # The first handshake of each call breaks.
        done, passed = sync_over_tls(marketo, tap, chosen, target, lambda number: number % 2 == 0)
        assert done.code == 0, done.stderr
        assert done.stderr.count("no trusted TLS connection") == len(passed)
        kinds = {re.sub(r"[0-9a-f-]{36}", "ID", path.partition("?")[0]) for path in passed}
        assert len(kinds) >= 8
        assert_leads(marketo, target)
        assert len(jobs(marketo)) == 1


def test_handshakes_that_break_for_ever_lose_nothing_and_make_nothing_again(tap: Tap) -> None:
    with account(*SMALL, "--export-minutes", "0.5") as marketo:
        chosen = select(tap.discover(marketo.config()), ["leads", "lists"])
        for number in (4, 7):
            marketo.control("POST", "reset_counters")
            target = Target()
            done, _ = sync_over_tls(marketo, tap, chosen, target, partial(operator.le, number))
            line = stopped(done)
            assert "TLS" in line
            done, _ = sync_over_tls(marketo, tap, chosen, target, lambda _: False)
            assert done.code == 0, done.stderr
            assert_leads(marketo, target)
            # The job of the run that stopped was resumed, and not paid twice.
            enqueued = [job for job in jobs(marketo, "leads") if job["status"] == "Completed"]
            assert len(enqueued) <= 2
