"""A datastore that is only looked at: whatever would change it is refused before it is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from replicate.datastores.base import Data, Datastore, HasCopies, ObjectInfo, PutMode
from replicate.datastores.passing import Passing
from replicate.errors import DatastoreError


def read_only(store: Datastore) -> Datastore:
    """A view of `store` in which `put` and `delete` are a `DatastoreError`.

    It has copies if `store` has, and these are views as well. Closing it leaves `store` open.
    """
    if isinstance(store, HasCopies):
        return _ReadOnlyCopies(store, [_ReadOnly(each) for each in store.copies])
    return _ReadOnly(store)


class _ReadOnly(Passing):
    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        del data, mode
        self._refuse(key)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._refuse(key)

    def close(self) -> None:
        """Nothing of its own is open."""

    def _refuse(self, key: str) -> NoReturn:
        raise DatastoreError(f"{key} stays as it is: {self.location} is only read")


class _ReadOnlyCopies(_ReadOnly):
    def __init__(self, inner: Datastore, copies: Sequence[Datastore]) -> None:
        super().__init__(inner)
        self.copies = copies

    def may_lag(self, copy: Datastore) -> bool:
        del copy
        return True  # whoever only looks asks nothing of it

    def settle(self, prefix: str, sizes: Mapping[str, int]) -> None:
        """Nothing was put, so there is nothing to make sure of."""
