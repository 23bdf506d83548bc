from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.crypto import floe
from replicate.errors import CorruptError

KEY = bytes(range(32))
AAD = b"a chunk of a dump"
VECTORS = sorted((Path(__file__).parents[1] / "vectors" / "floe").glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    vector: dict[str, Any] = json.loads(path.read_text())
    for name in ("key", "aad", "sealed", "plain", "iv"):
        if name in vector:
            vector[name] = bytes.fromhex(vector[name])
    return vector


def open_vector(vector: dict[str, Any]) -> bytearray:
    return floe._open(
        vector["key"],
        vector["aad"],
        vector["sealed"],
        max_plain=None,
        rotation_bits=vector["rotation_bits"],
    )


def test_the_vectors_are_there() -> None:
    outcomes = [load(path)["outcome"] for path in VECTORS]
    assert outcomes.count("opens") >= 11
    assert len(outcomes) - outcomes.count("opens") >= 40


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_known_answer(path: Path) -> None:
    vector = load(path)
    if vector["outcome"] != "opens":
        with pytest.raises(CorruptError) as caught:
            open_vector(vector)
        assert str(caught.value) == vector["outcome"]
        return
    assert open_vector(vector) == vector["plain"]
    if "iv" in vector:
        nonces = [bytes.fromhex(nonce) for nonce in vector["nonces"]]
        again = floe._seal(
            vector["key"],
            vector["aad"],
            vector["plain"],
            segment_length=vector["segment_length"],
            iv=vector["iv"],
            nonce=nonces.__getitem__,
            rotation_bits=vector["rotation_bits"],
        )
        assert again == vector["sealed"]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=2000), st.binary(max_size=50), st.integers(64, 300))
def test_what_is_sealed_opens(plain: bytes, aad: bytes, segment_length: int) -> None:
    sealed = floe.seal(KEY, aad, plain, segment_length=segment_length)
    assert len(sealed) == floe.sealed_length(len(plain), segment_length=segment_length)
    assert floe.open_sealed(KEY, aad, sealed) == plain
    assert floe.header_fits(KEY, aad, sealed)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 33, (1 << 20) - 32, (1 << 20) - 31, 3 << 20])
def test_default_segments_around_their_borders(size: int) -> None:
    plain = bytes(range(251)) * (size // 251 + 1)
    sealed = floe.seal(KEY, AAD, memoryview(plain)[:size])
    assert len(sealed) == floe.sealed_length(size)
    assert floe.open_sealed(KEY, AAD, sealed) == plain[:size]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_every_kind_of_buffer(kind: type) -> None:
    sealed = floe.seal(KEY, AAD, kind(b"text"))
    assert floe.open_sealed(KEY, AAD, kind(bytes(sealed))) == b"text"
    assert floe.header_fits(KEY, AAD, kind(bytes(sealed)))


def test_every_changed_byte_and_every_cut_is_refused() -> None:
    sealed = bytes(floe.seal(KEY, AAD, bytes(100), segment_length=64))
    for at in range(len(sealed)):
        for bit in (0x01, 0x80):
            damaged = bytearray(sealed)
            damaged[at] ^= bit
            with pytest.raises(CorruptError):
                floe.open_sealed(KEY, AAD, damaged)
        with pytest.raises(CorruptError):
            floe.open_sealed(KEY, AAD, sealed[:at])


def test_no_two_objects_share_an_iv_or_a_nonce() -> None:
    sealed = [bytes(floe.seal(KEY, AAD, bytes(64), segment_length=64)) for _ in range(50)]
    assert len({one[10:42] for one in sealed}) == 50
    nonces = {one[at + 4 : at + 16] for one in sealed for at in (74, 138)}
    assert len(nonces) == 100


def test_the_limit_is_inclusive_and_comes_before_memory() -> None:
    sealed = floe.seal(KEY, AAD, bytes(4 << 20))
    assert len(floe.open_sealed(KEY, AAD, sealed, max_plain=4 << 20)) == 4 << 20
    tracemalloc.start()
    try:
        with pytest.raises(CorruptError, match=f"more than {(4 << 20) - 1} bytes"):
            floe.open_sealed(KEY, AAD, sealed, max_plain=(4 << 20) - 1)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_nothing_but_the_result_is_allocated() -> None:
    plain = bytes(8 << 20)
    tracemalloc.start()
    try:
        sealed = floe.seal(KEY, AAD, plain)
        assert tracemalloc.get_traced_memory()[1] < len(sealed) + 100_000
        floe.open_sealed(KEY, AAD, sealed)
        assert tracemalloc.get_traced_memory()[1] < len(sealed) + len(plain) + 100_000
    finally:
        tracemalloc.stop()


def test_the_key_changes_after_2_to_the_20_segments() -> None:
    message = floe._Message(KEY, bytes(42), AAD, floe._ROTATION_BITS)
    ciphers = [message.cipher(at) for at in (0, 2**20 - 1, 2**20, 2**21 - 1, 2**21)]
    assert ciphers[0] is ciphers[1]
    assert ciphers[2] is ciphers[3]
    answers = [cipher.encrypt(bytes(12), b"", None) for cipher in ciphers]
    assert len(set(answers)) == 3
    # Back to an earlier segment, its key is the same again.
    assert message.cipher(5).encrypt(bytes(12), b"", None) == answers[0]


def test_header_fits_tells_only_the_header() -> None:
    sealed = floe.seal(KEY, AAD, b"text")
    sealed[-1] ^= 1
    assert floe.header_fits(KEY, AAD, sealed)
    assert not floe.header_fits(bytes(32), AAD, sealed)
    assert not floe.header_fits(KEY, AAD + b"x", sealed)
    with pytest.raises(CorruptError, match="too short"):
        floe.header_fits(KEY, AAD, sealed[:73])


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_a_bug_of_the_caller(length: int) -> None:
    sealed = floe.seal(KEY, AAD, b"")
    with pytest.raises(ValueError, match="32 are needed"):
        floe.seal(bytes(length), AAD, b"")
    with pytest.raises(ValueError, match="32 are needed"):
        floe.open_sealed(bytes(length), AAD, sealed)
    with pytest.raises(ValueError, match="32 are needed"):
        floe.header_fits(bytes(length), AAD, sealed)


@pytest.mark.parametrize("segment_length", [-1, 0, 63, (64 << 20) + 1])
def test_segment_lengths_have_bounds(segment_length: int) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        floe.seal(KEY, AAD, b"", segment_length=segment_length)


def test_errors_never_show_the_text_or_the_key() -> None:
    plain = b"the-secret-text" * 10
    sealed = floe.seal(KEY, AAD, plain, segment_length=64)
    sealed[-1] ^= 1
    with pytest.raises(CorruptError) as caught:
        floe.open_sealed(KEY, AAD, sealed)
    assert "secret" not in repr(caught.value) + str(caught.value.hint)
    assert caught.value.exit_code == 13
