"""The row engine: whole rows in, the same rows out, with the masked columns replaced.

A block of rows is never split into values. NumPy finds where the fields end, a masked column
becomes a `Column` of views into the block, its transformer answers with a `Replacement`, and one
gather writes the new block (`replicate.rows.join`). Only values that hold a backslash are copied
first, to be unescaped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replicate.errors import ReplicateError, TransformError
from replicate.rows import tags
from replicate.rows.arrays import strings
from replicate.rows.column import NULL, Column, Kind, Replacement
from replicate.rows.grammar import (
    BACKSLASH,
    NULL_FIELD,
    TAGS,
    escape,
    unescape_spans,
    unescape_value,
)
from replicate.rows.join import CAPACITY, Cut, Workspace, join
from replicate.rows.lines import Fields, Splitter

_KEPT = 48 << 20  # bytes; buffers that one huge row has blown up are given back beyond this
_LONG = 1 << 16  # bytes; a value that long is unescaped by itself, in less memory
_NULL_POOL = strings([NULL_FIELD])
_IS_TAG = np.isin(np.arange(256), list(TAGS))


class Transform(Protocol):
    """What the engine needs of a transformer."""

    def transform(self, column: Column) -> Replacement: ...


@dataclass(frozen=True, slots=True)
class Mask:
    """A masked column: field `index` of each row, counted from 0, given to `transform`.

    `kind` is the column's. Tagged values come to `transform` with the kind of their tag; a blob is
    always tagged, so what is not in a column of `Kind.BINARY` is text. `label`, such as
    ``main.customers.email``, is what errors call the column.
    """

    index: int
    kind: Kind
    transform: Transform
    label: str


class Masker:
    """Masks blocks of rows of one table.

    Instances keep their buffers between blocks and so serve one thread at a time: each worker
    makes its own. Memory: about three times the block, plus what the transformers take.
    """

    def __init__(self, columns: int, masks: Sequence[Mask]) -> None:
        """For rows of `columns` fields. Raises ValueError for masks that don't fit them."""
        indexes = [mask.index for mask in masks]
        if len(set(indexes)) != len(indexes):
            raise ValueError("a column has two masks")
        if any(not 0 <= index < columns for index in indexes):
            raise ValueError(f"a mask lies outside of the {columns} columns")
        self._masks = sorted(masks, key=lambda mask: mask.index)
        self._splitter = Splitter(max(columns, 1))
        self._space = Workspace()

    def mask(self, text: bytes) -> bytes:
        """The rows of `text` in the same order, masked. Without masks, `text` as it is, unchecked.

        `text` is whole rows, each ended by a newline. Raises `TransformError` if it is not, if a
        row has another number of fields, if a masked field is malformed, if a transformer can't
        mask a value, or if the block or its outcome exceeds 2 GiB. No message holds a value.
        """
        if not self._masks or not text:
            return text
        try:
            return self._masked(text)
        finally:
            self._space.shrink(_KEPT)

    def _masked(self, text: bytes) -> bytes:
        label = self._masks[0].label
        if len(text) > CAPACITY:
            raise TransformError(f"{label}: a block of rows exceeds 2 GiB")
        if not text.endswith(b"\n"):
            raise TransformError(f"{label}: a block of rows ends in the middle of a row")
        with _named(label):
            block = self._space.begin(len(text))
            source = np.frombuffer(text, np.uint8)
            fields = self._splitter.split(source, block, escapes=b"\\" in text)
        pools = _Pools()
        cuts = []
        for mask in self._masks:
            with _named(mask.label):
                cuts.append(_replace(mask, self._space, fields, pools))
        with _named(label):
            return join(self._space, len(text), cuts, pools.arrays)


@contextlib.contextmanager
def _named(label: str) -> Iterator[None]:
    """Errors name the column, and never anything that came with a value."""
    try:
        yield
    except ReplicateError as error:
        raise TransformError(f"{label}: {error.message}", hint=error.hint) from error
    except Exception as error:  # noqa: BLE001 - a transformer may be anybody's code
        # Not chained: the exception's text could hold a value.
        raise TransformError(f"{label}: masking failed with {type(error).__name__}") from None


class _Pools:
    """The pools of a block laid end to end, as fields."""

    def __init__(self) -> None:
        self.arrays: list[pa.BinaryArray] = []
        self._size = 0
        self._null: int | None = None

    def add(self, fields: pa.BinaryArray) -> int:
        """The index of the first of `fields` among all."""
        first = self._size
        self.arrays.append(fields)
        self._size += len(fields)
        return first

    def null(self) -> int:
        """The index of the field that is NULL."""
        if self._null is None:
            self._null = self.add(_NULL_POOL)
        return self._null


Integers = npt.NDArray[np.int64]
Choice = npt.NDArray[np.int32]


def _replace(mask: Mask, space: Workspace, fields: Fields, pools: _Pools) -> Cut:
    """What the fields of one column become, in terms of `pools`, which grow."""
    begin, end = fields.start(mask.index), fields.ends[:, mask.index]
    start, length = begin, end - begin
    escapes = fields.escapes(mask.index)
    bare = Kind.TEXT if mask.kind is Kind.BINARY else mask.kind
    if escapes is None:
        column = Column(space.data, start, length, np.zeros(len(start), np.bool_), bare)
        return Cut(begin, end, _ask(mask.transform, column, None, pools))

    data = space.data
    second = data[start + 1]
    marked = data[start] == BACKSLASH
    null = marked & (length == len(NULL_FIELD)) & (second == NULL_FIELD[1])
    tag = np.where(marked & _IS_TAG[second], second, 0)
    start = start + 2 * (tag != 0)
    length = np.where(null, 0, length - 2 * (tag != 0))
    escaped = (escapes > (tag != 0)) & ~null
    _copy_unescaped(space, start, length, escaped)
    tags.copy_blobs(space, start, length, tag)

    if not tag.any():
        column = Column(space.data, start, length, null, bare)
        return Cut(begin, end, _ask(mask.transform, column, None, pools))
    choice = np.empty(len(start), np.int32)
    for letter in np.unique(tag).tolist():
        rows = np.flatnonzero(tag == letter)
        kind = tags.KINDS[letter] if letter else bare
        column = Column(space.data, start[rows], length[rows], null[rows], kind)
        choice[rows] = _ask(mask.transform, column, letter or None, pools)
    return Cut(begin, end, choice)


def _copy_unescaped(
    space: Workspace, start: Integers, length: Integers, escaped: npt.NDArray[np.bool_]
) -> None:
    """Move the spans where `escaped` to unescaped copies behind the block."""
    rows = np.flatnonzero(escaped & (length <= _LONG))
    if rows.size:
        values, sizes = unescape_spans(space.data, start[rows], length[rows])
        start[rows] = space.append(values) + np.cumsum(sizes) - sizes
        length[rows] = sizes
    for row in np.flatnonzero(escaped & (length > _LONG)).tolist():
        value = unescape_value(space.data[start[row] : start[row] + length[row]].tobytes())
        start[row] = space.append(np.frombuffer(value, np.uint8))
        length[row] = len(value)


def _ask(transform: Transform, column: Column, tag: int | None, pools: _Pools) -> Choice:
    """What `transform` answers for one class of values, checked, as indexes into `pools`."""
    replacement = transform.transform(column)
    pool, index = replacement.pool, replacement.index
    if not pa.types.is_binary(pool.type) or pool.null_count:
        raise TransformError("its transformer answered with a pool that is no array of bytes")
    if index.dtype != np.int32 or index.shape != (len(column),):
        raise TransformError("its transformer did not answer with one int32 for each row")
    low, high = int(index.min()), int(index.max())
    if low < NULL or high >= len(pool):
        raise TransformError("its transformer chose a replacement that it didn't supply")

    choice = index
    if high >= 0:
        fields = escape(pool)
        if tag is not None:
            fields = tags.tagged(fields, pool, tag, binary=replacement.binary)
        first = pools.add(fields)
        choice = (
            index + np.int32(first)
            if low >= 0
            else np.where(index >= 0, index + np.int32(first), index)
        )
    if low == NULL:
        choice = np.where(index == NULL, np.int32(pools.null()), choice)
    return choice
