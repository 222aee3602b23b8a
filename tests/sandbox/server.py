"""HTTP over sockets: quick, and able to break a connection in every way a network can."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

from tests.sandbox.answers import Answer, FileSlice, Request, plain_answer

_CHUNK = 1 << 18
# So many seconds may a slowed delivery be behind its rate: what waits take too long is caught up,
# what the client takes too long is not.
_CAUGHT_UP = 0.02
_LARGEST_HEAD = 64 * 1024
_LARGEST_BODY = 32 << 20
_REASONS = {200: "OK", 206: "Partial Content", 302: "Found", 404: "Not Found"}


class Connection(socketserver.BaseRequestHandler):
    """One connection, kept alive over many requests (HTTP/1.1)."""

    server: Server

    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._sent = 0
        self.server.opened(self.request)

    def finish(self) -> None:
        self.server.closed(self.request)

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while not self.server.stopping.is_set():
                request = self._read()
                if request is None or not self._serve(request):
                    return

    def _serve(self, request: Request) -> bool:
        """Answer one request; tells whether the connection goes on."""
        done: Callable[[int], None] = self.server.begin(request)
        self._sent = 0
        try:
            answer = self.server.respond(request)
            if self.server.verbose:
                print(f"{request.method} {request.target} {answer.status}", file=sys.stderr)
            goes_on = self._send(answer)
        finally:
            done(self._sent)
        return goes_on and request.headers.get("connection", "").lower() != "close"

    # Reading ----------------------------------------------------------------------------------

    def _more(self) -> bool:
        data = self.request.recv(65_536)
        self._buffer += data
        return bool(data)

    def _read(self) -> Request | None:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _LARGEST_HEAD or not self._more():
                return None
        head = self._buffer[:end].decode("latin-1").split("\r\n")
        self._buffer = self._buffer[end + 4 :]
        words = head[0].split(" ")
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        size = headers.get("content-length", "0")
        if (
            len(words) != 3
            or not (size.isascii() and size.isdigit())
            or "transfer-encoding" in headers
        ):
            self._send(plain_answer(400, "Bad Request"))
            return None
        length = int(size)
        if length > _LARGEST_BODY:
            self._send(plain_answer(413, "Request Entity Too Large"))
            return None
        if headers.get("expect", "").lower() == "100-continue":
            self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(self._buffer) < length:
            if not self._more():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Request(words[0], words[1], headers, body)

    # Sending ----------------------------------------------------------------------------------

    def _send(self, answer: Answer) -> bool:
        delivery = answer.delivery
        if delivery.hold is not None:
            self.server.stopping.wait(delivery.hold)
            return False
        if delivery.reset:
            self._reset()
            return False
        body = answer.body
        total = body.length if isinstance(body, FileSlice) else len(_as_bytes(body))
        limit = total
        for cut in (delivery.stop_after, delivery.reset_after):
            if cut is not None:
                limit = min(limit, cut)
        chunked = delivery.stop_after is not None and delivery.length == "absent"
        said = limit if delivery.stop_after is not None and delivery.length == "match" else total
        head = self._head(answer, None if chunked else said)
        changed = delivery.flip_at is not None or delivery.open_for is not None
        plain = limit == total and not changed and not delivery.bytes_per_second
        if isinstance(body, FileSlice) and plain:
            self.request.sendall(head)
            with body.path.open("rb") as file:
                self._sent = self.request.sendfile(file, body.start, body.length)
            return True
        if not isinstance(body, FileSlice) and plain:
            self.request.sendall(head + _as_bytes(body))
            self._sent = total
            return True
        self.request.sendall(head)
        closes = math.inf if delivery.open_for is None else time.monotonic() + delivery.open_for
        for chunk in self._pieces(answer, limit):
            self._close_at(closes)
            framed = b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunked else chunk
            self.request.sendall(framed)
            self._sent += len(chunk)
        if chunked:
            self.request.sendall(b"0\r\n\r\n")
        if delivery.reset_after is not None:
            self._reset()
            return False
        return chunked or said == limit

    def _close_at(self, closes: float) -> None:
        """Let the connection close at that time, also while the client takes nothing."""
        if closes < math.inf:
            left = closes - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.request.settimeout(left)

    def _head(self, answer: Answer, length: int | None) -> bytes:
        reason = _REASONS.get(answer.status, "Error")
        lines = [f"HTTP/1.1 {answer.status} {reason}", f"Content-Type: {answer.content_type}"]
        date = self.server.date(answer.delivery.date_offset)
        if date is not None:
            # A server with a clock sends the time at which it made the answer (RFC 9110, 6.6.1).
            lines.append(f"Date: {formatdate(date, usegmt=True)}")
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        lines.append(framing)
        lines.extend(f"{name}: {value}" for name, value in answer.headers.items())
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _pieces(self, answer: Answer, limit: int) -> Iterator[bytes]:
        """The first `limit` bytes of the body, altered and slowed as the delivery says."""
        delivery = answer.delivery
        rate = delivery.bytes_per_second
        step = max(1, min(_CHUNK, int(rate / 10))) if rate else _CHUNK
        sent = 0
        due = time.monotonic()
        with contextlib.ExitStack() as stack:
            body = answer.body
            file = None
            if isinstance(body, FileSlice):
                file = stack.enter_context(body.path.open("rb"))
                file.seek(body.start)
            while sent < limit and not self.server.stopping.is_set():
                size = min(step, limit - sent)
                chunk = file.read(size) if file else _as_bytes(body)[sent : sent + size]
                if not chunk:
                    return
                flip = delivery.flip_at
                if flip is not None and sent <= flip < sent + len(chunk):
                    place = flip - sent
                    chunk = chunk[:place] + bytes([chunk[place] ^ 1]) + chunk[place + 1 :]
                if rate and sent:
                    due = max(due + size / rate, time.monotonic() - _CAUGHT_UP)
                    self.server.stopping.wait(max(0.0, due - time.monotonic()))
                yield chunk
                sent += len(chunk)

    def _reset(self) -> None:
        """Close with a reset (RST) rather than an orderly end (FIN)."""
        sock: socket.socket = self.request
        # What was written must be on its way before the reset throws the rest away.
        time.sleep(0.01)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.closed(sock)
        os.close(sock.detach())


def _as_bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else b"".join(body)


class Server(socketserver.ThreadingTCPServer):
    """A threaded server on the loopback interface."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        respond: Callable[[Request], Answer],
        begin: Callable[[Request], Callable[[int], None]],
        date: Callable[[float], float | None],
        verbose: bool,
    ) -> None:
        self.respond = respond
        self.begin = begin
        self.date = date
        self.verbose = verbose
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Connection)

    def opened(self, sock: socket.socket) -> None:
        """A connection has come in."""
        self._open.add(sock)

    def closed(self, sock: socket.socket) -> None:
        """A connection is gone."""
        self._open.discard(sock)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news; anything else is."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Stop serving and close every connection."""
        self.stopping.set()
        self.shutdown()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self.server_close()
