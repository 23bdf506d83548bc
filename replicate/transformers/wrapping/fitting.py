"""Hold a transformer to the length that a column's type allows."""

from __future__ import annotations

import numpy as np

from replicate.errors import TransformError
from replicate.rows.arrays import contents
from replicate.rows.column import Column, Replacement
from replicate.transformers.base import Transformer
from replicate.transformers.wrapping.around import Around


class Fitted(Around):
    """Another transformer, whose replacements may have `most` characters; longer ones raise."""

    def __init__(self, inner: Transformer, most: int) -> None:
        super().__init__(inner)
        self._most = most

    def transform(self, column: Column) -> Replacement:
        replacement = self._inner.transform(column)
        check_length(replacement, self._most)
        return replacement


def check_length(replacement: Replacement, most: int) -> None:
    """Raises `TransformError` for the first row whose replacement has more than `most` characters.

    The database that the dump is restored into would refuse it, or cut it off.
    """
    offsets, data = contents(replacement.pool)
    # No value has more characters than bytes, which settles nearly all of them.
    long = np.diff(offsets) > most
    if not long.any():
        return
    begins = np.concatenate(([0], np.cumsum((data & 0xC0) != 0x80)))
    unfit = long & (np.diff(begins[offsets - offsets[0]]) > most)
    rows = np.flatnonzero(replacement.index >= 0)
    rows = rows[unfit[replacement.index[rows]]]
    if rows.size:
        raise TransformError(
            f"a replacement has more than the {most} characters that the column takes",
            hint="random keeps the length of a value; keep-first-char makes it short",
            row=int(rows[0]),
        )
