"""A proxy on 127.0.0.1 between a client and a server of HTTP, that fails on purpose.

    with FaultProxy(server.url) as proxy:
        proxy.script(
            lost_answer("PUT", "/bucket/dumps/*"),
            refuse(503, retry_after=1, method="GET", skip=2, times=3),
            wrong_bytes("GET", "*/chunks/*"),
        )
        ...  # a client that takes proxy.url for the server's
        proxy.assert_all_used()

A fault says which requests it belongs to, by patterns as in a shell of the method and of the target
(path and query as they were sent; `*` also stands for slashes), how many of them it lets pass first
(`skip`) and how many it strikes after that (`times`). Of several that fit a request the first that
isn't used up strikes; one that lets it pass is not asked again for that request, and the next one
is.

Requests and answers are passed on whole, each in one go, so their sizes are bounded by memory. The
`Host` of the client goes to the server, lest a signature is wrong.
"""

from __future__ import annotations

import http.client
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self
from urllib.parse import urlsplit

Kind = Literal["cut request", "cut answer", "refuse", "slow", "wrong bytes", "lost answer", "hang"]

_PIECES = 8  # of a slow answer
_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "expect"})
_CODES = {500: "InternalError", 503: "SlowDown"}


@dataclass(frozen=True, slots=True)
class WireFault:
    """One entry of a script; make it by one of the functions below."""

    kind: Kind
    method: str
    target: str
    skip: int
    times: int
    amount: float = 0.0
    retry_after: int | None = None

    def __str__(self) -> str:
        return f"{self.kind} of {self.method} {self.target}"


def cut_request(
    method: str = "*", target: str = "*", *, at: int = 0, skip: int = 0, times: int = 1
) -> WireFault:
    """Pass on the head and `at` bytes of the body, but not the last one, then end both connections.

    Of a request without a body nothing is passed on.
    """
    return WireFault("cut request", method, target, skip, times, at)


def cut_answer(
    method: str = "*", target: str = "*", *, at: int = 0, skip: int = 0, times: int = 1
) -> WireFault:
    """Answer with the head and `at` bytes of the body, but not the last one, and then end.

    A body that is empty leaves the head to be cut in two.
    """
    return WireFault("cut answer", method, target, skip, times, at)


def refuse(
    status: int,
    method: str = "*",
    target: str = "*",
    *,
    retry_after: int | None = None,
    skip: int = 0,
    times: int = 1,
) -> WireFault:
    """Answer with this status, as S3 does, and pass nothing on. `retry_after` is in seconds."""
    return WireFault("refuse", method, target, skip, times, status, retry_after)


def slow(
    seconds: float, method: str = "*", target: str = "*", *, skip: int = 0, times: int = 1
) -> WireFault:
    """Give the answer piece by piece, which takes `seconds` in all."""
    return WireFault("slow", method, target, skip, times, seconds)


def wrong_bytes(
    method: str = "*", target: str = "*", *, at: int = 0, skip: int = 0, times: int = 1
) -> WireFault:
    """Turn over a bit of byte `at` of the answer's body, counted around; its size stays."""
    return WireFault("wrong bytes", method, target, skip, times, at)


def lost_answer(
    method: str = "*", target: str = "*", *, skip: int = 0, times: int = 1
) -> WireFault:
    """Let the server do it and answer, then end the client's connection without a byte."""
    return WireFault("lost answer", method, target, skip, times)


def hang(method: str = "*", target: str = "*", *, skip: int = 0, times: int = 1) -> WireFault:
    """Pass nothing on and say nothing, until the client has given up."""
    return WireFault("hang", method, target, skip, times)


@dataclass(slots=True)
class _Entry:
    fault: WireFault
    seen: int = 0
    struck: int = 0

    def strikes(self, method: str, target: str) -> bool:
        fault = self.fault
        if (
            self.struck >= fault.times
            or not fnmatchcase(method, fault.method)
            or not fnmatchcase(target, fault.target)
        ):
            return False
        self.seen += 1
        if self.seen <= fault.skip:
            return False
        self.struck += 1
        return True


@dataclass(frozen=True, slots=True)
class _Answer:
    head: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that came in: `fault` is what struck it, if anything did."""

    method: str
    target: str
    fault: WireFault | None


class FaultProxy:
    """A running proxy to the http:// server at `upstream`; ends with the `with` block.

    `delay` seconds are added to each request, before it is passed on. `exchanges` has all requests
    so far, and `passing` says how many that nothing struck wait for their answers.
    """

    def __init__(self, upstream: str, *, delay: float = 0.0) -> None:
        parts = urlsplit(upstream)
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise ValueError("the proxy needs the address of a server that speaks plain http")
        self.upstream = (parts.hostname, parts.port)
        self.delay = delay
        self.exchanges: list[Exchange] = []
        self.passing = 0
        self.closing = threading.Event()
        self._script: list[_Entry] = []
        self._lock = threading.Lock()
        self._server = _Listener(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def script(self, *faults: WireFault) -> None:
        """Begin anew with these, whatever is left of the last script; forget all requests."""
        with self._lock:
            self._script = [_Entry(fault) for fault in faults]
            self.exchanges.clear()

    def assert_all_used(self) -> None:
        """Fail unless every fault has struck as often as it should have."""
        with self._lock:
            unused = [
                f"{entry.fault} struck {entry.struck} of {entry.fault.times} times"
                for entry in self._script
                if entry.struck != entry.fault.times
            ]
        assert not unused, "; ".join(unused)

    def fault_for(self, method: str, target: str) -> WireFault | None:
        """Note a request, and tell what is to strike it."""
        with self._lock:
            found = next((e.fault for e in self._script if e.strikes(method, target)), None)
            self.exchanges.append(Exchange(method, target, found))
            self.passing += found is None
        return found

    def answered(self) -> None:
        """Note that a request which nothing struck is over."""
        with self._lock:
            self.passing -= 1

    def close(self) -> None:
        """Stop listening, and end every connection. May be called twice."""
        self.closing.set()
        self._server.shutdown()
        self._server.end_connections()
        self._server.server_close()
        self._thread.join()


class _Listener(ThreadingHTTPServer):
    """One thread a connection; closing waits for all of them."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Connection)

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]  # not for UDP
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]  # likewise
        self._connections.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        for connection in [*self._connections]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what the faults are for."""


class _Connection(BaseHTTPRequestHandler):
    """A client's connection, and one to the server that goes with it."""

    server: _Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    _upstream: http.client.HTTPConnection | None = None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name there)
        """Nobody reads it."""

    def finish(self) -> None:
        self._hang_up()
        super().finish()

    def _exchange(self) -> None:
        proxy = self.server.proxy
        fault = proxy.fault_for(self.command, self.path)
        try:
            body = self._body()
            if proxy.delay:
                proxy.closing.wait(proxy.delay)
            if fault is None:
                self._send(self._ask(body))
            else:
                _ACTIONS[fault.kind](self, fault, body)
        finally:
            if fault is None:
                proxy.answered()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _exchange  # noqa: N815  (names of the base)

    # What a fault does

    def cut_request(self, fault: WireFault, body: bytes) -> None:
        if body:
            upstream = self._begin(body)
            with suppress(OSError):
                upstream.send(body[: min(int(fault.amount), len(body) - 1)])
            self._hang_up()
        self.close_connection = True

    def cut_answer(self, fault: WireFault, body: bytes) -> None:
        answer = self._ask(body)
        if answer.body:
            rest = answer.body[: min(int(fault.amount), len(answer.body) - 1)]
            self.wfile.write(answer.head + rest)
        else:
            self.wfile.write(answer.head[: len(answer.head) // 2])
        self.close_connection = True

    def refuse(self, fault: WireFault, _: bytes) -> None:
        status = int(fault.amount)
        code = _CODES.get(status, "Failed")
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{code}</Code><Message>On purpose.</Message></Error>"
        ).encode()
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(text)))]
        if fault.retry_after is not None:
            headers.append(("Retry-After", str(fault.retry_after)))
        empty = self.command == "HEAD"
        self._send(_Answer(_head(status, code, headers), b"" if empty else text))

    def slow(self, fault: WireFault, body: bytes) -> None:
        answer = self._ask(body)
        whole = answer.head + answer.body
        size = -(-len(whole) // _PIECES)
        for start in range(0, len(whole), size):
            self.wfile.write(whole[start : start + size])
            self.server.proxy.closing.wait(fault.amount / _PIECES)

    def wrong_bytes(self, fault: WireFault, body: bytes) -> None:
        answer = self._ask(body)
        changed = bytearray(answer.body)
        if changed:
            changed[int(fault.amount) % len(changed)] ^= 1
        self._send(_Answer(answer.head, bytes(changed)))

    def lose_answer(self, _: WireFault, body: bytes) -> None:
        self._ask(body)
        self.close_connection = True

    def hang(self, _: WireFault, __: bytes) -> None:
        while not self.server.proxy.closing.is_set():
            readable, _unused, _unused = select.select([self.connection], [], [], 0.05)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                break
        self.close_connection = True

    # To the server, and back

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunked_body()
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        if len(body) != size:
            raise ConnectionError("the client went away")
        return body

    def _chunked_body(self) -> bytes:
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(pieces)

    def _begin(self, body: bytes) -> http.client.HTTPConnection:
        """A connection to the server, on which the request's head was sent."""
        self._hang_up()  # a connection that is kept may be dead, and nothing here may be repeated
        self._upstream = http.client.HTTPConnection(*self.server.proxy.upstream, timeout=60)
        self._upstream.putrequest(
            self.command, self.path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in self.headers.items():
            if name.lower() not in (*_OF_THE_CONNECTION, "content-length"):
                self._upstream.putheader(name, value)
        if body or "Content-Length" in self.headers:
            self._upstream.putheader("Content-Length", str(len(body)))
        self._upstream.endheaders()
        return self._upstream

    def _ask(self, body: bytes) -> _Answer:
        upstream = self._begin(body)
        upstream.send(body)
        response = upstream.getresponse()
        content = response.read()
        headers = [
            (name, value)
            for name, value in response.getheaders()
            if name.lower() not in (*_OF_THE_CONNECTION, "content-length")
        ]
        bodiless = self.command == "HEAD" or response.status in (204, 304)
        length = response.getheader("Content-Length") if bodiless else str(len(content))
        if length is not None:
            headers.append(("Content-Length", length))
        return _Answer(_head(response.status, response.reason, headers), content)

    def _send(self, answer: _Answer) -> None:
        self.wfile.write(answer.head + answer.body)

    def _hang_up(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
            self._upstream = None


_ACTIONS: dict[Kind, Callable[[_Connection, WireFault, bytes], None]] = {
    "cut request": _Connection.cut_request,
    "cut answer": _Connection.cut_answer,
    "refuse": _Connection.refuse,
    "slow": _Connection.slow,
    "wrong bytes": _Connection.wrong_bytes,
    "lost answer": _Connection.lose_answer,
    "hang": _Connection.hang,
}


def _head(status: int, reason: str, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
