"""Parts of a column's values, handed to a transformer as values of their own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replicate.errors import TransformError
from replicate.rows.arrays import indexes
from replicate.rows.column import Column, Kind, Replacement
from replicate.transformers.base import Transformer

Integers = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


def parts_of(
    column: Column, row: Integers, spans: tuple[Bytes, Integers, Integers], kind: Kind
) -> Column:
    """A column of parts of the values of `column`, with what stands beside each of them.

    Part i comes from row ``row[i]``; `spans` are data, start and length, as a column has them.
    """
    data, start, length = spans
    return Column(
        data,
        start,
        length,
        np.zeros(len(row), np.bool_),
        kind,
        {name: other.take(row) for name, other in column.beside.items()},
        {name: other.take(row) for name, other in column.masked.items()},
    )


def ask(inner: Transformer, part: Column, row: npt.NDArray[np.integer]) -> Replacement:
    """What `inner` answers for values of the rows `row`; errors get the row instead of theirs."""
    try:
        return inner.transform(part)
    except TransformError as error:
        if error.row is not None:
            error.row = int(row[error.row])
        raise


def chosen(replacement: Replacement, rows: npt.NDArray[np.integer]) -> pa.BinaryArray:
    """The new values of those rows, none of which is kept or NULL; one entry each."""
    index = np.ascontiguousarray(replacement.index[rows])
    return pc.take(replacement.pool, indexes(index), boundscheck=False)
