"""Hold a transformer to the length that a column's type allows."""

from __future__ import annotations

import numpy as np

from replicate.errors import TransformError
from replicate.rows.arrays import contents
from replicate.rows.column import Column, Replacement
from replicate.transformers.base import Effects, Transformer


class Fitted:
    """Another transformer, whose replacements may have `most` characters.

    A longer one raises `TransformError`: the database that the dump is restored into would refuse
    it, or cut it off.
    """

    def __init__(self, inner: Transformer, most: int) -> None:
        self._inner = inner
        self._most = most

    @property
    def effects(self) -> Effects:
        return self._inner.effects

    @property
    def reads(self) -> frozenset[str]:
        return self._inner.reads

    @property
    def reads_masked(self) -> frozenset[str]:
        return self._inner.reads_masked

    def close(self) -> None:
        self._inner.close()

    def transform(self, column: Column) -> Replacement:
        replacement = self._inner.transform(column)
        offsets, data = contents(replacement.pool)
        # No value has more characters than bytes, which settles nearly all of them.
        long = np.diff(offsets) > self._most
        if long.any():
            chosen = np.zeros(len(long), np.bool_)
            chosen[replacement.index[replacement.index >= 0]] = True
            begins = np.concatenate(([0], np.cumsum((data & 0xC0) != 0x80)))
            characters = np.diff(begins[offsets - offsets[0]])
            unfit = long & chosen & (characters > self._most)
            if unfit.any():
                row = np.flatnonzero((replacement.index >= 0) & unfit[replacement.index])[0]
                raise TransformError(
                    f"a replacement has more than the {self._most} characters that the column "
                    "takes",
                    hint="random keeps the length of a value; keep-first-char makes it short",
                    row=int(row),
                )
        return replacement
