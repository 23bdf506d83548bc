"""An HTTP server on loopback that answers as it is told: for what a real one does not do on demand.

An answer in `scripted` is given to the next request that it is meant for. What else a server of a
protocol answers, its handler says.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Scripted:
    """An answer given instead of the right one.

    `only` restricts it to requests whose method it is. `cut` sends so many bytes of the body less
    than the header says, and hangs up; `seconds` are waited before.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    only: str | None = None
    cut: int = 0
    seconds: float = 0.0


class ScriptedHandler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ScriptedServer

    def log_message(self, *_: Any) -> None:
        """Nobody listens."""

    def answer(self, path: str, query: dict[str, str], body: bytes) -> None:  # noqa: ARG002  (for those that look)
        """Answer a request for which there is nothing scripted."""
        self.send(404, b"", {})

    def send(self, status: int, body: bytes, headers: dict[str, str], cut: int = 0) -> None:
        """Answer; the length of the body is added to the headers."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if status != 204 or name != "Content-Length":
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) - cut])
        self.close_connection = self.close_connection or cut > 0

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        self.server.requests.append((self.command, address.path, query))
        scripted = self.server.next(self.command)
        if scripted is None:
            self.answer(unquote(address.path), query, body)
        else:
            time.sleep(scripted.seconds)
            self.send(scripted.status, scripted.body, scripted.headers, scripted.cut)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  (the base calls them so)


class ScriptedServer(ThreadingHTTPServer):
    """The server; `requests` has the method, path and query of each request."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, handler: type[ScriptedHandler] = ScriptedHandler) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.scripted: list[Scripted] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self._script_lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next(self, method: str) -> Scripted | None:
        """The answer for a request, which is then no longer scripted."""
        with self._script_lock:
            for number, scripted in enumerate(self.scripted):
                if scripted.only in (None, method):
                    return self.scripted.pop(number)
        return None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve for the time of the block."""
        thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()
