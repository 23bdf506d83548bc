"""A transformer that shows somebody what it replaces."""

from __future__ import annotations

from collections.abc import Callable

from replicate.rows.column import Column, Replacement
from replicate.transformers.base import Transformer
from replicate.transformers.wrapping.around import Around


class Watching(Around):
    """Another transformer; `see` is given every column of values that it has replaced."""

    def __init__(self, inner: Transformer, see: Callable[[Column], None]) -> None:
        super().__init__(inner)
        self._see = see

    def transform(self, column: Column) -> Replacement:
        replacement = self._inner.transform(column)
        self._see(column)
        return replacement
