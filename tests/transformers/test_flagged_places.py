"""Where flags stand in the rows of a matrix, against a search one by one."""

from __future__ import annotations

import numpy as np
import pytest

from replicate.transformers.columnar.flagged import end_in_row, first_in_row


@pytest.mark.parametrize("width", [8, 16, 32])
@pytest.mark.parametrize("density", [0.01, 0.1, 0.5, 1.0])
def test_the_first_and_the_last_flag_of_a_row(width: int, density: float) -> None:
    flags = np.random.default_rng(width).random((2000, width)) < density
    places = [np.flatnonzero(row).tolist() for row in flags]
    assert first_in_row(flags).tolist() == [row[0] if row else width for row in places]
    assert end_in_row(flags).tolist() == [row[-1] + 1 if row else 0 for row in places]


def test_each_place_by_itself() -> None:
    flags = np.eye(32, dtype=np.bool_)
    assert first_in_row(flags).tolist() == list(range(32))
    assert end_in_row(flags).tolist() == list(range(1, 33))
