"""Which key opens what, and what is said where none does."""

from __future__ import annotations

import base64
import dataclasses
import secrets
from datetime import UTC, datetime

import pytest

from replicate.crypto import keys
from replicate.crypto.keys import Argon2Cost, PassphraseSlot, random_key
from replicate.datastores.base import Data, ObjectInfo, PutMode
from replicate.dumps.keyring import KeyRing
from replicate.dumps.manifest import Encryption, Header
from replicate.errors import (
    CorruptError,
    DatastoreError,
    ReplicateError,
    UsageError,
    WrongKeyError,
)
from tests.support.faulty_store import FaultyStore, Operation, after, before
from tests.support.memory_store import MemoryStore
from tests.support.small_dump import small_manifest

RUN = "ab" * 16
CHEAP = Argon2Cost(1, 1, 8 * 1024)


def add_slot(store: MemoryStore, passphrase: str) -> tuple[str, bytes]:
    """A slot as another run made it, at a cost that a test can pay many times."""
    key = random_key()
    slot = PassphraseSlot.create(passphrase, key, cost=CHEAP)
    store.put(f"keys/{slot.key_id}.json", slot.to_json())
    return slot.key_id, key


def header(encryption: Encryption | None, run_id: str = RUN) -> Header:
    return small_manifest("mine", run_id, [], encryption=encryption).header


def test_the_first_encrypted_dump_makes_a_slot_and_the_next_one_uses_it() -> None:
    store = MemoryStore()
    encryption, data_key = KeyRing(store, "secret").new_data_key(RUN)
    assert [*store.objects] == [f"keys/{encryption.key_id}.json"]
    ring = KeyRing(store, "secret")
    assert ring.data_key(header(encryption)) == data_key
    again, other_key = ring.new_data_key("cd" * 16)
    assert again.key_id == encryption.key_id
    assert other_key != data_key
    assert len(store.objects) == 1
    assert b"secret" not in b"".join(data for data, _ in store.objects.values())


def test_a_dump_in_the_clear_needs_no_key() -> None:
    assert KeyRing(MemoryStore(), None).data_key(header(None)) is None
    assert KeyRing(MemoryStore(), "secret").data_key(header(None)) is None


def test_a_slot_is_opened_once() -> None:
    store = MemoryStore()
    add_slot(store, "secret")
    faulty = FaultyStore(store)
    ring = KeyRing(faulty, "secret")
    encryption, _ = ring.new_data_key(RUN)
    read = len(faulty.calls)
    for _ in range(50):
        ring.data_key(header(encryption))
    assert len(faulty.calls) == read


def test_a_passphrase_that_fits_no_slot_starts_no_dump() -> None:
    store = MemoryStore()
    add_slot(store, "one")
    with pytest.raises(WrongKeyError, match="does not fit the key slot") as caught:
        KeyRing(store, "wrong").for_create()
    assert "--new-key" in str(caught.value.hint)
    add_slot(store, "two")
    with pytest.raises(WrongKeyError, match="fits none of the 2 key slots"):
        KeyRing(store, "wrong").for_create()
    assert len(store.objects) == 2


def test_a_new_key_is_started_only_where_none_fits() -> None:
    store = MemoryStore()
    first, key = add_slot(store, "one")
    assert KeyRing(store, "one").for_create(new_key=True) == (first, key)
    key_id, repository_key = KeyRing(store, "other").for_create(new_key=True)
    assert len(store.objects) == 2
    assert KeyRing(store, "other").for_create() == (key_id, repository_key)
    assert KeyRing(store, "one").for_create() == (first, key)


def test_stretching_ahead_stores_nothing() -> None:
    store = MemoryStore()
    ring = KeyRing(store, "secret")
    ring.stretching()()
    assert not store.objects
    key_id, repository_key = ring.for_create()
    assert KeyRing(store, "secret").for_create() == (key_id, repository_key)
    assert len(store.objects) == 1


def test_stretching_ahead_is_all_the_stretching(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    added = add_slot(store, "secret")
    rings = [KeyRing(store, "secret"), KeyRing(MemoryStore(), "secret")]
    for ring in rings:
        ring.stretching()()
    monkeypatch.setattr(keys, "_stretch", lambda *_: pytest.fail("stretched again"))
    assert rings[0].for_create() == added
    rings[1].for_create()


def test_a_slot_that_comes_meanwhile_is_taken() -> None:
    store = MemoryStore()
    ring = KeyRing(store, "secret")
    stretch = ring.stretching()
    added = add_slot(store, "secret")
    stretch()
    assert ring.for_create() == added
    assert len(store.objects) == 1


def test_stretching_ahead_leaves_errors_to_the_real_work() -> None:
    store = MemoryStore()
    key_id, _ = add_slot(store, "secret")
    wrong = KeyRing(store, "wrong")
    wrong.stretching()()
    with pytest.raises(WrongKeyError, match="does not fit the key slot"):
        wrong.for_create()
    KeyRing(store, None).stretching()()
    store.put(f"keys/{key_id}.json", b"damaged")
    damaged = KeyRing(store, "secret")
    damaged.stretching()()
    with pytest.raises(CorruptError):
        damaged.for_create()
    empty = KeyRing(MemoryStore(), "")
    empty.stretching()()
    with pytest.raises(UsageError):
        empty.for_create()


def test_what_is_no_slot_is_passed_over() -> None:
    store = MemoryStore()
    store.put("keys/readme.txt", b"hello")
    store.put("keys/old/0123456789abcdef.json", b"hello")
    KeyRing(store, "secret").for_create()
    assert len(store.objects) == 3


def test_no_passphrase() -> None:
    store = MemoryStore()
    encryption, _ = KeyRing(store, "secret").new_data_key(RUN)
    ring = KeyRing(store, None)
    with pytest.raises(
        WrongKeyError, match=r"^dump mine is encrypted and no encryption_key is configured"
    ):
        ring.data_key(header(encryption))
    with pytest.raises(WrongKeyError, match="no encryption_key is configured"):
        ring.for_create()


def test_the_wrong_passphrase_names_dump_and_key_and_no_secret() -> None:
    store = MemoryStore()
    encryption, _ = KeyRing(store, "secret").new_data_key(RUN)
    with pytest.raises(WrongKeyError, match="does not fit dump mine") as caught:
        KeyRing(store, "sesame").data_key(header(encryption))
    assert encryption.key_id in caught.value.message
    assert "sesame" not in f"{caught.value.message} {caught.value.hint}"


def test_a_slot_that_is_missing() -> None:
    store = MemoryStore()
    encryption, _ = KeyRing(store, "secret").new_data_key(RUN)
    store.delete([f"keys/{encryption.key_id}.json"])
    with pytest.raises(CorruptError, match=f"{encryption.key_id}.json of dump mine is missing"):
        KeyRing(store, "secret").data_key(header(encryption))


def test_a_damaged_slot_is_never_a_wrong_key() -> None:
    store = MemoryStore()
    key_id, _ = add_slot(store, "secret")
    key = f"keys/{key_id}.json"
    good = store.get(key)
    ring = KeyRing(store, "secret")
    damaged = {
        "was altered": [
            good[:i] + bytes([good[i] ^ 1 << i % 8]) + good[i + 1 :] for i in range(len(good))
        ],
        "was cut|is empty": [good[:i] for i in range(len(good))],
        "extra bytes": [good + b"\n", good + good, good + b" " * 5000],
    }
    for message, variants in damaged.items():
        for data in variants:
            store.put(key, data)
            with pytest.raises(CorruptError, match=message) as caught:
                ring.unlock(key_id, dump="mine")
            assert key in caught.value.message
    with pytest.raises(CorruptError) as caught:
        ring.for_create()
    assert "--new-key" in str(caught.value.hint)
    assert ring.for_create(new_key=True)[0] != key_id
    store.put(key, good)
    assert len(ring.unlock(key_id, dump="mine")) == 32


def test_a_damaged_slot_does_not_hide_one_that_fits() -> None:
    store = MemoryStore()
    bad, _ = add_slot(store, "other")
    store.put(f"keys/{bad}.json", b"garbage")
    good, key = add_slot(store, "secret")
    store.put(f"keys/{bad}.json", b"garbage")  # the newest, and so the first to be tried
    assert KeyRing(store, "secret").for_create() == (good, key)


def test_a_slot_in_the_place_of_another_is_called_that() -> None:
    store = MemoryStore()
    one, _ = add_slot(store, "secret")
    two, _ = add_slot(store, "secret")
    store.put(f"keys/{one}.json", store.get(f"keys/{two}.json"))
    with pytest.raises(CorruptError, match=f"is the slot of key {two}"):
        KeyRing(store, "secret").unlock(one, dump="mine")


def test_a_wrapped_key_of_another_dump_does_not_open() -> None:
    store = MemoryStore()
    ring = KeyRing(store, "secret")
    encryption, data_key = ring.new_data_key(RUN)
    assert ring.data_key(header(encryption)) == data_key
    flipped = bytearray(base64.b64decode(encryption.wrapped_key))
    flipped[-1] ^= 1
    for wrong in (
        header(encryption, run_id=secrets.token_hex(16)),
        header(dataclasses.replace(encryption, wrapped_key="AAAA")),
        header(dataclasses.replace(encryption, wrapped_key="=")),
        header(dataclasses.replace(encryption, wrapped_key=base64.b64encode(flipped).decode())),
    ):
        with pytest.raises(CorruptError, match="manifest of dump mine was altered, or its key"):
            ring.data_key(wrong)


def test_a_scheme_that_is_not_known() -> None:
    store = MemoryStore()
    ring = KeyRing(store, "secret")
    encryption, _ = ring.new_data_key(RUN)
    with pytest.raises(ReplicateError, match="not known here: hpke") as caught:
        ring.data_key(header(dataclasses.replace(encryption, scheme="hpke")))
    assert caught.value.hint == "upgrade replicate"


def test_a_store_that_can_not_be_read_makes_no_new_key() -> None:
    store = MemoryStore()
    add_slot(store, "secret")
    operations: tuple[Operation, ...] = ("list", "get")
    for operation in operations:
        faulty = FaultyStore(store, before(operation, DatastoreError("no")))
        with pytest.raises(DatastoreError):
            KeyRing(faulty, "secret").for_create(new_key=True)
        faulty.assert_all_used()
    assert len(store.objects) == 1


def test_a_slot_whose_write_was_answered_late_is_still_ours() -> None:
    class Retrying(FaultyStore):
        """Tries a put once more after a transient error, as the retry wrapper does."""

        def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
            try:
                return super().put(key, data, mode=mode)
            except DatastoreError:
                return super().put(key, data, mode=mode)

    store = MemoryStore()
    lost = DatastoreError("answer lost", transient=True)
    retrying = Retrying(store, after("put", lost, key="keys/*"))
    key_id, key = KeyRing(retrying, "secret").for_create()
    retrying.assert_all_used()
    assert [*store.objects] == [f"keys/{key_id}.json"]
    assert KeyRing(store, "secret").unlock(key_id, dump="x") == key
    assert datetime.now(UTC) >= store.stat(f"keys/{key_id}.json").modified
