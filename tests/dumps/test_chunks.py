"""Chunks: what goes in comes out, and nothing else does."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import secrets
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.crypto import floe, keys
from replicate.dumps.chunks import ChunkBuilder, ChunkFormat, chunk_key, open_chunk
from replicate.dumps.manifest import ChunkRecord, Part, Section
from replicate.errors import CorruptError, ReplicateError
from tests.support.small_dump import TIME, small_manifest

RUN = "ab" * 16
FORMATS = [
    ChunkFormat(RUN, 1, None),
    ChunkFormat(RUN, None, None),
    ChunkFormat.sealed(RUN, 1, keys.random_key()),
    ChunkFormat.sealed(RUN, None, keys.random_key()),
    ChunkFormat.sealed(RUN, -5, keys.random_key()),
    ChunkFormat(RUN, 12, None),
]
each_format = pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: chunk_key(fmt, 1)[42:])

Stored = bytes | bytearray


def build(
    fmt: ChunkFormat, text: bytes, number: int = 5, section: Section = "data"
) -> tuple[ChunkRecord, Stored]:
    builder = ChunkBuilder(fmt, number, section)
    if section == "data":
        builder.add(0, text, text.count(b"\n"))
    else:
        builder.add(None, text, 0)
    return builder.seal()


rows = st.binary(max_size=200).map(lambda b: b.replace(b"\n", b"") + b"\n")
blocks = st.tuples(st.integers(0, 3), st.lists(rows, max_size=4).map(b"".join))


@given(fmt=st.sampled_from(FORMATS), added=st.lists(blocks, max_size=12))
@settings(max_examples=150)
def test_what_goes_in_comes_out(fmt: ChunkFormat, added: list[tuple[int, bytes]]) -> None:
    builder = ChunkBuilder(fmt, 5, "data")
    for table, text in added:
        builder.add(table, text, text.count(b"\n"))
    size = builder.plain_size
    record, stored = builder.seal()

    whole = b"".join(text for _, text in added)
    plain = open_chunk(fmt, record, stored)
    assert type(plain) is bytes
    assert plain == whole
    assert record.plain_size == size == len(whole)
    assert record.rows == whole.count(b"\n") == sum(part.rows for part in record.parts)
    assert record.stored_size == len(stored)
    assert record.sha256 == hashlib.sha256(stored).hexdigest()
    # The parts cover the text in order, and no two neighbours are of one table.
    assert [part.offset for part in record.parts] == [
        sum(part.length for part in record.parts[:i]) for i in range(len(record.parts))
    ]
    assert all(one.table != other.table for one, other in pairwise(record.parts))
    for table in range(4):
        assert b"".join(
            plain[part.offset : part.offset + part.length]
            for part in record.parts
            if part.table == table
        ) == b"".join(text for t, text in added if t == table)


def test_blocks_of_one_table_become_one_part() -> None:
    builder = ChunkBuilder(FORMATS[0], 5, "data")
    for table, text in (
        (7, b"a\n"),
        (7, b"b\nc\n"),
        (8, b""),
        (7, b"d\n"),
        (2, b"\n"),
        (7, b"e\n"),
    ):
        builder.add(table, text, text.count(b"\n"))
    record, _ = builder.seal()
    assert record.parts == [Part(7, 4, 0, 8), Part(2, 1, 8, 1), Part(7, 1, 9, 2)]


@each_format
@pytest.mark.parametrize("section", ["pre-data", "post-data"])
@pytest.mark.parametrize("text", [b"", b"create table t(x);"])
def test_schema_sections(fmt: ChunkFormat, section: Section, text: bytes) -> None:
    record, stored = build(fmt, text, section=section)
    assert (record.parts, record.rows, record.section) == ([], 0, section)
    assert open_chunk(fmt, record, stored) == text


def test_two_builders_of_one_thread_and_many_of_several_do_not_mix() -> None:
    fmt = FORMATS[2]
    texts = [os.urandom(50).hex().encode() * 2000 + b"\n" for _ in range(6)]
    builders = [ChunkBuilder(fmt, number, "data") for number in range(6)]
    for _ in range(3):
        for builder, text in zip(builders, texts, strict=True):
            builder.add(0, text, 1)
    with ThreadPoolExecutor(3) as threads:
        sealed = list(threads.map(lambda builder: builder.seal(), builders))
    for text, (record, stored) in zip(texts, sealed, strict=True):
        assert open_chunk(fmt, record, stored) == text * 3


@pytest.mark.parametrize(
    ("section", "table", "text", "count"),
    [
        ("data", 0, b"no newline", 1),
        ("data", 0, b"a\n", 0),
        ("data", 0, b"", 1),
        ("data", None, b"a\n", 1),
        ("post-data", 0, b"a\n", 1),
        ("pre-data", None, b"a\n", 1),
    ],
)
def test_what_is_no_block_is_refused(
    section: Section, table: int | None, text: bytes, count: int
) -> None:
    with pytest.raises(ValueError, match=r"rows"):
        ChunkBuilder(FORMATS[0], 1, section).add(table, text, count)


def test_a_chunk_of_two_gib_is_refused_before_it_is_made() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return 2**31 - 2

        def __getitem__(self, _: object) -> int:  # type: ignore[override]  # only the last byte
            return 0x0A

    builder = ChunkBuilder(FORMATS[0], 1, "data")
    builder.add(0, b"a\n", 1)
    with pytest.raises(ReplicateError, match="chunk would hold 2147483648 bytes"):
        builder.add(0, Huge(), 1)


def test_a_format_is_picklable_and_does_not_show_its_key() -> None:
    data_key = keys.random_key()
    fmt = ChunkFormat.sealed(RUN, 1, data_key)
    assert pickle.loads(pickle.dumps(fmt)) == fmt  # noqa: S301 - our own bytes
    assert fmt.key not in (None, data_key)
    assert "key" not in repr(fmt)


def test_the_format_of_a_header_opens_what_the_format_of_the_run_sealed() -> None:
    header = small_manifest("a", RUN, [], level=19, created_at=TIME).header
    record, stored = build(ChunkFormat(RUN, 19, None), b"a\n")
    assert open_chunk(ChunkFormat.of(header, None), record, stored) == b"a\n"
    with pytest.raises(ValueError, match="data key"):
        ChunkFormat.of(header, keys.random_key())


@each_format
def test_every_flipped_byte_is_found(fmt: ChunkFormat) -> None:
    record, stored = build(fmt, b"1\tAda\n" * 20)
    for place in range(len(stored)):
        damaged = bytearray(stored)
        damaged[place] ^= 1 << place % 8
        with pytest.raises(CorruptError, match="was altered") as caught:
            open_chunk(fmt, record, damaged)
        assert chunk_key(fmt, 5) in caught.value.message


@each_format
def test_cut_and_extended_chunks_are_found(fmt: ChunkFormat) -> None:
    record, stored = build(fmt, b"1\tAda\n" * 20)
    for length in range(len(stored)):
        with pytest.raises(CorruptError, match=r"was cut|is empty"):
            open_chunk(fmt, record, stored[:length])
    for extra in (b"\0", b"\n", stored, os.urandom(3000)):
        with pytest.raises(CorruptError, match="has extra bytes"):
            open_chunk(fmt, record, stored + extra)


@pytest.mark.parametrize("fmt", FORMATS[2:4], ids=["zst.floe", "txt.floe"])
def test_another_chunk_in_its_place_is_called_that(fmt: ChunkFormat) -> None:
    record, stored = build(fmt, b"1\tAda\n")
    others = [
        build(dataclasses.replace(fmt, key=keys.random_key()), b"1\tAda\n"),
        build(fmt, b"1\tAda\n", number=6),
        build(fmt, b"1\tAda\n" * 3, number=6),
        build(fmt, b"1\tAda\n", section="post-data"),
        build(dataclasses.replace(fmt, run_id=secrets.token_hex(16)), b"1\tAda\n"),
    ]
    for _, other in others:
        with pytest.raises(CorruptError, match="belongs to another dump or place"):
            open_chunk(fmt, record, other)
        # Likewise if the manifest had the other one's hash: the seal is what counts.
        told = dataclasses.replace(
            record, stored_size=len(other), sha256=hashlib.sha256(other).hexdigest()
        )
        with pytest.raises(CorruptError, match="belongs to another dump or place"):
            open_chunk(fmt, told, other)
    _, again = build(fmt, b"1\tAda\n")
    with pytest.raises(CorruptError, match="another writing of it"):
        open_chunk(fmt, record, again)
    assert open_chunk(fmt, record, stored) == b"1\tAda\n"


def test_another_chunk_in_the_clear_is_called_that() -> None:
    fmt = FORMATS[0]
    record, _ = build(fmt, b"1\tAda\n")
    for text in (b"2\tBob\n", b"2\tBob\n" * 100_000):
        with pytest.raises(CorruptError, match="belongs to another dump or place"):
            open_chunk(fmt, record, build(fmt, text)[1])


@pytest.mark.parametrize("sealed", [False, True])
def test_a_frame_that_is_not_what_the_record_says_is_refused_within_bounds(sealed: bool) -> None:
    fmt = FORMATS[2] if sealed else FORMATS[0]
    zeros = b"\0" * 50_000_000
    bombs = [
        zstandard.ZstdCompressor().compress(zeros),
        zstandard.ZstdCompressor(write_content_size=False).compress(zeros),
        zstandard.ZstdCompressor(write_content_size=False).compress(b""),
        # One that claims a tebibyte, which has to be noticed before it is allocated.
        bytes.fromhex("28b52ffdc000") + (2**40).to_bytes(8, "little") + bytes.fromhex("010000"),
        b"\x50\x2a\x4d\x18\x04\0\0\0abcd",
        b"no frame at all",
        b"",
    ]
    for bomb in bombs:
        record, _ = build(fmt, b"1\tAda\n")
        stored: Stored = bomb
        if fmt.key is not None:
            stored = floe.seal(fmt.key, fmt.aad(5, "data"), bomb)
        told = dataclasses.replace(
            record, stored_size=len(stored), sha256=hashlib.sha256(stored).hexdigest()
        )
        with pytest.raises(CorruptError):
            open_chunk(fmt, told, stored)
