"""One replacement for all values that are equal to the database."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from replicate.rows.arrays import contents
from replicate.rows.column import KEEP, Column, Replacement
from replicate.rows.comparing import Equality, folded
from replicate.rows.spans import gather
from replicate.transformers.base import Transformer
from replicate.transformers.wrapping.around import Around


class Folded(Around):
    """Another transformer, which is shown one spelling of all values that are equal.

    What it keeps, or answers as it was shown it, stays as the row has it, and is still equal to
    what it was equal to.
    """

    def __init__(self, inner: Transformer, equality: Equality) -> None:
        super().__init__(inner)
        self._equality = equality

    def transform(self, column: Column) -> Replacement:
        shown = folded(column, self._equality)
        made = self._inner.transform(shown)
        if shown is column:
            return made
        index = made.index.copy()
        index[_same(shown, made)] = KEEP
        return replace(made, index=index)


def _same(shown: Column, made: Replacement) -> npt.NDArray[np.intp]:
    """The rows whose replacement is the value that was shown."""
    offsets, data = contents(made.pool)
    rows = np.flatnonzero(made.index >= 0)
    entries = made.index[rows]
    length = np.diff(offsets)[entries]
    alike = length == shown.length[rows]
    rows, entries, length = rows[alike], entries[alike], length[alike].astype(np.int64)
    ones = gather(shown.data, shown.start[rows], length)
    others = gather(data, (offsets - offsets[0])[entries].astype(np.int64), length)
    before = np.concatenate(([0], np.cumsum(ones != others)))
    end = np.cumsum(length)
    found: npt.NDArray[np.intp] = rows[before[end] == before[end - length]]
    return found
