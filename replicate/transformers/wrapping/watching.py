"""A transformer that shows somebody what it replaces."""

from __future__ import annotations

from collections.abc import Callable

from replicate.rows.column import Column, Replacement
from replicate.transformers.base import Effects, Transformer


class Watching:
    """Another transformer; `see` is given every column of values that it has replaced."""

    def __init__(self, inner: Transformer, see: Callable[[Column], None]) -> None:
        self._inner = inner
        self._see = see

    @property
    def effects(self) -> Effects:
        return self._inner.effects

    @property
    def reads(self) -> frozenset[str]:
        return self._inner.reads

    @property
    def reads_masked(self) -> frozenset[str]:
        return self._inner.reads_masked

    def transform(self, column: Column) -> Replacement:
        replacement = self._inner.transform(column)
        self._see(column)
        return replacement

    def close(self) -> None:
        self._inner.close()
