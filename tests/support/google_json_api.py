"""A small server of Google Cloud Storage's JSON API that honours generation preconditions.

It answers as https://cloud.google.com/storage/docs/json_api/v1 says, as far as a datastore asks.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import unquote, urlencode

from tests.support.scripted_server import QueuedServer, Reply, Request

PAGE = 1000


class GoogleApi(QueuedServer):
    """The server; `objects` maps names to their resources, and `bodies` to their bytes."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.bucket: dict[str, Any] = {"name": "bucket", "location": "EU", "locationType": "region"}
        self.objects: dict[str, dict[str, Any]] = {}
        self.bodies: dict[str, bytes] = {}
        self.sessions: dict[str, tuple[dict[str, Any], Mapping[str, str]]] = {}
        self.spoil = False
        self.lock = threading.Lock()
        self._generation = time.time_ns() // 1000

    def store(
        self, resource: dict[str, Any], body: bytes, query: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """The status and answer of an upload."""
        name = resource["name"]
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        if resource.get("md5Hash", digest) != digest:
            return 400, failure(400, f"Provided MD5 hash doesn't match {digest}.", "invalid")
        with self.lock:
            found = int(self.objects.get(name, {}).get("generation", 0))
            if int(query.get("ifGenerationMatch", found)) != found:
                return 412, failure(412, "At least one condition did not hold.", "conditionNotMet")
            self._generation += 1
            self.objects[name] = {
                "name": name,
                "bucket": "bucket",
                "size": str(len(body)),
                "md5Hash": digest,
                "generation": str(self._generation),
                "timeCreated": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            }
            self.bodies[name] = body
            return 200, self.objects[name]

    def _answer(self, request: Request) -> Reply:
        path, query = unquote(request.path), request.query
        if path == "/batch/storage/v1":
            return self._batch(request.body)
        if path.startswith("/upload/"):
            return self._upload(request)
        if path.endswith("/b/bucket/o"):
            return self._list(query)
        if "/b/bucket/o/" in path:
            name = path.partition("/b/bucket/o/")[2]
            if request.method == "DELETE":
                return _tell(*self._delete(name))
            if name not in self.objects:
                return _tell(404, failure(404, f"No such object: bucket/{name}", "notFound"))
            if query.get("alt") == "media":
                return self._media(name, request.headers.get("range"))
            return _tell(200, self.objects[name])
        if path.endswith("/b/bucket"):
            return _tell(200, self.bucket)
        return _tell(404, failure(404, "The specified bucket does not exist.", "notFound"))

    def _upload(self, request: Request) -> Reply:
        body, query = request.body, request.query
        if "/b/bucket/" not in request.path:
            return _tell(404, failure(404, "The specified bucket does not exist.", "notFound"))
        if "upload_id" in query:
            begun, first = self.sessions.pop(query["upload_id"])
            return _tell(*self.store(begun, body, first))
        if query["uploadType"] == "resumable":
            name = str(len(self.requests))
            self.sessions[name] = json.loads(body), query
            address = urlencode({**query, "upload_id": name})
            return Reply(200, b"", {"Location": f"{self.url}{request.path}?{address}"})
        kind = request.headers["content-type"].encode()
        parts = BytesParser(policy=HTTP).parsebytes(b"Content-Type: %b\r\n\r\n%b" % (kind, b""))
        boundary = b"--" + str(parts.get_boundary()).encode()
        _, resource, media, _ = body.split(boundary)
        data = media.partition(b"\r\n\r\n")[2][:-2]
        named = json.loads(resource.partition(b"\r\n\r\n")[2])
        return _tell(*self.store(named, data, query))

    def _delete(self, name: str) -> tuple[int, dict[str, Any]]:
        if self.objects.pop(name, None) is None:
            return 404, failure(404, f"No such object: bucket/{name}", "notFound")
        return 204, {}

    def _batch(self, body: bytes) -> Reply:
        parts = []
        for line in body.decode().splitlines():
            if line.startswith("DELETE "):
                name = unquote(line.split()[1].partition("/b/bucket/o/")[2]).partition("?")[0]
                status, told = self._delete(name)
                answer = json.dumps(told) if status != 204 else ""
                parts.append(
                    "--part\r\nContent-Type: application/http\r\n\r\n"
                    f"HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(answer)}\r\n\r\n{answer}\r\n"
                )
        kind = {"Content-Type": "multipart/mixed; boundary=part"}
        return Reply(200, ("".join(parts) + "--part--\r\n").encode(), kind)

    def _list(self, query: Mapping[str, str]) -> Reply:
        start = query.get("pageToken", "")
        names = sorted(
            name
            for name in self.objects
            if name.startswith(query.get("prefix", "")) and name > start
        )
        told: dict[str, Any] = {"items": [self.objects[name] for name in names[:PAGE]]}
        if len(names) > PAGE:
            told["nextPageToken"] = names[PAGE - 1]
        return _tell(200, told)

    def _media(self, name: str, asked: str | None) -> Reply:
        body = self.bodies[name]
        headers = {"X-Goog-Hash": f"md5={self.objects[name]['md5Hash']}"}
        status = 200
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            if int(first) >= len(body):
                return Reply(416)
            body, status = body[int(first) : int(last or len(body)) + 1], 206
        if self.spoil:
            body = bytes([body[0] ^ 1]) + body[1:]
        return Reply(status, body, headers)


def failure(status: int, message: str, reason: str) -> dict[str, Any]:
    """An error of the JSON API."""
    return {
        "error": {"code": status, "message": message, "errors": [{"reason": reason}]},
    }


def _tell(status: int, told: dict[str, Any]) -> Reply:
    body = b"" if status == 204 else json.dumps(told).encode()
    return Reply(status, body, {"Content-Type": "application/json"})


@contextmanager
def running_google_api() -> Iterator[GoogleApi]:
    """A server with an empty bucket of the name `bucket`."""
    with GoogleApi() as server:
        yield server
