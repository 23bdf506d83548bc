"""Replacements have to fit the column that they are for."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replicate.errors import TransformError
from replicate.rows.arrays import strings
from replicate.rows.column import KEEP, NULL, Column, Replacement
from replicate.transformers.base import Effects, Uniqueness
from replicate.transformers.wrapping.fitting import Fitted

EFFECTS = Effects(Uniqueness.MAY_COLLIDE)


class Giving:
    """Answers with these values for these rows."""

    @property
    def effects(self) -> Effects:
        return EFFECTS

    reads: frozenset[str] = frozenset()
    reads_masked: frozenset[str] = frozenset()

    def close(self) -> None:
        pass

    def __init__(self, pool: list[bytes], index: list[int]) -> None:
        self._replacement = Replacement(
            strings(pool), pa.array(index, pa.int32()).to_numpy(zero_copy_only=False)
        )

    def transform(self, _column: Column) -> Replacement:
        return self._replacement


ROWS = Column.of([b"x"] * 3)


@pytest.mark.parametrize(
    ("pool", "index"),
    [
        ([b"four", "äöüß".encode(), b""], [0, 1, 2]),
        ([b"much too long", b"ok"], [1, 1, KEEP]),  # what no row takes may be long
        ([b"much too long"], [KEEP, NULL, KEEP]),
        ([], [KEEP, NULL, KEEP]),
    ],
)
def test_what_fits_passes(pool: list[bytes], index: list[int]) -> None:
    inner = Giving(pool, index)
    fitted = Fitted(inner, 4)
    assert fitted.transform(ROWS) is inner.transform(ROWS)
    assert fitted.effects is inner.effects


@pytest.mark.parametrize("value", [b"fives", "äöüßé".encode(), b"\xff" * 5])
def test_what_is_too_long_stops(value: bytes) -> None:
    pool = strings([b"skipped", b"ok", value, b"ok"])[1:]  # one that doesn't begin its buffer
    inner = Giving([], [0, 1, 2])
    inner._replacement = Replacement(pool, inner.transform(ROWS).index)
    with pytest.raises(TransformError, match="more than the 4 characters") as caught:
        Fitted(inner, 4).transform(ROWS)
    assert caught.value.row == 1
    assert value.decode("latin-1") not in str(caught.value)
