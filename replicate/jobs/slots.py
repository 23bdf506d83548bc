"""Key slots on their way from one store to another: a dump without its slot can't be opened."""

from __future__ import annotations

from replicate.datastores.base import Datastore
from replicate.dumps.keyring import MAX_SLOT, read_slot
from replicate.dumps.layout import slot_key
from replicate.dumps.objects import put_once
from replicate.errors import ConflictError, CorruptError, NotFoundError


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
