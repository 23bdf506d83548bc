"""The proxy passes on what it should, and fails as its script says."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from tests.support.fault_proxy import (
    FaultProxy,
    WireFault,
    cut_answer,
    cut_request,
    hang,
    lost_answer,
    refuse,
    slow,
    wrong_bytes,
)
from tests.support.object_servers.reach import ObjectServer
from tests.support.waiting import until

_DATA = bytes(range(256)) * 40
_SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=tester/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=unchecked"
}


@pytest.fixture
def proxy(moto_server: ObjectServer) -> Iterator[FaultProxy]:
    with FaultProxy(moto_server.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def bucket(moto_server: ObjectServer) -> str:
    moto_server.make_bucket("proxied")
    return "/proxied"


def _ask(
    url: str, method: str, target: str, body: bytes | None = None, timeout: float = 30
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    try:
        connection.request(method, target, body, _SIGNED)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


def test_no_fault(proxy: FaultProxy, moto_server: ObjectServer, bucket: str) -> None:
    assert _ask(proxy.url, "PUT", f"{bucket}/a", _DATA)[0] == 200
    assert _ask(moto_server.url, "GET", f"{bucket}/a")[1] == _DATA
    assert _ask(proxy.url, "GET", f"{bucket}/a")[1] == _DATA
    status, body, headers = _ask(proxy.url, "HEAD", f"{bucket}/a")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(_DATA)))
    assert _ask(proxy.url, "GET", f"{bucket}/none")[0] == 404
    assert _ask(proxy.url, "DELETE", f"{bucket}/a")[0] == 204
    methods = [exchange.method for exchange in proxy.exchanges]
    assert methods == ["PUT", "GET", "HEAD", "GET", "DELETE"]


def test_one_connection_for_many_requests(proxy: FaultProxy, bucket: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=30)
    for number in range(5):
        headers = {**_SIGNED, "Expect": "100-continue"}
        connection.request("PUT", f"{bucket}/many", b"%d" % number, headers)
        assert connection.getresponse().read() == b""
        connection.request("GET", f"{bucket}/many", headers=_SIGNED)
        assert connection.getresponse().read() == b"%d" % number
    connection.close()


def test_which_requests_are_struck(proxy: FaultProxy, bucket: str) -> None:
    proxy.script(
        refuse(503, "PUT", f"{bucket}/x*", retry_after=7, skip=1, times=2),
        refuse(500, "*", "*x2"),
    )
    answers = [
        _ask(proxy.url, "PUT", f"{bucket}/{name}", b"")
        for name in ("x1", "y", "x3", "x4", "x5", "x2", "x2")
    ]
    assert [status for status, _, _ in answers] == [200, 200, 503, 503, 200, 500, 200]
    assert answers[2][2]["Retry-After"] == "7"
    assert b"<Code>SlowDown</Code>" in answers[2][1]
    proxy.assert_all_used()
    proxy.script(refuse(500, "GET", times=2))
    assert _ask(proxy.url, "GET", f"{bucket}/x1")[0] == 500
    with pytest.raises(AssertionError, match="struck 1 of 2 times"):
        proxy.assert_all_used()


@pytest.mark.parametrize(
    ("fault", "stored"),
    [(lost_answer, True), (hang, False)],
    ids=["lost answer", "hang"],
)
def test_no_answer_to_a_put(
    fault: Callable[..., WireFault],
    stored: bool,
    proxy: FaultProxy,
    moto_server: ObjectServer,
    bucket: str,
) -> None:
    key = f"{bucket}/no-answer-{fault.__name__}"
    proxy.script(fault("PUT", key))
    with pytest.raises((OSError, http.client.HTTPException)):
        _ask(proxy.url, "PUT", key, _DATA, timeout=30 if stored else 0.5)
    until(lambda: proxy.exchanges != [])  # who gives up may be faster than the proxy
    assert _ask(moto_server.url, "GET", key)[0] == (200 if stored else 404)
    proxy.assert_all_used()


def test_cut_request(proxy: FaultProxy, bucket: str) -> None:
    proxy.script(cut_request("PUT", "*/cut", at=100))
    with pytest.raises((OSError, http.client.HTTPException)):
        _ask(proxy.url, "PUT", f"{bucket}/cut", _DATA)
    proxy.assert_all_used()


def test_cut_answer_without_a_body(proxy: FaultProxy, bucket: str) -> None:
    proxy.script(cut_answer("PUT", "*/head"))
    with socket.create_connection(("127.0.0.1", urlsplit(proxy.url).port or 0)) as client:
        client.sendall(f"PUT {bucket}/head HTTP/1.1\r\nContent-Length: 1\r\n\r\nx".encode())
        with client.makefile("rb") as answer:
            head = answer.read()
    assert head.startswith(b"HTTP/1.1 200")
    assert not head.endswith(b"\r\n\r\n")


def test_damaged_answers(proxy: FaultProxy, bucket: str) -> None:
    key = f"{bucket}/damaged"
    _ask(proxy.url, "PUT", key, _DATA)
    proxy.script(cut_answer("GET", key, at=1000), wrong_bytes("GET", key, at=5), slow(0.2, "GET"))
    with pytest.raises(http.client.IncompleteRead) as cut:
        _ask(proxy.url, "GET", key)
    assert cut.value.partial == _DATA[:1000]
    changed = _ask(proxy.url, "GET", key)[1]
    assert [i for i in range(len(_DATA)) if changed[i] != _DATA[i]] == [5]
    assert len(changed) == len(_DATA)
    assert _ask(proxy.url, "GET", key)[1] == _DATA
    proxy.assert_all_used()


def test_closing_ends_who_hangs(moto_server: ObjectServer) -> None:
    with FaultProxy(moto_server.url) as proxy:
        proxy.script(hang())
        connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=30)
        connection.request("GET", "/")
        until(lambda: proxy.exchanges != [])
    with pytest.raises((OSError, http.client.HTTPException)):
        connection.getresponse()
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        _ask(proxy.url, "GET", "/")
