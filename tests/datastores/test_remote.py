"""What the stores behind a network share: addresses, and failures of the network."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests

from replicate.datastores.remote.addresses import check_address, is_loopback, shown_address
from replicate.datastores.remote.network import (
    is_unsendable,
    retry_after,
    unreachable,
    unusable_file,
)
from replicate.errors import UsageError


def _wrapped(inner: Exception) -> Exception:
    """As libraries hand it over."""
    error = RuntimeError("outer")
    error.__cause__ = ValueError(inner)
    return error


@pytest.mark.parametrize(
    ("error", "sentence", "transient"),
    [
        (socket.gaierror(socket.EAI_NONAME, ""), "the host of HOST is not known here", False),
        (socket.gaierror(socket.EAI_AGAIN, ""), "the host of HOST is not known here", True),
        (ConnectionRefusedError(), "HOST refuses connections", True),
        (ConnectionResetError(), "the connection to HOST broke", True),
        (TimeoutError(), "HOST did not answer in time", True),
        (ssl.SSLCertVerificationError(), "the certificate of HOST is not trusted", False),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), "HOST does not speak TLS", False),
        (ssl.SSLError(1, "[SSL: BAD_MAC]"), "no TLS connection to HOST could be made", True),
    ],
)
def test_no_answer_is_one_sentence(error: Exception, sentence: str, transient: bool) -> None:
    for given in (error, _wrapped(error)):
        found = unreachable(given, service="HOST", doing="writing a")
        assert found.message == f"writing a failed: {sentence}"
        assert found.transient is transient
        assert unreachable(given, service="HOST").message == sentence


@pytest.mark.parametrize(
    "address",
    [
        "https://name:word@example.com",
        "https://example.com?x=word",
        "https://example.com#word",
        "https://example.com:word",
        "http://example.com",
        "ftp://example.com",
        "https:///path",
        "word",
        "",
        "https://a b/",
        "https://..",
        "https://-",
        "https://-a.example.com",
        "https://a..example.com",
        f"https://{'a' * 64}.example.com",
        "https://example.com/\nword",
        "https://exam\nple.com",
        "/",
    ],
)
def test_addresses_that_may_not_be_used(address: str) -> None:
    with pytest.raises(UsageError, match=r"^THAT ") as caught:
        check_address(address, source="THAT")
    assert "word" not in caught.value.message.replace("password", "")


def test_plain_http_is_for_this_machine_and_for_who_wants_it() -> None:
    for host in ("localhost", "LOCALHOST.", "127.0.0.1:9000", "[::1]:9000"):
        assert is_loopback(f"http://{host}")
        check_address(f"http://{host}", source="it")
    for host in ("my_minio:9000", "a", "example.com.", f"{'a' * 63}.b"):
        check_address(f"https://{host}", source="it")
    with pytest.raises(UsageError, match="in the clear") as caught:
        check_address("http://localhost.example", source="it")
    assert "secure" not in str(caught.value.hint)
    with pytest.raises(UsageError, match="in the clear") as caught:
        check_address("http://10.0.0.1", source="it", secure=True)
    assert "secure: false" in str(caught.value.hint)
    check_address("http://10.0.0.1", source="it", secure=False)


def test_a_header_that_can_not_be_sent() -> None:
    for text in ("Invalid header value b'x\\n'", "return character(s) in header value: 'x'"):
        assert is_unsendable(_wrapped(ValueError(text)))
    assert not is_unsendable(_wrapped(ValueError("other")))


@pytest.mark.parametrize("kind", [FileNotFoundError, PermissionError, IsADirectoryError])
def test_a_file_of_this_machine_is_no_matter_of_the_network(kind: type[OSError]) -> None:
    found = unusable_file(kind(2, "No such file", "/some/token"))
    assert found is not None
    assert found.message == "/some/token can't be used: No such file"
    assert unusable_file(kind(2, "No such file")) is None  # as a firewall may have it
    assert unusable_file(_wrapped(kind(2, "No such file", "/some/token"))) is None
    assert unusable_file(ConnectionResetError(104, "reset", "name")) is None


def test_authorities_that_requests_does_not_find() -> None:
    with pytest.raises(OSError, match="suitable TLS CA") as caught:
        requests.get("https://127.0.0.1:1", verify="/nope", timeout=5)
    found = unusable_file(caught.value)
    assert found is not None
    assert "REQUESTS_CA_BUNDLE" in (found.hint or "")


def test_addresses_are_shown_without_secrets() -> None:
    assert (
        shown_address("https://name:word@Example.com:1/a/?sig=word#b") == "https://example.com:1/a"
    )
    assert shown_address("http://[::1]:9000") == "http://[::1]:9000"


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after("7") == 7
    for header in (None, "", "soon", "-1", "²", "9" * 400):
        assert retry_after(header) is None
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 0 < (retry_after(later) or 0) <= 90
    assert retry_after("Sat, 01 Nov 2025 10:00:00 GMT") == 0
