"""The manifest: what it holds, what binds it, and what it refuses to hold."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from replicate.crypto import checksummed, floe, keys
from replicate.dumps import manifest as manifests
from replicate.dumps.documents import canonical
from replicate.dumps.manifest import (
    Body,
    ChunkRecord,
    Encryption,
    Manifest,
    Part,
    Totals,
    UnsupportedFormatError,
    decode,
    decode_header,
    encode,
)
from replicate.errors import CorruptError, WrongKeyError
from tests.support.small_dump import TIME, small_manifest

RUN = "0123456789abcdef" * 2
KEY = bytes(range(32))
ENCRYPTION = Encryption("repository-key", "00" * 8, base64.b64encode(b"w" * 138).decode())
SHA = "5" * 64

RECORDS = [
    ChunkRecord(1, "pre-data", [], 0, 80, 90, SHA),
    ChunkRecord(9, "data", [Part(0, 3, 0, 30), Part(2, 1, 30, 5)], 4, 35, 40, SHA),
    ChunkRecord(4, "data", [Part(0, 2, 0, 7)], 2, 7, 40, SHA),
    ChunkRecord(10, "post-data", [], 0, 0, 9, SHA),
]
PLAIN = small_manifest("a", RUN, RECORDS)
SEALED = small_manifest("a", RUN, RECORDS, encryption=ENCRYPTION)
both = pytest.mark.parametrize(
    ("manifest", "key"), [(PLAIN, None), (SEALED, KEY)], ids=["plain", "sealed"]
)


@both
def test_round_trip(manifest: Manifest, key: bytes | None) -> None:
    data = encode(manifest, key)
    assert decode(data, "a", key) == manifest
    assert decode_header(data, "a") == manifest.header
    assert manifests.run_id_of(data, "a") == RUN


def test_what_is_sealed_is_not_to_be_seen() -> None:
    data = encode(SEALED, KEY)
    for word in (b"people", b"/srv/app.db", b"3.45", b"first-name", b"post-data"):
        assert word not in data
        assert word in encode(PLAIN, None)
    assert encode(SEALED, KEY) != data


def test_the_document_holds_the_header_as_canonical_json() -> None:
    data = encode(SEALED, KEY)
    header = canonical(json.loads(data)["header"])
    assert data.startswith(
        b'{"format":"replicate-dump","version":1,"header":' + header + b',"sealed":"'
    )
    assert b'"created_at":"2026-11-21T13:45:01.123Z"' in header


def test_a_time_is_kept_to_the_millisecond_and_in_utc() -> None:
    local = datetime(2026, 11, 21, 15, 45, 1, 123999, tzinfo=timezone(timedelta(hours=2)))
    made = small_manifest("a", RUN, RECORDS, created_at=local)
    assert made.header.created_at == TIME
    assert made.header.created_at.tzinfo is UTC
    assert decode(encode(made, None), "a", None) == made


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    st.text(max_size=30),
    st.dictionaries(
        st.text(max_size=9),
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        max_size=3,
    ),
)
def test_any_names_and_options_survive(when: datetime, text: str, options: dict[str, Any]) -> None:
    made = small_manifest("a", RUN, RECORDS, created_at=when)
    table = dataclasses.replace(
        made.body.tables[0], schema=text, columns=[text, "x"], masked={text: "t"}
    )
    source = dataclasses.replace(made.body.source, server_version=text, fingerprint=[text])
    body = Body(source, options, [table, *made.body.tables[1:]], made.body.chunks)
    made = Manifest(made.header, body)
    assert decode(encode(made, None), "a", None) == made


# Damage


@both
def test_every_flipped_byte_and_every_cut_is_found(manifest: Manifest, key: bytes | None) -> None:
    data = encode(manifest, key)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        for read in (lambda d: decode(d, "a", key), lambda d: decode_header(d, "a")):
            with pytest.raises(CorruptError, match=r"^the manifest of dump a was altered"):
                read(bytes(damaged))
    for length in range(len(data)):
        with pytest.raises(CorruptError, match=r"^the manifest of dump a (was cut|is empty)"):
            decode(data[:length], "a", key)
    for extra in (b"\n", b" ", data):
        with pytest.raises(CorruptError, match=f"has {len(extra)} extra bytes after its end"):
            decode(data + extra, "a", key)


def test_a_manifest_in_the_place_of_another_is_called_that() -> None:
    for data, key in ((encode(PLAIN, None), None), (encode(SEALED, KEY), KEY)):
        with pytest.raises(CorruptError, match="of dump b belongs to another dump, a"):
            decode(data, "b", key)
        with pytest.raises(CorruptError, match="of dump b belongs to another dump, a"):
            decode_header(data, "b")


def test_another_kind_of_document_is_called_that() -> None:
    slot = keys.PassphraseSlot("00" * 8, keys.Argon2Cost(), b"s" * 16, b"w" * 138)
    for data in (slot.to_json(), checksummed.encode({"format": "replicate-index", "version": 1})):
        with pytest.raises(CorruptError, match="another kind of object"):
            decode_header(data, "a")


def test_a_later_version_is_not_called_damaged() -> None:
    document = checksummed.decode(encode(PLAIN, None), "it", 10**6)
    data = checksummed.encode(document | {"version": 2, "header": "whatever"})
    for read in (lambda: decode_header(data, "a"), lambda: decode(data, "a", None)):
        with pytest.raises(UnsupportedFormatError, match="format version 2") as caught:
            read()
        assert caught.value.hint == "upgrade replicate"
    for version in (0, 3, 10**30, "1", None, True, 1.0):
        with pytest.raises((UnsupportedFormatError, CorruptError)):
            decode_header(checksummed.encode(document | {"version": version}), "a")


def test_members_that_are_not_known_are_passed_over() -> None:
    document = checksummed.decode(encode(PLAIN, None), "it", 10**6)
    document["new"] = {"x": [1]}
    document["header"]["comment"] = "hélas \ud83d\ude00"
    document["header"]["totals"]["indexes"] = 7
    document["body"]["tables"][0]["collation"] = None
    document["body"]["chunks"][1]["crc"] = 1.5
    assert decode(checksummed.encode(document), "a", None) == PLAIN


def test_members_of_the_header_that_are_not_known_are_bound_too() -> None:
    document = checksummed.decode(encode(SEALED, KEY), "it", 10**6)
    document["header"]["comment"] = "hélas"
    with pytest.raises(CorruptError):
        decode(checksummed.encode(document), "a", KEY)
    # As a later minor version would write it.
    aad = keys.encode_context("replicate/manifest/1", canonical(document["header"]))
    body = json.loads(encode(PLAIN, None))["body"]
    packed = zstandard.ZstdCompressor().compress(canonical(body))
    document["sealed"] = base64.b64encode(
        floe.seal(keys.derive(KEY, "manifest"), aad, packed)
    ).decode()
    assert decode(checksummed.encode(document), "a", KEY) == SEALED


# Somebody who can write to the store, and can compute a checksum


def forge(change: Callable[[dict[str, Any]], object], manifest: Manifest = SEALED) -> bytes:
    key = KEY if manifest.header.encryption else None
    document = checksummed.decode(encode(manifest, key), "it", 10**6)
    change(document)
    return checksummed.encode(document)


def with_sealed(sealed: str) -> bytes:
    return forge(lambda document: document.update(sealed=sealed))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["header"].update(created_at="2027-11-21T13:45:01.123Z"),
        lambda d: d["header"].update(run_id="f" * 32),
        lambda d: d["header"].update(engine="mysql"),
        lambda d: d["header"].update(compression="none"),
        lambda d: d["header"]["totals"].update(rows=0),
        lambda d: d["header"]["encryption"].update(key_id="11" * 8),
        lambda d: d["header"]["encryption"].update(wrapped_key="AAAA"),
        lambda d: d["header"].update(encryption=None),
        lambda d: d.update(sealed=base64.b64encode(b"0" * 300).decode()),
        lambda d: d.update(sealed=""),
        lambda d: d.update(sealed=d["sealed"] + "AAAA"),
        lambda d: d.update(sealed=d["sealed"][:-4]),
        lambda d: d.update(sealed=d["sealed"][:-1] + "!"),
        lambda d: d.update(sealed=None),
        lambda d: d.pop("sealed"),
        lambda d: d.update(header=None),
    ],
)
def test_a_forged_manifest_does_not_open(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(CorruptError, match="manifest of dump a"):
        decode(forge(change), "a", KEY)


def test_a_sealed_body_opens_with_no_other_dumps_key_and_under_no_other_header() -> None:
    other = small_manifest("b", "f" * 32, RECORDS, encryption=ENCRYPTION)
    theirs = checksummed.decode(encode(other, bytes(32)), "it", 10**6)["sealed"]
    ours = checksummed.decode(encode(other, KEY), "it", 10**6)["sealed"]
    for sealed in (theirs, ours):
        data = with_sealed(sealed)
        with pytest.raises(CorruptError, match="belongs to another dump"):
            decode(data, "a", KEY)


def test_base64_has_one_form() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for note in ("", "x", "xy", "xyz"):
        body = dataclasses.replace(SEALED.body, options={"note": note})
        data = encode(Manifest(SEALED.header, body), KEY)
        sealed = checksummed.decode(data, "it", 10**6)["sealed"].rstrip("=")
        if len(sealed) % 4 == 0:
            continue
        last = letters[letters.index(sealed[-1]) ^ 1]  # other bits, which are part of no byte
        padded = sealed[:-1] + last + "=" * (-len(sealed) % 4)
        with pytest.raises(CorruptError, match="not base64"):
            decode(with_sealed(padded), "a", KEY)
        break
    else:
        pytest.fail("no padding was made")


def test_every_byte_of_the_sealed_body_counts() -> None:
    sealed = checksummed.decode(encode(SEALED, KEY), "it", 10**6)["sealed"]
    for place in range(0, len(sealed), 3):
        letter = "A" if sealed[place] != "A" else "B"
        data = with_sealed(sealed[:place] + letter + sealed[place + 1 :])
        with pytest.raises(CorruptError):
            decode(data, "a", KEY)


def test_a_manifest_in_the_clear_is_not_taken_for_a_sealed_one_nor_without_a_key() -> None:
    with pytest.raises(CorruptError, match="not encrypted"):
        decode(encode(PLAIN, None), "a", KEY)
    with pytest.raises(WrongKeyError, match="dump a is encrypted and no encryption_key"):
        decode(encode(SEALED, KEY), "a", None)


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MAX_MANIFEST", 100_000)
    header = canonical(json.loads(encode(SEALED, KEY))["header"])
    aad = keys.encode_context("replicate/manifest/1", header)
    bombs = [
        zstandard.ZstdCompressor().compress(b" " * (manifests.MAX_MANIFEST + 1)),
        zstandard.ZstdCompressor(write_content_size=False).compress(b"{}"),
        zstandard.ZstdCompressor().compress(b"[" * 100_000),
        zstandard.ZstdCompressor().compress(b"{}") * 2,
        b"",
    ]
    for bomb in bombs:
        sealed = floe.seal(keys.derive(KEY, "manifest"), aad, bomb)
        data = with_sealed(base64.b64encode(sealed).decode())
        with pytest.raises(CorruptError):
            decode(data, "a", KEY)
    with pytest.raises(CorruptError, match="limit"):
        decode_header(b" " * (manifests.MAX_MANIFEST + 1), "a")


# What no manifest may say


HUGE = 2**63


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["header"].update(run_id="F" * 32),
        lambda d: d["header"].update(run_id="../" + "0" * 29),
        lambda d: d["header"].update(created_at="2026-11-21 13:45:01.123Z"),
        lambda d: d["header"].update(created_at="2026-13-21T13:45:01.123Z"),
        lambda d: d["header"].update(created_at="2026-11-21T13:45:01.123+00"),
        lambda d: d["header"].update(engine="\x1b[31m"),
        lambda d: d["header"].update(tool_version="1 2"),
        lambda d: d["header"].update(compression="gzip"),
        lambda d: d["header"].update(encryption=7),
        lambda d: d["header"]["totals"].update(rows=-1),
        lambda d: d["header"]["totals"].update(rows=HUGE),
        lambda d: d["header"]["totals"].update(rows=True),
        lambda d: d["header"]["totals"].update(rows=6.0),
        lambda d: d["header"]["totals"].update(rows="6"),
        lambda d: d["header"]["totals"].update(rows=7),
        lambda d: d["header"]["totals"].update(stored_bytes=7),
        lambda d: d["header"].pop("name"),
        lambda d: d.pop("body"),
        lambda d: d.update(body=[]),
        lambda d: d["body"]["source"].update(fingerprint="abc"),
        lambda d: d["body"]["source"].update(fingerprint=[1]),
        lambda d: d["body"].update(options=[]),
        lambda d: d["body"].update(tables={}),
        lambda d: d["body"]["tables"].append("x"),
        lambda d: d["body"]["tables"].append(d["body"]["tables"][1]),
        lambda d: d["body"]["tables"][0].update(rows=6),
        lambda d: d["body"]["tables"][0].update(columns=[None]),
        lambda d: d["body"]["tables"][0].update(masked={"name": 1}),
        lambda d: d["body"]["chunks"].reverse(),
        lambda d: d["body"]["chunks"].pop(),
        lambda d: d["body"]["chunks"].append(d["body"]["chunks"][-1]),
        lambda d: d["body"]["chunks"].append(d["body"]["chunks"][-1] | {"number": 50}),
        lambda d: d["body"]["chunks"][1].update(number=4),
        lambda d: d["body"]["chunks"][1].update(number=100_000_000),
        lambda d: d["body"]["chunks"][1].update(section="rows"),
        lambda d: d["body"]["chunks"][1].update(section="pre-data"),
        lambda d: d["body"]["chunks"][1].update(plain_size=36),
        lambda d: d["body"]["chunks"][1].update(plain_size=2**31),
        lambda d: d["body"]["chunks"][1].update(rows=5),
        lambda d: d["body"]["chunks"][1].update(sha256="5" * 63),
        lambda d: d["body"]["chunks"][1].update(sha256="G" * 64),
        lambda d: d["body"]["chunks"][1].update(parts=[[0, 3, 0, 30], [2, 1, 31, 4]]),
        lambda d: d["body"]["chunks"][1].update(parts=[[0, 3, 0, 30], [3, 1, 30, 5]]),
        lambda d: d["body"]["chunks"][1].update(parts=[[0, 3, 0, 30], [2, 1, 30]]),
        lambda d: d["body"]["chunks"][1].update(parts=[[0, 3, 0, 35], [2, 1, 35, -0.0]]),
        lambda d: d["body"]["chunks"][1].update(parts=[0]),
        lambda d: d["body"]["chunks"][0].update(parts=[[0, 0, 0, 80]]),
        lambda d: d["body"]["chunks"][0].update(rows=1),
    ],
)
def test_a_manifest_of_nonsense_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(CorruptError, match=r"^the manifest of dump a ") as caught:
        decode(forge(change, PLAIN), "a", None)
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    "records",
    [
        [],
        RECORDS[:-1],
        [*RECORDS, RECORDS[-1]],
        [RECORDS[1], RECORDS[0], *RECORDS[2:]],
        [dataclasses.replace(RECORDS[0], stored_size=-1), *RECORDS[1:]],
    ],
)
def test_a_writer_can_not_store_one_either(records: list[ChunkRecord]) -> None:
    with pytest.raises(ValueError, match="manifest"):
        encode(small_manifest("a", RUN, records), None)


def test_a_writer_can_not_store_what_would_be_read_as_something_else() -> None:
    body = dataclasses.replace(PLAIN.body, options={"a": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        encode(Manifest(PLAIN.header, body), None)
    for manifest, key in ((PLAIN, KEY), (SEALED, None)):
        with pytest.raises(ValueError, match="data key"):
            encode(manifest, key)
    wrong = dataclasses.replace(PLAIN.header, totals=Totals(0, 0, 0, 0, 0))
    with pytest.raises(ValueError, match="totals"):
        encode(Manifest(wrong, PLAIN.body), None)


def test_the_checksum_is_what_the_shell_computes() -> None:
    data = encode(PLAIN, None)
    assert data[-67:-3].decode() == hashlib.sha256(data[:-78]).hexdigest()
    assert data[-78:-67] == b',"sha256":"'
