"""What a run touches beside Marketo and stdout: nothing. And whom it trusts: nobody unproved."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.checks import SMALL, START
from tests.end_to_end.servers import in_front_of, server
from tests.harness import ROOT, Run, Tap, account, run, select

# Python runs a module of this name at its start. This one writes down what the run does, as
# Python's audit events tell it (docs.python.org/3/library/audit_events.html).
WATCHER = """
import atexit, json, os, sys

seen = []

def watch(event, args):
    if event == "open":
        mode, flags = args[1], args[2]
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            seen.append([event, str(args[0])])
    elif event == "socket.connect":
        seen.append([event, f"{args[1][0]}:{args[1][1]}"])
    elif event.split(".")[0] in ("subprocess", "shutil", "pty", "tempfile") or event in (
        "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.mkdir", "os.rename",
        "os.remove", "os.truncate", "os.link", "os.symlink", "os.chmod", "sqlite3.connect",
    ):
        seen.append([event, str(args)])

def tell():
    with open(os.environ["WATCHED"], "w") as file:
        json.dump(seen, file)

sys.addaudithook(watch)
atexit.register(tell)
"""


def run_watched(tap: Tap, command: list[str]) -> tuple[Run, list[list[str]]]:
    """Run where every place to write to is empty; return also what the run touched.

    Also fail if anything new lies in one of these places afterwards.
    """
    told, code = tap.directory / "told", tap.directory / "code"
    code.mkdir(exist_ok=True)
    (code / "sitecustomize.py").write_text(WATCHER)
    places = {name: tap.directory / name for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "cwd")}
    for place in places.values():
        place.mkdir(exist_ok=True)
    done = run(
        command,
        places["cwd"],
        **{name: str(place) for name, place in places.items() if name != "cwd"},
        PYTHONPATH=f"{code}:{ROOT}",
        PYTHONDONTWRITEBYTECODE="1",
        WATCHED=str(told),
        TAP_MARKETO_LOGLEVEL="DEBUG",
    )
    for place in places.values():
        assert list(place.iterdir()) == []
    touched = json.loads(told.read_text())
    # stdout may be opened once more, by its number.
    stdout = ["open", "/proc/self/fd/1"]
    return done, [each for each in touched if each not in (["open", str(told)], stdout)]


def test_a_run_writes_no_file_starts_no_program_and_talks_to_marketo_only(tap: Tap) -> None:
    # All streams, but few of the rows that take a call each.
    sizes = (
        "--tokens 30 --folders 10 --segmentations 3 --programs 6 --smart-lists 6 --forms 6 "
        "--tag-types 6 --lists 6 --campaigns 6"
    ).split()
    with account(*SMALL, *sizes) as marketo:
        config = marketo.config(start_date=START)
        found, touched = run_watched(tap, tap.command(config, None, None, "--discover"))
        assert found.code == 0, found.stderr
        host = urlsplit(marketo.endpoint).netloc
        assert touched
        assert all(each == ["socket.connect", host] for each in touched), touched
        marketo.fault("file", "close_after", after_bytes=1000)
        marketo.fault("lists", "http", status=302, location="http://127.0.0.2:9/")
        chosen = select(json.loads(found.stdout))
        done, touched = run_watched(tap, tap.command(config, chosen, {}))
        assert "302" in done.critical[0]
        assert all(each == ["socket.connect", host] for each in touched), touched
        done, touched = run_watched(tap, tap.command(config, chosen, {}))
        assert done.code == 0, done.stderr
        assert len(done.records("leads")) > 0
        assert all(each == ["socket.connect", host] for each in touched), touched


@pytest.mark.parametrize("key", ["endpoint", "identity"])
def test_plain_http_to_another_host_is_refused_before_anything_is_sent(tap: Tap, key: str) -> None:
    config = {
        "endpoint": "https://127.0.0.1:9/rest",
        "client_id": "an-id-of-a-service",
        "client_secret": "a-very-secret-thing",
        "start_date": START,
        key: "http://192.0.2.1/rest",
    }
    done, touched = run_watched(tap, tap.command(config, None, None, "--discover"))
    assert done.code == 2
    (line,) = done.critical
    assert f"{key} must begin with https://" in line
    assert touched == []


def test_a_netrc_file_adds_no_credentials(tap: Tap, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login netrc-user password netrc-password-3081\n")
    netrc.chmod(0o600)
    with account(*SMALL) as marketo, server(in_front_of(marketo.endpoint[:-5])) as between:
        config = marketo.config(start_date=START, endpoint=between.url)
        command = tap.command(config, None, None, "--discover")
        done = run(command, NETRC=str(netrc), HOME=str(tmp_path))
        assert done.code == 0, done.stderr
        tokens = marketo.control("GET", "token")["tokens"]
    given = {request.headers.get("authorization") for request in between.requests}
    assert None in given  # the call for the token
    assert given - {None} <= {f"Bearer {token}" for token in tokens}
    assert given - {None}


# TLS -------------------------------------------------------------------------------------------

OPENSSL = shutil.which("openssl")


def certificate(directory: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate that nobody vouches for; return its file and a server's context."""
    assert OPENSSL
    public, private = directory / "public.pem", directory / "private.pem"
    subprocess.run(
        [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=test", "-addext", f"subjectAltName={name}",
         "-keyout", str(private), "-out", str(public)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


@pytest.mark.skipif(not OPENSSL, reason="makes its certificates with openssl")
@pytest.mark.parametrize(
    ("name", "is_known", "is_trusted"),
    [("IP:127.0.0.1", True, True), ("IP:127.0.0.1", False, False), ("DNS:else.where", True, False)],
)
def test_only_a_server_that_proves_its_name_is_spoken_to(
    tap: Tap, name: str, is_known: bool, is_trusted: bool
) -> None:
    public, context = certificate(tap.directory, name)
    environment = {"REQUESTS_CA_BUNDLE": str(public)} if is_known else {}
    with (
        account(*SMALL) as marketo,
        server(in_front_of(marketo.endpoint[:-5]), context) as between,
    ):
        config = marketo.config(start_date=START, endpoint=between.url)
        done = run(tap.command(config, None, None, "--discover"), **environment)
    assert bool(between.requests) is is_trusted
    if is_trusted:
        assert done.code == 0, done.stderr
        return
    assert done.code == 1
    (line,) = done.critical
    assert "no trusted TLS connection" in line


# The log -----------------------------------------------------------------------------------------


def test_what_marketo_says_passes_for_no_line_of_the_log(tap: Tap) -> None:
    said = "Down\nCRITICAL Everything is lost\r\nINFO or is it?\u2028CRITICAL It is."
    with account(*SMALL) as marketo:
        config = marketo.config(start_date=START)
        chosen = select(tap.discover(config), ["leads", "lists"])
        marketo.fault("lists", "error", code="611", message=said)
        marketo.control("POST", "next_jobs", [{"status": "Failed", "errorMsg": said}])
        done = tap.run(config, chosen)
    assert done.code == 0, done.stderr
    assert done.critical == []
    (told, retold) = (line for line in done.stderr.splitlines() if "Everything is lost" in line)
    for line in (told, retold):
        assert line.startswith("WARNING ")
        assert "or is it? CRITICAL It is." in line
