"""One replacement for all values that are equal to the database."""

from __future__ import annotations

from replicate.rows.column import Column, Replacement
from replicate.rows.comparing import Equality, folded
from replicate.transformers.base import Transformer
from replicate.transformers.wrapping.around import Around


class Folded(Around):
    """Another transformer, which is shown one spelling of all values that are equal.

    What it keeps stays as the row has it, and is still equal to what it was equal to.
    """

    def __init__(self, inner: Transformer, equality: Equality) -> None:
        super().__init__(inner)
        self._equality = equality

    def transform(self, column: Column) -> Replacement:
        return self._inner.transform(folded(column, self._equality))
