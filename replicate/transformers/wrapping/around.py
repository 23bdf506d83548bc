"""What all have in common that go around another transformer."""

from __future__ import annotations

import abc

from replicate.rows.column import Column, Replacement
from replicate.transformers.base import Effects, Transformer


class Around(abc.ABC):
    """A transformer that leaves to `inner` whatever it doesn't say itself."""

    def __init__(self, inner: Transformer) -> None:
        self._inner = inner

    @property
    def effects(self) -> Effects:
        return self._inner.effects

    @property
    def reads(self) -> frozenset[str]:
        return self._inner.reads

    @property
    def reads_masked(self) -> frozenset[str]:
        return self._inner.reads_masked

    @abc.abstractmethod
    def transform(self, column: Column) -> Replacement: ...

    def close(self) -> None:
        self._inner.close()
