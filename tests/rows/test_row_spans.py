from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from replicate.rows.column import Column
from replicate.rows.spans import gather, heads


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=12), st.booleans())
def test_gather_is_the_concatenation_of_the_spans(values: list[bytes], backwards: bool) -> None:
    column = Column.of(values)
    order = np.arange(len(values))[:: -1 if backwards else 1]
    found = gather(column.data, column.start[order], column.length[order])
    assert found.tobytes() == b"".join(values[i] for i in order)


@given(st.lists(st.binary(max_size=70), min_size=1, max_size=12), st.sampled_from([16, 32, 48]))
def test_heads_are_the_first_bytes_and_then_zeros(values: list[bytes], width: int) -> None:
    column = Column.of(values)
    found = heads(column.data, column.start, column.length, width)
    assert found.shape == (len(values), width)
    assert [row.tobytes() for row in found] == [
        value[:width].ljust(width, b"\0") for value in values
    ]
