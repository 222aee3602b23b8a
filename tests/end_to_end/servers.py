"""Small servers on the loopback interface: one that records, and a forward proxy."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# Headers of one connection, which a proxy does not pass on (RFC 9110, 7.6.1).
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-authorization", "proxy-connection", "te",
               "trailer", "transfer-encoding", "upgrade", "content-length"}  # fmt: skip


@dataclass
class Request:
    """A request as it came in."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    """What to answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Recorder:
    """A server and everything it was asked."""

    url: str
    requests: list[Request] = field(default_factory=list)


@contextmanager
def server(
    answer: Callable[[Request], Reply], tls: ssl.SSLContext | None = None
) -> Iterator[Recorder]:
    """Serve until the context ends, keeping every request; over HTTPS if told how."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body go out in two writes: the second must not wait for the first's receipt.
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            with lock:
                recorder.requests.append(request)
            reply = answer(request)
            # Its own time is told by the server that made the answer (RFC 9110, 6.6.1).
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_CONNECT = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        if tls:
            # The handshake is made in the thread of each connection.
            running.socket = tls.wrap_socket(
                running.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "https" if tls else "http"
        recorder = Recorder(f"{scheme}://127.0.0.1:{running.server_address[1]}")
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield recorder
        finally:
            running.shutdown()
            thread.join()


def forward(request: Request) -> Reply:
    """Answer as a forward proxy does: ask the server that the target names (RFC 9112, 3.2.2)."""
    parts = urlsplit(request.target)
    assert parts.hostname, "a proxy is asked with the whole URL"
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {k: v for k, v in request.headers.items() if k not in _HOP_BY_HOP}
        connection.request(request.method, path, request.body or None, headers)
        answer = connection.getresponse()
        return Reply(answer.status, answer.read(), dict(answer.getheaders()))
    finally:
        connection.close()


def in_front_of(url: str) -> Callable[[Request], Reply]:
    """Return what answers as the server at a URL does, by asking it."""

    def answer(request: Request) -> Reply:
        target = url + request.target
        return forward(Request(request.method, target, request.headers, request.body))

    return answer
