"""An HTTP proxy that counts requests and injects faults."""

import http.client
import socket
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect"}
_PIECE_BYTES = 1 << 16
_TRICKLES = 8
_ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    "<Error><Code>{code}</Code><Message>{message}</Message></Error>"
)


@dataclass(frozen=True)
class Seen:
    """A request as it was received, numbered from 1."""

    number: int
    method: str
    path: str
    headers: dict
    data: bytes = b""


@dataclass(frozen=True)
class Fault:
    """The fault to inject into a request; the default is none."""

    status: int = 0
    """Answer with this status, `code` and `message`, without forwarding the request."""
    code: str = "SlowDown"
    message: str = ""
    headers: tuple = ()
    drop: bool = False
    """Close the connection without forwarding the request."""
    lose_answer: bool = False
    """Forward the request, then close the connection instead of answering."""
    keep_share: float = 1.0
    """Send this share of the body, then close the connection."""
    delay_seconds: float = 0.0
    """Wait before the request is looked at."""
    trickle_seconds: float = 0.0
    """Send the body in eight pieces, and wait this long before each."""
    stale: bool = False
    """Answer a listing as the same one was answered before; others are forwarded."""


@dataclass
class Passed:
    """A forwarded request, and the body bytes of its answer."""

    method: str
    path: str
    status: int
    sent_bytes: int = 0


@dataclass
class FaultProxy:
    """Listens at `url` and forwards requests. `choose` may be replaced at any time."""

    upstream: str
    choose: Callable[[Seen], Fault] = lambda _: Fault()
    passed: list = field(default_factory=list)
    faults: int = 0
    port: int = 0
    listings: dict = field(default_factory=dict)
    """The last answer to every listing, by its path."""
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def sent_bytes(self):
        return sum(item.sent_bytes for item in self.passed)

    def count(self, method):
        return sum(item.method == method for item in self.passed)

    def start(self):
        self._server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        """Refuse new connections and break open ones."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.break_connections()
            self._server = None

    @contextmanager
    def refusing_for(self, seconds):
        """Refuse connections for this many seconds while the block runs."""
        self.stop()
        timer = threading.Timer(seconds, self.start)
        timer.start()
        try:
            yield
        finally:
            timer.join()

    def number(self):
        with self._lock:
            self._count += 1
            return self._count

    def note(self, item):
        with self._lock:
            self.passed.append(item)

    def note_fault(self):
        with self._lock:
            self.faults += 1

    def reset(self):
        self.passed.clear()
        self.faults = self._count = 0


@contextmanager
def proxy(upstream, choose=lambda _: Fault()):
    """Run a proxy in front of the server at the URL `upstream`."""
    running = FaultProxy(upstream, choose)
    running.start()
    try:
        yield running
    finally:
        running.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *arguments):
        self._open = set()
        super().__init__(*arguments)

    def process_request(self, request, client_address):
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self._open.discard(request)
        super().shutdown_request(request)

    def break_connections(self):
        for request in list(self._open):
            self.shutdown_request(request)

    def handle_error(self, request, client_address):
        """Log nothing: connections are broken on purpose, from both ends."""


def _handler(owner):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self):
            length = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(length)
            seen = Seen(owner.number(), self.command, self.path, dict(self.headers), data)
            fault = owner.choose(seen)
            if fault != Fault():
                owner.note_fault()
            time.sleep(fault.delay_seconds)
            if fault.drop:
                self._hang_up()
            elif fault.status:
                self._refuse(fault)
            elif fault.stale and self.path in owner.listings:
                self._send_listing(owner.listings[self.path])
            else:
                self._forward(data, fault)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815

        def _forward(self, data, fault):
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
            # The Host header is forwarded unchanged because the signature covers it.
            host = urlsplit(owner.upstream)
            connection = http.client.HTTPConnection(host.hostname, host.port, timeout=60)
            try:
                connection.request(self.command, self.path, data or None, headers)
                answer = connection.getresponse()
                if fault.lose_answer:
                    answer.read()
                    self._hang_up()
                    return
                passed = Passed(self.command, self.path, answer.status)
                owner.note(passed)
                whole = fault.keep_share == 1 and not fault.trickle_seconds
                lists = self.command == "GET" and "list-type=2" in self.path
                if whole and lists and answer.status == 200:
                    owner.listings[self.path] = body = answer.read()
                    passed.sent_bytes = len(body)
                    self._send_listing(body)
                else:
                    self._answer(answer, passed, fault)
            except OSError:
                self._hang_up()  # The server is gone.
            finally:
                connection.close()

        def _answer(self, answer, passed, fault):
            self.send_response_only(answer.status, answer.reason)
            length = answer.getheader("Content-Length")
            for name, value in answer.getheaders():
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            if length is None:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            if self.command == "HEAD":
                return
            left = None if length is None else int(int(length) * fault.keep_share)
            most = _PIECE_BYTES
            if fault.trickle_seconds and length is not None:
                most = max(1, int(length) // _TRICKLES)
            while left != 0 and (piece := answer.read(most if left is None else min(left, most))):
                time.sleep(fault.trickle_seconds)
                self.wfile.write(piece)
                passed.sent_bytes += len(piece)
                left = None if left is None else left - len(piece)
            if fault.keep_share < 1:
                self._hang_up()

        def _send_listing(self, body):
            self.send_response_only(200, "OK")
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _refuse(self, fault):
            body = _ERROR.format(code=fault.code, message=fault.message).encode()
            self.send_response_only(fault.status, "Spoiled")
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            for name, value in fault.headers:
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _hang_up(self):
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *arguments):
            """Log nothing."""

    return Handler
