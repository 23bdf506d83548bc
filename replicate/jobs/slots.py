"""Key slots on their way from one store to another: a dump without its slot can't be opened."""

from __future__ import annotations

from replicate.crypto.keys import PassphraseSlot
from replicate.datastores.base import Datastore
from replicate.dumps.keyring import MAX_SLOT
from replicate.dumps.layout import slot_key
from replicate.dumps.objects import get_checked, put_once
from replicate.errors import ConflictError, CorruptError, NotFoundError


def read_slot(store: Datastore, key_id: str) -> bytes:
    """The stored bytes of a slot. Raises `NotFoundError`, and `CorruptError` for a damaged one."""

    def check(data: bytes) -> bytes:
        PassphraseSlot.from_json(data, key_id)
        return data

    try:
        return get_checked(store, slot_key(key_id), check, max_size=MAX_SLOT)
    except CorruptError as error:
        raise CorruptError(
            f"the key slot {slot_key(key_id)} is damaged: {error.message}", hint=error.hint
        ) from error


def copy_slot(source: Datastore, target: Datastore, key_id: str) -> None:
    """Make sure that `target` has the slot that `source` has.

    Raises as `read_slot` does, and `ConflictError` where it has another one under the same id.
    """
    key = slot_key(key_id)
    slot = read_slot(source, key_id)
    try:
        if target.get(key, max_size=MAX_SLOT) == slot:
            return
    except (NotFoundError, CorruptError):
        pass
    try:
        put_once(target, key, slot)
    except ConflictError as error:
        raise ConflictError(
            f"{target.location} has another key slot {key}",
            hint="a slot that is damaged may be deleted there, if another copy has it",
        ) from error
