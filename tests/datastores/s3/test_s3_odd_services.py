"""Services that take what they don't heed, know half of the protocol, or answer nonsense."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from replicate.config import AwsConfig, GcpConfig
from replicate.datastores.base import ConditionalWrites, Replace
from replicate.datastores.remote.conditions import PROBE_FOLDER
from replicate.datastores.s3.settings import S3Settings
from replicate.datastores.s3.store import S3Store
from replicate.errors import ConflictError, DatastoreError, TooLargeError
from tests.support.scripted_server import Reply, Request, Script, ScriptedServer, xml_error

pytestmark = pytest.mark.usefixtures("quiet_environment")

WHEN = "2026-01-02T03:04:05.000Z"


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _store(url: str) -> S3Store:
    section = {
        "bucket": "dumps",
        "credentials": {"access_key_id": "a", "secret_access_key": "s"},
        "endpoint": {"custom": url},
    }
    return S3Store(S3Settings.of_aws(AwsConfig.model_validate(section)))


class Shelf:
    """A service that keeps objects; `heeds` says which conditions of a put it decides."""

    def __init__(self, *, heeds: tuple[str, ...] = (), refuses: tuple[str, ...] = ()) -> None:
        self.objects: dict[str, bytes] = {}
        self._heeds = heeds
        self._refuses = refuses

    def __call__(self, request: Request) -> Reply:
        name = request.path
        if request.method == "DELETE":
            self.objects.pop(name, None)
            return Reply(204)
        if request.method == "PUT":
            return self._put(name, request)
        if name not in self.objects:
            return Reply(404, xml_error("NoSuchKey"))
        return Reply(200, self.objects[name], self._about(name))

    def _put(self, name: str, request: Request) -> Reply:
        for header in ("if-none-match", "if-match"):
            given = request.headers.get(header)
            if given is None:
                continue
            if header in self._refuses:
                return Reply(501, xml_error("NotImplemented"))
            there = name in self.objects
            fits = not there if given == "*" else there and _md5(self.objects[name]) == given
            if header in self._heeds and not fits:
                return Reply(412, xml_error("PreconditionFailed"))
        self.objects[name] = request.body
        return Reply(200, b"", self._about(name))

    def _about(self, name: str) -> dict[str, str]:
        etag = _md5(self.objects[name])
        return {"ETag": f'"{etag}"', "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT"}


@pytest.mark.parametrize(
    ("shelf", "found"),
    [
        (Shelf(heeds=("if-none-match", "if-match")), ConditionalWrites.ATOMIC),
        (Shelf(), ConditionalWrites.NONE),
        (Shelf(heeds=("if-none-match",)), ConditionalWrites.NONE),
        (Shelf(heeds=("if-match",)), ConditionalWrites.NONE),
        (Shelf(heeds=("if-none-match",), refuses=("if-match",)), ConditionalWrites.NONE),
        (Shelf(refuses=("if-none-match", "if-match")), ConditionalWrites.NONE),
    ],
)
def test_conditions_are_tried_out_once(shelf: Shelf, found: ConditionalWrites) -> None:
    with ScriptedServer(shelf) as server, closing(_store(server.url)) as store:
        assert store.capabilities.conditional_writes is found
        assert not shelf.objects
        asked = len(server.requests)
        [path] = {request.path for request in server.requests}
        assert re.fullmatch(f"/dumps/{PROBE_FOLDER}[0-9a-f]{{16}}", path)
        assert store.capabilities.conditional_writes is found
        assert len(server.requests) == asked


def test_right_etag_that_is_refused_means_none() -> None:
    def script(request: Request) -> Reply:
        conditional = {"if-match", "if-none-match"} & {*request.headers}
        return Reply(412 if conditional else 200, b"", {"ETag": '"e"'})

    with ScriptedServer(script) as server, closing(_store(server.url)) as store:
        assert store.capabilities.conditional_writes is ConditionalWrites.NONE


def test_probe_that_is_denied_means_none() -> None:
    with (
        ScriptedServer(lambda _: Reply(403, xml_error("AccessDenied"))) as server,
        closing(_store(server.url)) as store,
    ):
        assert store.capabilities.conditional_writes is ConditionalWrites.NONE


def test_probe_that_fails_for_now_is_asked_again() -> None:
    shelf = Shelf(heeds=("if-none-match", "if-match"))
    with (
        ScriptedServer(lambda _: Reply(503, xml_error("SlowDown"))) as server,
        closing(_store(server.url)) as store,
    ):
        with pytest.raises(DatastoreError) as caught:
            _ = store.capabilities
        assert caught.value.transient
        server.script = shelf
        assert store.capabilities.conditional_writes is ConditionalWrites.ATOMIC


def test_probe_that_fails_is_cleaned_up_and_no_two_have_the_same_key() -> None:
    def script(request: Request) -> Reply:
        if "if-match" in request.headers:
            return Reply(503, xml_error("SlowDown"))
        return Reply(200, b"", {"ETag": f'"{_md5(request.body)}"'})

    with ScriptedServer(script) as server, closing(_store(server.url)) as store:
        for _ in range(2):
            with pytest.raises(DatastoreError, match="not able to answer just now"):
                _ = store.capabilities
    removed = [request.path for request in server.requests if request.method == "DELETE"]
    assert len({*removed}) == 2
    assert {*removed} == {request.path for request in server.requests}


def test_probe_that_may_not_remove_its_versions() -> None:
    shelf = Shelf(heeds=("if-none-match", "if-match"))

    def script(request: Request) -> Reply:
        if "versionId" in request.query:
            return Reply(403, xml_error("AccessDenied"))
        answer = shelf(request)
        number = str(len(server.requests))
        return Reply(answer.status, answer.body, {**answer.headers, "x-amz-version-id": number})

    with ScriptedServer(script) as server, closing(_store(server.url)) as store:
        assert store.capabilities.conditional_writes is ConditionalWrites.ATOMIC
    assert not shelf.objects
    tried = [request.query["versionId"] for request in server.requests if request.query]
    assert tried == ["1", "4", "5"]  # those of the two puts that succeed, and the marker's


def test_where_conditions_are_not_heeded_they_are_not_sent() -> None:
    shelf = Shelf()
    with ScriptedServer(shelf) as server, closing(_store(server.url)) as store:
        assert store.capabilities.conditional_writes is ConditionalWrites.NONE
        del server.requests[:]
        first = store.put("a", b"1", mode="create").version
        with pytest.raises(ConflictError, match="a exists already"):
            store.put("a", b"2", mode="create")
        with pytest.raises(ConflictError, match="was changed or deleted"):
            store.put("a", b"2", mode=Replace("0" * 32))
        with pytest.raises(ConflictError, match="was changed or deleted"):
            store.put("b", b"2", mode=Replace(first))
        assert store.get("a") == b"1"
        store.put("a", b"3", mode=Replace(first))
        assert store.get("a") == b"3"
        sent = {name for request in server.requests for name in request.headers}
    assert not {"if-match", "if-none-match", "x-goog-if-generation-match"} & sent


def test_put_has_a_checksum_and_no_other() -> None:
    with ScriptedServer(Shelf()) as server, closing(_store(server.url)) as store:
        store.put("a", memoryview(b"some bytes"))
        headers = server.requests[0].headers
    assert base64.b64decode(headers["content-md5"]).hex() == _md5(b"some bytes")
    assert server.requests[0].body == b"some bytes"
    assert not [name for name in headers if name.startswith("x-amz-checksum")]
    assert "x-amz-trailer" not in headers


def test_first_body_is_announced_and_later_ones_are_sent_at_once() -> None:
    with ScriptedServer(Shelf()) as server, closing(_store(server.url)) as store:
        for _ in range(2):
            store.put("a", b"x")
        server.script = lambda _: Reply(403)
        with pytest.raises(DatastoreError):
            store.put("a", b"x")
        server.script = Shelf()
        store.put("a", b"x")
        announced = ["expect" in request.headers for request in server.requests]
    assert announced == [True, False, False, True]


def test_etag_that_is_another_md5() -> None:
    reply = Reply(200, b"", {"ETag": f'"{_md5(b"other")}"'})
    with (
        ScriptedServer(lambda _: reply) as server,
        closing(_store(server.url)) as store,
        pytest.raises(DatastoreError, match="a was damaged on its way") as caught,
    ):
        store.put("a", b"x")
    assert caught.value.transient


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": f'"{_md5(b"other")}"', "x-amz-server-side-encryption": "aws:kms"},
        {"ETag": f'"{_md5(b"other")}-1"'},
        {"ETag": '"5f3c"'},
    ],
)
def test_etag_that_is_no_md5(headers: dict[str, str]) -> None:
    reply = Reply(200, b"", headers)
    with ScriptedServer(lambda _: reply) as server, closing(_store(server.url)) as store:
        assert f'"{store.put("a", b"x").version}"' == headers["ETag"]


# Reading

BODY = bytes(range(100))


def _get(
    reply: Reply, byte_range: tuple[int, int] | None = None, max_size: int | None = None
) -> bytes:
    with ScriptedServer(lambda _: reply) as server, closing(_store(server.url)) as store:
        return store.get("a", byte_range=byte_range, max_size=max_size)


def _part(start: int, end: int, **change: Any) -> Reply:
    headers = {"ETag": '"e"', "Content-Range": f"bytes {start}-{end - 1}/100"}
    return Reply(change.pop("status", 206), BODY[start:end], headers, **change)


def test_range_that_is_ignored() -> None:
    whole = Reply(200, BODY, {"ETag": '"e"'})
    assert _get(whole, (5, 17)) == BODY[5:17]
    assert _get(whole, (0, 100)) == BODY
    with pytest.raises(DatastoreError, match="bytes 90 to 101 were asked of a, which has 100"):
        _get(whole, (90, 101))


def test_part_that_comes_as_a_whole() -> None:
    assert _get(_part(5, 17, status=200), (5, 17)) == BODY[5:17]


@pytest.mark.parametrize(
    "reply",
    [_part(0, 12), _part(6, 17), _part(5, 40), Reply(206, BODY[5:17], {"ETag": '"e"'})],
)
def test_part_that_is_another(reply: Reply) -> None:
    with pytest.raises(DatastoreError, match="another part of a came") as caught:
        _get(reply, (5, 17))
    assert caught.value.transient


def test_part_that_is_not_as_long_as_it_says() -> None:
    headers = {"ETag": '"e"', "Content-Range": "bytes 5-16/100"}
    with pytest.raises(DatastoreError, match="ended early") as caught:
        _get(Reply(206, BODY[5:10], headers), (5, 17))
    assert caught.value.transient


def test_range_past_the_end() -> None:
    with pytest.raises(DatastoreError, match="which has 100"):
        _get(_part(90, 100), (90, 120))
    with pytest.raises(DatastoreError, match="which has fewer") as caught:
        _get(Reply(416, xml_error("InvalidRange")), (100, 120))
    assert not caught.value.transient


def test_too_large_is_not_read() -> None:
    # What the header says is never sent: reading it would fail.
    with pytest.raises(TooLargeError):
        _get(Reply(200, b"", {"ETag": '"e"'}, length=10**12), max_size=1000)


# Listing


def _page(*keys: str, token: str | None = None, more: bool | None = None) -> Reply:
    inside = "".join(
        f"<Contents><Key>{key}</Key><LastModified>{WHEN}</LastModified>"
        f'<ETag>"e"</ETag><Size>1</Size></Contents>'
        for key in keys
    )
    following = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    truncated = str(bool(token) if more is None else more).lower()
    return Reply(
        200,
        f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{following}{inside}"
        "</ListBucketResult>".encode(),
    )


def _pages(*replies: Reply) -> Script:
    left: Iterator[Reply] = iter(replies)
    return lambda _: next(left)


def _keys(script: Script) -> list[str]:
    with ScriptedServer(script) as server, closing(_store(server.url)) as store:
        return [info.key for info in store.list("")]


def test_pages_follow_each_other() -> None:
    assert _keys(_pages(_page("a", "b", token="1"), _page(token="2"), _page("c"))) == [*"abc"]


@pytest.mark.parametrize(
    "script",
    [
        lambda _: _page("a", more=True),
        _pages(_page("a", token="1"), _page("b", token="1")),
        lambda request: _page(token=f"{request.query.get('continuation-token', '')}x"),
    ],
    ids=["no token", "the same token", "empty pages"],
)
def test_listing_comes_to_an_end(script: Script) -> None:
    with pytest.raises(DatastoreError, match="has no end"):
        _keys(script)


@pytest.mark.parametrize(
    "script",
    [
        lambda _: _page("b", "a"),
        lambda _: _page("a", "a"),
        _pages(_page("a", "b", token="1"), _page("a")),
        lambda request: _page("a", "b", token=f"{request.query.get('continuation-token', '')}x"),
    ],
    ids=["unordered", "twice", "from the start", "the same page for ever"],
)
def test_listing_is_in_order(script: Script) -> None:
    with pytest.raises(DatastoreError, match="which is not the order"):
        _keys(script)


# Deleting


def _deleted(*keys: str) -> bytes:
    inside = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
    return f"<DeleteResult>{inside}</DeleteResult>".encode()


def _delete(script: Script) -> list[Request]:
    with ScriptedServer(script) as server, closing(_store(server.url)) as store:
        store.delete(["a", "b"])
        store.delete(["c", "d"])
        return server.requests


def test_deleting_many_has_an_md5() -> None:
    requests = _delete(
        lambda r: Reply(200, _deleted(*(k for k in "abcd" if f">{k}<" in str(r.body))))
    )
    assert len(requests) == 2
    for request in requests:
        assert base64.b64decode(request.headers["content-md5"]).hex() == _md5(request.body)
        assert not [name for name in request.headers if name.startswith("x-amz-checksum")]
        assert "content-md5" in request.headers["authorization"]


@pytest.mark.parametrize(
    "refusal",
    [
        Reply(501, xml_error("NotImplemented")),
        Reply(405, xml_error("MethodNotAllowed")),
        Reply(400, xml_error("MalformedXML")),
    ],
)
def test_deleting_many_where_that_is_not_known(refusal: Reply) -> None:
    requests = _delete(lambda request: refusal if request.method == "POST" else Reply(204))
    assert requests[0].method == "POST"
    assert sorted((r.method, r.path) for r in requests[1:]) == [
        ("DELETE", f"/dumps/{key}") for key in "abcd"
    ]


def test_deleting_many_that_is_not_confirmed() -> None:
    requests = _delete(
        lambda r: Reply(200, _deleted("a", "c")) if r.method == "POST" else Reply(204)
    )
    singly = [request.path for request in requests if request.method == "DELETE"]
    assert singly == ["/dumps/b", "/dumps/d"]


# Google's own endpoint, which is not asked: what would be sent is looked at instead.


class _Raw(BytesIO):
    """A body as urllib3 hands it over."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.read()


class _Sent:
    """Takes the requests of a store in place of Google."""

    def __init__(self, store: S3Store, answer: Callable[[Any], tuple[int, bytes]]) -> None:
        self.requests: list[Any] = []
        self._answer = answer
        events: Any = store._bucket.connection.client.meta.events
        events.register("before-send.s3", self._take)

    def _take(self, request: Any, **_: object) -> AWSResponse:
        self.requests.append(request)
        status, body = self._answer(request)
        headers: Any = {"ETag": f'"{_md5(b"x")}"'}
        raw = _Raw(body)
        return AWSResponse(request.url, status, headers, raw)


def _google() -> S3Store:
    section = {"bucket": "dumps", "access_key": "GOOG1", "secret": "s"}
    return S3Store(S3Settings.of_gcp(GcpConfig.model_validate(section)))


def _nothing_there(request: Any) -> tuple[int, bytes]:
    return (404, b"") if request.method == "HEAD" else (200, b"")


def test_google_is_asked_in_its_own_way() -> None:
    with closing(_google()) as store:
        sent = _Sent(store, _nothing_there)
        store.put("a", b"x", mode="create")
        store.put("a", b"x")
    create, overwrite = (r for r in sent.requests if r.method == "PUT")
    assert create.url == "https://storage.googleapis.com/dumps/a"
    assert create.headers["x-goog-if-generation-match"] == b"0"
    assert b"x-goog-if-generation-match" in create.headers["Authorization"]
    assert "If-None-Match" not in create.headers
    assert "x-goog-if-generation-match" not in overwrite.headers


def test_google_that_wants_no_header_of_its_own() -> None:
    def answer(request: Any) -> tuple[int, bytes]:
        if "x-goog-if-generation-match" in request.headers:
            return 400, xml_error("ExcessHeaderValues")
        return _nothing_there(request)

    with closing(_google()) as store:
        sent = _Sent(store, answer)
        store.put("a", b"x", mode="create")
        store.put("b", b"x", mode="create")
    with_header = [r for r in sent.requests if "x-goog-if-generation-match" in r.headers]
    assert [r.url.rpartition("/")[2] for r in with_header] == ["a"]


def test_google_that_says_no() -> None:
    def answer(request: Any) -> tuple[int, bytes]:
        if "x-goog-if-generation-match" in request.headers:
            return 412, xml_error("PreconditionFailed")
        return _nothing_there(request)

    with closing(_google()) as store:
        _Sent(store, answer)
        with pytest.raises(ConflictError, match="a exists already"):
            store.put("a", b"x", mode="create")


def test_google_deletes_one_by_one() -> None:
    with closing(_google()) as store:
        sent = _Sent(store, lambda _: (204, b""))
        store.delete(["a", "b"])
    assert [r.method for r in sent.requests] == ["DELETE", "DELETE"]
