"""JSON documents written anew from what they were taken apart into, all of a block at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replicate.errors import TransformError
from replicate.rows.arrays import LIMIT, contents, from_offsets, indexes
from replicate.rows.json_outlines import Outlined

Layout = Sequence[bytes | int]
"""A document to be: pieces of JSON, and between them scalars of the one that it is made of, each
by its place among them."""


def written(
    documents: Outlined,
    which: npt.NDArray[np.int64],
    layouts: Mapping[int, Layout],
    changed: Mapping[int, bytes],
) -> pa.BinaryArray:
    """The documents `which`, each in the layout that `layouts` has for its outline.

    Scalars are written as they are, but for those that `changed` has. Raises `TransformError` if
    the outcome or what it is made of would exceed 2 GiB.
    """
    outline = documents.outline[which]
    parts = [part for layout in layouts.values() for part in layout]
    fixed = [part for part in parts if isinstance(part, bytes)]
    kinds = np.array(list(layouts), np.int64)
    start, count, size = np.zeros((3, len(documents.outlines)), np.int64)
    count[kinds] = [len(layout) for layout in layouts.values()]
    start[kinds] = np.cumsum(count[kinds]) - count[kinds]
    size[kinds] = [_fixed_size(layout) for layout in layouts.values()]
    added = int(size[outline].sum()) + sum(map(len, changed.values()))
    if added + documents.data.size > LIMIT:
        raise TransformError("the replacements of one block of rows exceed 2 GiB")

    # Each part is numbered: the scalars of all documents first, from the one of its document on.
    scalars = len(documents.begin)
    is_scalar = np.array([isinstance(part, int) for part in parts], np.bool_)
    number = np.empty(len(parts), np.int32)
    number[is_scalar] = [part for part in parts if isinstance(part, int)]
    number[~is_scalar] = np.arange(scalars, scalars + len(fixed))
    counts = count[outline]
    ends = np.concatenate(([0], np.cumsum(counts)))
    at = np.repeat(start[outline] - ends[:-1], counts)
    at += np.arange(len(at))
    numbers = number.take(at)
    first = np.repeat(documents.first[which].astype(np.int32), counts)
    first *= is_scalar.take(at)
    numbers += first

    pieces, piece = _pieces(documents, fixed, changed)
    joined = pc.take(pieces, indexes(piece.take(numbers)), boundscheck=False)
    offsets, data = contents(joined)
    return from_offsets(offsets[ends], data)


def _fixed_size(layout: Layout) -> int:
    return sum(len(part) for part in layout if isinstance(part, bytes))


def _pieces(
    documents: Outlined, fixed: Sequence[bytes], changed: Mapping[int, bytes]
) -> tuple[pa.BinaryArray, npt.NDArray[np.int32]]:
    """Everything that documents are made of, and which piece each number stands for."""
    scalars, size = len(documents.begin), documents.data.size
    others = [*fixed, *changed.values()]
    # The texts fall apart into the scalars and what is before each, in turns, and a rest.
    bounds = np.empty(2 * scalars + 2 + len(others), np.int32)
    bounds[0] = 0
    bounds[1 : 2 * scalars : 2] = documents.begin
    bounds[2 : 2 * scalars + 1 : 2] = documents.end
    bounds[2 * scalars + 1] = size
    bounds[2 * scalars + 2 :] = size + np.cumsum([len(other) for other in others])
    behind = np.frombuffer(b"".join(others), np.uint8)
    piece = np.empty(scalars + len(fixed), np.int32)
    piece[:scalars] = np.arange(1, 2 * scalars, 2)
    piece[scalars:] = np.arange(2 * scalars + 1, 2 * scalars + 1 + len(fixed))
    if changed:
        piece[list(changed)] = np.arange(len(bounds) - 1 - len(changed), len(bounds) - 1)
    return from_offsets(bounds, np.concatenate((documents.data, behind))), piece
