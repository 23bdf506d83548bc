from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.crypto import checksummed
from replicate.errors import CorruptError

LIMIT = 1 << 20

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=()))  # lone surrogates too: odd file names have them
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)
documents = st.dictionaries(st.text().filter(lambda key: key != "sha256"), values, min_size=1)


def signed(text: bytes) -> bytes:
    """A document with a good checksum, whatever `text`, cut before its last brace, is."""
    digest = hashlib.sha256(text).hexdigest()
    return text + b',"sha256":"' + digest.encode() + b'"}\n'


@settings(max_examples=50, deadline=None)
@given(documents)
def test_what_is_encoded_is_decoded(fields: dict[str, Any]) -> None:
    data = checksummed.encode(fields)
    assert checksummed.decode(data, "it", LIMIT) == fields
    assert list(json.loads(data)) == [*fields, "sha256"]
    assert data.isascii()
    assert data.endswith(b'"}\n')
    assert data.count(b"\n") == 1


def test_the_bytes_are_these() -> None:
    data = checksummed.encode({"format": 1, "name": "é", "list": [1.5, None, True]})
    covered = b'{"format":1,"name":"\\u00e9","list":[1.5,null,true]'
    assert data == signed(covered)


def test_every_changed_bit_is_found() -> None:
    data = checksummed.encode({"format": 1, "name": "x" * 20})
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            with pytest.raises(CorruptError, match="the index is damaged"):
                checksummed.decode(bytes(damaged), "the index", LIMIT)


def test_every_cut_and_every_addition_is_found() -> None:
    data = checksummed.encode({"format": 1})
    for at in range(len(data)):
        with pytest.raises(CorruptError):
            checksummed.decode(data[:at], "it", LIMIT)
    for damaged in (data + b"\n", data + b" ", b" " + data, data + data, data[:-1] + b"\r\n"):
        with pytest.raises(CorruptError):
            checksummed.decode(damaged, "it", LIMIT)


def test_the_limit_is_inclusive() -> None:
    data = checksummed.encode({"format": 1})
    assert checksummed.decode(data, "it", len(data)) == {"format": 1}
    with pytest.raises(CorruptError, match="the limit"):
        checksummed.decode(data, "it", len(data) - 1)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="no_field"),
        pytest.param(b'{"a":1', id="fine"),
        pytest.param(b"[1", id="list"),
        pytest.param(b'"text', id="string"),
        pytest.param(b'{"a":1,"a":2', id="duplicate_key"),
        pytest.param(b'{"a":{"b":1,"b":1}', id="duplicate_key_inside"),
        pytest.param(b'{"a":1,"sha256":1,"sha256":2', id="duplicate_checksum"),
        pytest.param(b'{"a":NaN', id="nan"),
        pytest.param(b'{"a":-Infinity', id="infinity"),
        pytest.param(b'{"a":"\xff"', id="not_utf8"),
        pytest.param(b'\xef\xbb\xbf{"a":1', id="byte_order_mark"),
        pytest.param(b'{"a":"\n"', id="raw_control_character"),
        pytest.param(b'{"a":' + b"9" * 5000, id="huge_number"),
        pytest.param(b'{"a":1}{', id="two_objects"),
        pytest.param(b'{"a":' + b"[" * 32 + b"]" * 32, id="too_deep"),
        pytest.param(b'{"a":' + b'{"a":' * 32 + b"1" + b"}" * 32, id="too_deep_objects"),
        pytest.param(b'{"a":' + b"[" * 200_000 + b"]" * 200_000, id="much_too_deep"),
    ],
)
def test_a_good_checksum_does_not_make_it_good(text: bytes) -> None:
    data = signed(text)
    if text == b'{"a":1':
        assert checksummed.decode(data, "it", LIMIT) == {"a": 1}
        return
    with pytest.raises(CorruptError) as caught:
        checksummed.decode(data, "it", LIMIT)
    assert str(caught.value).startswith("it ")


def test_nesting_is_fine_up_to_the_limit() -> None:
    fields: dict[str, Any] = {"a": 1}
    for _ in range(31):
        fields = {"a": fields}
    assert checksummed.decode(checksummed.encode(fields), "it", LIMIT) == fields


def test_errors_do_not_quote_the_document() -> None:
    with pytest.raises(CorruptError) as caught:
        checksummed.decode(signed(b'{"a":"secret" oops'), "it", LIMIT)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "fields", [{}, {"sha256": "x"}, {"a": float("nan")}, {"a": [float("inf")]}]
)
def test_what_could_not_be_read_back_is_not_written(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"sha256|JSON compliant"):
        checksummed.encode(fields)
