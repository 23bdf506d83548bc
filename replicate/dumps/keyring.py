"""The keys of a store: slots that a passphrase opens, and what they give access to.

passphrase ── keys/<key id>.json ── repository key ── header.encryption ── data key of a dump
"""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Callable

from replicate.crypto import keys
from replicate.datastores.base import Datastore
from replicate.dumps.documents import explained
from replicate.dumps.layout import SLOTS, slot_key, slot_of
from replicate.dumps.objects import get_checked, put_once
from replicate.dumps.records import Encryption, Header
from replicate.errors import (
    CorruptError,
    NotFoundError,
    ReplicateError,
    TooLargeError,
    WrongKeyError,
)

SCHEME = "repository-key"
"""How `Header.encryption` keeps the data key: wrapped under the repository key of a slot."""

MAX_SLOT = 4096
"""Bytes that a key slot may have."""


class KeyRing:
    """What one passphrase, or none, opens in one store. Several threads may use it.

    Stretching a passphrase takes a quarter of a second a slot, so what was opened is remembered
    as long as the object lives.
    """

    def __init__(self, store: Datastore, passphrase: str | None) -> None:
        self._store = store
        self._passphrase = passphrase
        self._unlocked: dict[str, bytes] = {}
        self._spare: tuple[keys.PassphraseSlot, bytes] | None = None
        self._lock = threading.RLock()

    def new_data_key(self, run_id: str, *, new_key: bool = False) -> tuple[Encryption, bytes]:
        """A fresh data key for the run `run_id`, and how its header keeps it. As `for_create`."""
        key_id, repository_key = self.for_create(new_key=new_key)
        data_key = keys.random_key()
        wrapped = keys.wrap(repository_key, data_key, _context(run_id))
        return Encryption(SCHEME, key_id, base64.b64encode(wrapped).decode("ascii")), data_key

    def data_key(self, header: Header) -> bytes | None:
        """The data key of a dump; None where it is not encrypted.

        Raises `WrongKeyError` without a passphrase or with one that doesn't fit, `CorruptError`
        where the slot is missing or damaged, or where the header's key is of another dump.
        """
        encryption = header.encryption
        if encryption is None:
            return None
        if encryption.scheme != SCHEME:
            raise ReplicateError(
                f"dump {header.name} is encrypted in a way that is not known here: "
                f"{encryption.scheme}",
                hint="upgrade replicate",
            )
        repository_key = self.unlock(encryption.key_id, dump=header.name)
        try:
            wrapped = base64.b64decode(encryption.wrapped_key, validate=True)
            return keys.unwrap(repository_key, wrapped, _context(header.run_id))
        except (ValueError, CorruptError, WrongKeyError) as error:
            # The passphrase opened the slot, so it is no matter of the key.
            raise CorruptError(
                f"the manifest of dump {header.name} was altered, or its key belongs to another "
                "dump: the wrapped key does not open"
            ) from error

    def for_create(self, *, new_key: bool = False) -> tuple[str, bytes]:
        """The id and the repository key for a new dump; the store's first slot is made here.

        Where there are slots the passphrase has to open one of them, so that a misspelt one can't
        go unnoticed until the restore: otherwise `WrongKeyError`. With `new_key` a slot is made
        where none fits. Dumps of one store may so have different keys.
        """
        passphrase = self._require(
            "a dump can't be encrypted without a passphrase: no encryption_key is configured"
        )
        with self._lock:
            slots = self._slots()
            damage: CorruptError | None = None
            for key_id in slots:
                try:
                    return key_id, self._unlock(key_id, passphrase)
                except (WrongKeyError, NotFoundError):
                    continue
                except CorruptError as error:
                    damage = error
            if slots and not new_key:
                if damage is not None:
                    raise CorruptError(
                        damage.message, hint="`dump create --new-key` starts a new key"
                    )
                raise WrongKeyError(
                    f"the encryption key fits none of the {len(slots)} key slots"
                    if len(slots) > 1
                    else "the encryption key does not fit the key slot of this datastore",
                    hint="check encryption_key; `dump create --new-key` starts a new key",
                )
            return self._create(passphrase)

    def stretching(self) -> Callable[[], None]:
        """What takes the time of `for_create`, to be done by another thread before that is called.

        The newest slot is read now, and is opened by the work; where there is none, one is made
        ready. Nothing is stored, and no error raised: `for_create` meets with it again.
        """
        passphrase = self._passphrase
        if passphrase is None:
            return lambda: None
        try:
            key_id = next(iter(self._slots()), None)
            slot = None if key_id is None else self._read(key_id)
        except ReplicateError:
            return lambda: None

        def stretch() -> None:
            with self._lock, contextlib.suppress(ReplicateError):
                if slot is not None:
                    self._unlocked[slot.key_id] = slot.unlock(passphrase)
                else:
                    self._spare = _new_slot(passphrase)

        return stretch

    def unlock(self, key_id: str, *, dump: str) -> bytes:
        """The repository key of a slot; `dump` is what it is needed for, in errors.

        Raises `WrongKeyError` without a passphrase or with one that doesn't fit, `CorruptError`
        where the slot is missing or damaged.
        """
        passphrase = self._require(f"dump {dump} is encrypted and no encryption_key is configured")
        try:
            with self._lock:
                return self._unlock(key_id, passphrase)
        except NotFoundError as error:
            raise CorruptError(
                f"the key slot {slot_key(key_id)} of dump {dump} is missing from "
                f"{self._store.location}",
                hint="without it the dump can't be opened; put it back from a copy",
            ) from error
        except WrongKeyError as error:
            raise WrongKeyError(
                f"the encryption key does not fit dump {dump}, which has the key {key_id}",
                hint="configure the encryption_key that the dump was made with",
            ) from error

    def _require(self, message: str) -> str:
        if self._passphrase is None:
            raise WrongKeyError(
                message, hint="set encryption_key in conf.yaml to the passphrase of the dump"
            )
        return self._passphrase

    def _unlock(self, key_id: str, passphrase: str) -> bytes:
        if key_id not in self._unlocked:
            slot = self._read(key_id)
            try:
                self._unlocked[key_id] = slot.unlock(passphrase)
            except CorruptError as error:
                raise CorruptError(
                    f"the key slot {slot_key(key_id)} was altered: {error.message}"
                ) from error
        return self._unlocked[key_id]

    def _slots(self) -> list[str]:
        """The ids of all slots, the newest first."""
        found = sorted(self._store.list(SLOTS), key=lambda info: info.modified, reverse=True)
        return [key_id for info in found if (key_id := slot_of(info.key)) is not None]

    def _read(self, key_id: str) -> keys.PassphraseSlot:
        return keys.PassphraseSlot.from_json(read_slot(self._store, key_id), key_id)

    def _create(self, passphrase: str) -> tuple[str, bytes]:
        slot, repository_key = self._spare or _new_slot(passphrase)
        self._spare = None
        put_once(self._store, slot_key(slot.key_id), slot.to_json())
        self._unlocked[slot.key_id] = repository_key
        return slot.key_id, repository_key


def _new_slot(passphrase: str) -> tuple[keys.PassphraseSlot, bytes]:
    """A slot that is not stored yet, with its repository key."""
    repository_key = keys.random_key()
    return keys.PassphraseSlot.create(passphrase, repository_key), repository_key


def read_slot(store: Datastore, key_id: str) -> bytes:
    """The stored bytes of a slot. Raises `NotFoundError`, and `CorruptError` for a damaged one."""
    key = slot_key(key_id)

    def check(data: bytes) -> bytes:
        try:
            keys.PassphraseSlot.from_json(data, key_id)
        except CorruptError as error:
            raise explained(error, data, f"the key slot {key}") from error
        return data

    try:
        return get_checked(store, key, check, max_size=MAX_SLOT)
    except TooLargeError as error:
        raise CorruptError(f"the key slot {key} has extra bytes: {error.message}") from error


def _context(run_id: str) -> bytes:
    return keys.encode_context("replicate/data-key/1", run_id)
