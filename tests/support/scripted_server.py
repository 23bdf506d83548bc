"""A server of HTTP on loopback that answers as a test says: for what no real server can be made do.

with ScriptedServer(lambda request: Reply(503, xml_error("SlowDown"))) as server:
    ...  # a client of server.url
    assert server.requests[0].method == "PUT"

Where a server answers well but for some requests, `QueuedServer` has the replies for these.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is quoted as it was sent; `headers` has names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def access_key_id(self) -> str:
        """Whose the signature says it is."""
        return self.headers["authorization"].partition("Credential=")[2].partition("/")[0]


@dataclass(frozen=True, slots=True)
class Reply:
    """`length` is what the header says where that is not the body's; status 0 hangs up instead.

    `seconds` are waited before. `only` is the method that a reply of a `QueuedServer` is for.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    seconds: float = 0.0
    only: str | None = None


Script = Callable[[Request], Reply]


class ScriptedServer:
    """Serves from its start to the end of the block, each request in a thread."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        """`tls` has the certificate of a server of https; the requests of others are plain."""
        self.script = script
        self.requests: list[Request] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._scheme = "https" if tls else "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 30
            protocol_version = "HTTP/1.1"

            def parse_request(self) -> bool:
                """Take any method: HTTP's names for them are no identifiers of ours."""
                if super().parse_request():
                    self.answer()
                return False

            def answer(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                outer.requests.append(request)
                reply = outer.script(request)
                self.close_connection = True
                if reply.status == 0:
                    return
                time.sleep(reply.seconds)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                length = len(reply.body) if reply.length is None else reply.length
                if reply.status != 204:
                    self.send_header("Content-Length", str(length))
                self.send_header("Connection", "close")
                self.end_headers()
                if request.method != "HEAD":
                    self.wfile.write(reply.body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


class QueuedServer(ScriptedServer):
    """Gives each of its `queued` replies once, to the next request, and then those of `rest`."""

    def __init__(self, rest: Script = lambda _: Reply(404)) -> None:
        super().__init__(self._next)
        self.queued: list[Reply] = []
        self._rest = rest
        self._lock = threading.Lock()

    def _next(self, request: Request) -> Reply:
        with self._lock:
            for number, reply in enumerate(self.queued):
                if reply.only in (None, request.method):
                    return self.queued.pop(number)
        return self._rest(request)


def xml_error(code: str, message: str = "", **fields: str) -> bytes:
    """The body of an error of S3."""
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return (
        f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message>{inside}"
        "</Error>"
    ).encode()
