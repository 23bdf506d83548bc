from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st

from replicate.crypto import checksummed, keys
from replicate.errors import CorruptError, UsageError, WrongKeyError

KEY = bytes(range(32))
CHEAP = keys.Argon2Cost(passes=1, lanes=1, memory_kib=8192)

# A slot as it was first written: a change that makes this test fail locks users out.
STORED_SLOT = (
    b'{"format":1,"type":"passphrase","key_id":"c6c8d435cc1c8e1c","kdf":"argon2id","passes":1,'
    b'"lanes":1,"memory_kib":8192,"salt":"ec96120fe5130a330ebe7627a2b869d7","wrapped_key":"000'
    b"00000004000000020ca658afb8bdc4df7d39c3a1039890b447900e5b7ae93a0352c6b8b2fe2ce17f94860645"
    b"7af6db08257f1dbafa96f8bfe62dabd4f6cbd3554bb0a58fb2181e540000000402fd0641db90f05162b62698"
    b"eb06c19e5a34edf2bb9520501a60b864424a3c46469cc0c284173da6a7072b8460652795534e3a51cc5ab27f"
    b'589040705","sha256":"e7051adfaac1a406f92ff2c9f4338f878034f3292225e73bf2fe850768a50a60"}'
    b"\n"
)

part = st.binary(max_size=12) | st.text(max_size=6) | st.integers(0, 2**64 - 1)


@pytest.fixture(scope="module")
def slot() -> keys.PassphraseSlot:
    return keys.PassphraseSlot.create("correct horse", KEY, cost=CHEAP)


def rewritten(slot: keys.PassphraseSlot, **changes: object) -> bytes:
    """The slot with other fields and a good checksum; None leaves a field out."""
    fields: dict[str, Any] = json.loads(slot.to_json())
    del fields["sha256"]
    fields.update(changes)
    return checksummed.encode({k: v for k, v in fields.items() if v is not None})


def test_random_keys() -> None:
    made = {keys.random_key() for _ in range(100)}
    assert len(made) == 100
    assert {len(key) for key in made} == {32}


@given(st.lists(part, max_size=4), st.lists(part, max_size=4))
def test_contexts_differ_where_their_parts_do(
    one: list[bytes | str | int], other: list[bytes | str | int]
) -> None:
    same = [(type(p), p) for p in one] == [(type(p), p) for p in other]
    assert (keys.encode_context(*one) == keys.encode_context(*other)) == same


def test_the_bytes_of_a_context() -> None:
    assert keys.encode_context() == b""
    encoded = keys.encode_context("é", b"\x00", 258)
    assert encoded.hex(" ", 1).split(" 62 ") == [
        "73 00 00 00 02 c3 a9",
        "00 00 00 01 00 69 00 00 00 08 00 00 00 00 00 00 01 02",
    ]


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_context_has_integers_of_64_bits(number: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        keys.encode_context(number)


def test_derived_keys_differ_by_key_label_and_context() -> None:
    derived = [
        keys.derive(KEY, "chunk"),
        keys.derive(KEY, "manifest"),
        keys.derive(KEY, "chunk", b"x"),
        keys.derive(KEY, "chunkx"),
        keys.derive(bytes(32), "chunk"),
    ]
    assert len({*derived, KEY}) == 6
    assert {len(key) for key in derived} == {32}
    assert keys.derive(KEY, "chunk") == derived[0]


def test_only_keys_of_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 are needed"):
        keys.derive(bytes(31), "x")
    with pytest.raises(ValueError, match="32 are needed"):
        keys.wrap(bytes(33), KEY, b"")
    with pytest.raises(ValueError, match="32 are needed"):
        keys.wrap(KEY, b"", b"")
    with pytest.raises(ValueError, match="32 are needed"):
        keys.unwrap(b"", bytes(138), b"")


def test_a_wrapped_key_is_unwrapped() -> None:
    data_key = keys.random_key()
    wrapped = keys.wrap(KEY, data_key, b"dump 1")
    assert len(wrapped) == 138
    assert keys.unwrap(KEY, wrapped, b"dump 1") == data_key
    assert keys.wrap(KEY, data_key, b"dump 1") != wrapped
    assert data_key not in wrapped


def test_another_key_or_another_context_does_not_fit() -> None:
    wrapped = keys.wrap(KEY, bytes(32), b"dump 1")
    for key, context in ((bytes(32), b"dump 1"), (KEY, b"dump 2"), (KEY, b"")):
        with pytest.raises(WrongKeyError):
            keys.unwrap(key, wrapped, context)


def test_every_changed_byte_of_a_wrapped_key_is_found() -> None:
    wrapped = keys.wrap(KEY, bytes(32), b"dump 1")
    for at in range(len(wrapped)):
        damaged = bytearray(wrapped)
        damaged[at] ^= 1
        # In the segment length, the IV or the tag it looks like another key; elsewhere not.
        in_header = at in {*range(2, 6), *range(10, 74)}
        with pytest.raises(WrongKeyError if in_header else CorruptError):
            keys.unwrap(KEY, bytes(damaged), b"dump 1")
        with pytest.raises(CorruptError):
            keys.unwrap(KEY, wrapped[:at], b"dump 1")


def test_a_slot_opens_with_its_passphrase_alone(slot: keys.PassphraseSlot) -> None:
    assert slot.unlock("correct horse") == KEY
    for passphrase in ("correct horse ", "Correct horse", "x"):
        with pytest.raises(WrongKeyError) as caught:
            slot.unlock(passphrase)
        assert slot.key_id in str(caught.value)
        assert caught.value.hint


def test_slots_are_never_alike(slot: keys.PassphraseSlot) -> None:
    other = keys.PassphraseSlot.create("correct horse", KEY, cost=CHEAP)
    assert other.key_id != slot.key_id
    assert other.salt != slot.salt
    assert other.wrapped_key[42:] != slot.wrapped_key[42:]


def test_the_default_cost_is_the_rfc_s_second_recommendation() -> None:
    slot = keys.PassphraseSlot.create("x", KEY)
    assert slot.cost == keys.Argon2Cost(passes=3, lanes=4, memory_kib=65536)
    assert keys.PassphraseSlot.from_json(slot.to_json(), slot.key_id) == slot


def test_a_slot_comes_back_from_its_json(slot: keys.PassphraseSlot) -> None:
    again = keys.PassphraseSlot.from_json(slot.to_json(), slot.key_id)
    assert again == slot
    assert again.to_json() == slot.to_json()
    assert again.unlock("correct horse") == KEY
    assert list(json.loads(slot.to_json())) == [
        "format", "type", "key_id", "kdf", "passes", "lanes", "memory_kib", "salt", "wrapped_key",
        "sha256",
    ]  # fmt: skip


def test_a_slot_stored_long_ago_still_opens() -> None:
    slot = keys.PassphraseSlot.from_json(STORED_SLOT, "c6c8d435cc1c8e1c")
    assert slot.unlock("pässword") == bytes(range(32))


def test_every_changed_bit_of_a_stored_slot_is_corruption(slot: keys.PassphraseSlot) -> None:
    data = slot.to_json()
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            with pytest.raises(CorruptError):
                keys.PassphraseSlot.from_json(bytes(damaged), slot.key_id)
        with pytest.raises(CorruptError):
            keys.PassphraseSlot.from_json(data[:at], slot.key_id)


@pytest.mark.parametrize(
    "changes",
    [
        {"passes": 0},
        {"passes": 17},
        {"passes": 2**31},
        {"passes": True},
        {"passes": 1.0},
        {"passes": "1"},
        {"lanes": 0},
        {"lanes": 17},
        {"lanes": -1},
        {"memory_kib": 8191},
        {"memory_kib": 1024 * 1024 + 1},
        {"memory_kib": 2**40},
        {"passes": 16, "memory_kib": 1024 * 1024},
        {"salt": "00" * 15},
        {"salt": "00" * 17},
        {"salt": "zz" * 16},
        {"salt": "AA" * 16},
        {"salt": 5},
        {"wrapped_key": "00" * 137},
        {"wrapped_key": ""},
        {"kdf": "argon2i"},
        {"type": "raw"},
        {"format": 2},
        {"format": "1"},
        {"format": 1.0},
        {"format": None},
        {"passes": None},
        {"wrapped_key": None},
        {"key_id": None},
        {"key_id": 7},
        {"key_id": "00000000000000zz"},
        {"key_id": "0123456789abcdef"},
        {"more": 1},
    ],
    ids=str,
)
def test_a_hostile_slot_is_refused_before_any_work(
    slot: keys.PassphraseSlot, changes: dict[str, object]
) -> None:
    with pytest.raises(CorruptError) as caught:
        keys.PassphraseSlot.from_json(rewritten(slot, **changes), slot.key_id)
    assert slot.key_id in str(caught.value)


def test_a_slot_of_another_order_or_size_is_refused(slot: keys.PassphraseSlot) -> None:
    fields = json.loads(slot.to_json())
    del fields["sha256"]
    with pytest.raises(CorruptError):
        keys.PassphraseSlot.from_json(
            checksummed.encode(dict(reversed(fields.items()))), slot.key_id
        )
    with pytest.raises(CorruptError, match="the limit"):
        keys.PassphraseSlot.from_json(rewritten(slot, more="x" * 5000), slot.key_id)


def test_a_slot_read_for_another_key_is_refused(slot: keys.PassphraseSlot) -> None:
    with pytest.raises(CorruptError, match=f"is the slot of key {slot.key_id}"):
        keys.PassphraseSlot.from_json(slot.to_json(), "0123456789abcdef")


def test_a_slot_renamed_with_a_good_checksum_does_not_open(slot: keys.PassphraseSlot) -> None:
    renamed = rewritten(slot, key_id="0123456789abcdef")
    moved = keys.PassphraseSlot.from_json(renamed, "0123456789abcdef")
    with pytest.raises(WrongKeyError):
        moved.unlock("correct horse")


def test_a_cheapened_slot_does_not_open() -> None:
    slot = keys.PassphraseSlot.create("x", KEY, cost=keys.Argon2Cost(2, 1, 8192))
    cheaper = keys.PassphraseSlot.from_json(rewritten(slot, passes=1), slot.key_id)
    with pytest.raises(WrongKeyError):
        cheaper.unlock("x")


@pytest.mark.parametrize(("passphrase", "problem"), [("", "empty"), ("a\ud800b", "not text")])
def test_what_is_no_passphrase(slot: keys.PassphraseSlot, passphrase: str, problem: str) -> None:
    for call in (
        lambda: keys.PassphraseSlot.create(passphrase, KEY, cost=CHEAP),
        lambda: slot.unlock(passphrase),
        lambda: keys.masking_root(passphrase),
    ):
        with pytest.raises(UsageError, match=problem) as caught:
            call()
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_passphrase_is_its_bytes() -> None:
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    slot = keys.PassphraseSlot.create(composed, KEY, cost=CHEAP)
    assert slot.unlock(b"\xc3\xa9".decode()) == KEY
    with pytest.raises(WrongKeyError):
        slot.unlock(decomposed)
    # As os.environ gives bytes that are no UTF-8.
    odd = keys.PassphraseSlot.create(
        b"\xff\xfe".decode("utf-8", "surrogateescape"), KEY, cost=CHEAP
    )
    assert odd.unlock("\udcff\udcfe") == KEY


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not enforce RLIMIT_AS")
def test_too_little_memory_is_said_in_a_sentence() -> None:
    program = """if True:
        import resource
        from replicate.crypto import keys
        resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))
        keys.PassphraseSlot.create("x", bytes(32), cost=keys.Argon2Cost(1, 1, 1024 * 1024))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.stderr.decode().splitlines()[-1] == (
        "replicate.errors.ReplicateError: "
        "there is not enough memory for Argon2id, which needs 1024 MiB"
    )


def test_nothing_secret_is_shown(slot: keys.PassphraseSlot) -> None:
    with pytest.raises(WrongKeyError) as caught:
        slot.unlock("a wrong secret")
    shown = f"{slot!r} {caught.value!r} {caught.value.hint}"
    assert "secret" not in shown
    assert KEY.hex() not in shown
    assert repr(KEY) not in shown


def test_the_masking_root_is_the_same_in_every_run() -> None:
    expected = Argon2id(
        salt=b"replicate/mask/1", length=32, iterations=3, lanes=4, memory_cost=65536
    ).derive("pässword".encode())
    assert keys.masking_root("pässword") == expected
    assert expected.hex() == "e5558ca90b07621718feba4fef0c6bb895e83f44af2cef710270b7fe6991715e"
    assert keys.masking_root("password") != expected
