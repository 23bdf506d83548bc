"""The row engine: whole rows in, the same rows out, with the masked columns replaced.

A block of rows is never split into values. NumPy finds where the fields end, a masked column
becomes a `Column` of views into the block, its transformer answers with a `Replacement`, and one
gather writes the new block (`replicate.rows.join`). Only values that hold a backslash are copied
first, to be unescaped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replicate.errors import ReplicateError, TransformError
from replicate.rows import tags
from replicate.rows.arrays import contents, from_offsets, indexes, strings
from replicate.rows.column import KEEP, NULL, SLACK, Column, Kind, Replacement
from replicate.rows.grammar import NULL_FIELD, escape
from replicate.rows.join import CAPACITY, Cut, Workspace, join
from replicate.rows.lines import Splitter
from replicate.rows.spans import gather
from replicate.rows.values import Field, Values

_KEPT = 48 << 20  # bytes; buffers that one huge row has blown up are given back beyond this
_NULL_POOL = strings([NULL_FIELD])


class Transform(Protocol):
    """What the engine needs of a transformer."""

    def transform(self, column: Column) -> Replacement: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Mask:
    """A masked column: field `index` of each row, counted from 0, given to `transform`.

    `kind` is the column's. Tagged values come to `transform` with the kind of their tag; a blob is
    always tagged, so what is not in a column of `Kind.BINARY` is text. `label`, such as
    ``main.customers.email``, is what errors call the column.

    `reads` are the fields whose values in the source `transform` finds in `Column.beside`,
    `reads_masked` those whose replacements it finds in `Column.masked`: these are masked before.
    """

    index: int
    kind: Kind
    transform: Transform
    label: str
    reads: Mapping[str, Field] = field(default_factory=dict)
    reads_masked: Mapping[str, Field] = field(default_factory=dict)


class Masker:
    """Masks blocks of rows of one table.

    Instances keep their buffers between blocks and so serve one thread at a time: each worker
    makes its own. Memory: about three times the block, plus what the transformers take.
    """

    def __init__(self, columns: int, masks: Sequence[Mask]) -> None:
        """For rows of `columns` fields. Raises ValueError for masks that don't fit them, or whose
        replacements wait for each other.
        """
        indexes = [mask.index for mask in masks]
        if len(set(indexes)) != len(indexes):
            raise ValueError("a column has two masks")
        if any(not 0 <= index < columns for index in indexes):
            raise ValueError(f"a mask lies outside of the {columns} columns")
        self._masks = _in_order(masks)
        self._followed = {f.index for mask in masks for f in mask.reads_masked.values()}
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

    def close(self) -> None:
        """Close the transformers."""
        for mask in self._masks:
            mask.transform.close()

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
        values = Values(self._space, fields)
        cuts: dict[int, Cut] = {}
        masked: dict[int, Column] = {}
        for mask in self._masks:
            with _named(mask.label):
                beside = {name: values.column(each) for name, each in mask.reads.items()}
                before = {
                    name: masked[each.index] if each.index in masked else values.column(each)
                    for name, each in mask.reads_masked.items()
                }
                answers = _answers(mask, values, beside, before)
                view = values.of(mask.index)
                if mask.index in self._followed:
                    masked[mask.index] = _outcome(
                        values.column(Field(mask.index, mask.kind)), answers
                    )
                cuts[mask.index] = Cut(
                    view.begin, view.end, _choice(answers, len(view.begin), pools)
                )
        with _named(label):
            ordered = [cuts[index] for index in sorted(cuts)]
            return join(self._space, len(text), ordered, pools.arrays)


def _in_order(masks: Sequence[Mask]) -> list[Mask]:
    """Each behind those whose replacements it reads, otherwise by their place in the row."""
    by_index = {mask.index: mask for mask in sorted(masks, key=lambda mask: mask.index)}
    waits = {
        index: [f.index for f in mask.reads_masked.values() if f.index in by_index]
        for index, mask in by_index.items()
    }
    try:
        return [by_index[index] for index in TopologicalSorter(waits).static_order()]
    except CycleError:
        raise ValueError("masked columns are made from each other in a circle") from None


@contextlib.contextmanager
def _named(label: str) -> Iterator[None]:
    """Errors name the column, and never anything that came with a value."""
    try:
        yield
    except ReplicateError as error:
        row = error.row if isinstance(error, TransformError) else None
        raise TransformError(f"{label}: {error.message}", hint=error.hint, row=row) from error
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


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a transformer said of the rows of one tag; `rows` None stands for all of them."""

    rows: npt.NDArray[np.intp] | None
    tag: int | None
    replacement: Replacement


def _answers(
    mask: Mask, values: Values, beside: Mapping[str, Column], masked: Mapping[str, Column]
) -> list[_Answer]:
    """The replacements of one column, asked for tag by tag."""
    view = values.of(mask.index)
    bare = Kind.TEXT if mask.kind is Kind.BINARY else mask.kind
    column = Column(values.data, view.start, view.length, view.null, bare, beside, masked)
    if view.tag is None:
        return [_Answer(None, None, _ask(mask.transform, column))]
    answers = []
    for letter in np.unique(view.tag).tolist():
        rows = np.flatnonzero(view.tag == letter)
        part = column.take(rows)
        if letter:
            part = replace(part, kind=tags.KINDS[letter])
        try:
            replacement = _ask(mask.transform, part)
        except TransformError as error:
            if error.row is not None:
                error.row = int(rows[error.row])
            raise
        answers.append(_Answer(rows, letter or None, replacement))
    return answers


def _outcome(column: Column, answers: Sequence[_Answer]) -> Column:
    """The column with its replacements in their places, as a column of its own."""
    # Views may lie anywhere and in any order: what is kept is copied first.
    kept = gather(column.data, column.start, column.length)
    spans = np.concatenate(([0], np.cumsum(column.length))).astype(np.int32)
    arrays = [from_offsets(spans, kept)]
    index = np.arange(len(column), dtype=np.int32)
    null = column.null.copy()
    size = len(column)
    for answer in answers:
        new = answer.replacement.index
        chosen = np.where(new >= 0, new + np.int32(size), KEEP).astype(np.int32)
        rows = np.arange(len(column)) if answer.rows is None else answer.rows
        index[rows] = np.where(chosen >= 0, chosen, index[rows])
        null[rows] = np.where(new == KEEP, null[rows], new == NULL)
        arrays.append(answer.replacement.pool)
        size += len(answer.replacement.pool)
    offsets, data = contents(pc.take(pa.concat_arrays(arrays), indexes(index), boundscheck=False))
    bounds = offsets.astype(np.int64) - int(offsets[0])
    length = np.where(null, 0, np.diff(bounds))
    return Column(
        np.append(data, np.zeros(SLACK, np.uint8)), bounds[:-1], length, null, column.kind
    )


def _choice(answers: Sequence[_Answer], rows: int, pools: _Pools) -> Choice:
    """The answers as indexes into `pools`, which grow by what was answered."""
    if answers[0].rows is None:
        return _pooled(answers[0], pools)
    choice = np.empty(rows, np.int32)
    for answer in answers:
        choice[answer.rows] = _pooled(answer, pools)
    return choice


def _ask(transform: Transform, column: Column) -> Replacement:
    """What `transform` answers for one class of values, checked."""
    replacement = transform.transform(column)
    pool, index = replacement.pool, replacement.index
    if not pa.types.is_binary(pool.type) or pool.null_count:
        raise TransformError("its transformer answered with a pool that is no array of bytes")
    if index.dtype != np.int32 or index.shape != (len(column),):
        raise TransformError("its transformer did not answer with one int32 for each row")
    low, high = int(index.min()), int(index.max())
    if low < NULL or high >= len(pool):
        raise TransformError("its transformer chose a replacement that it didn't supply")
    return replacement


def _pooled(answer: _Answer, pools: _Pools) -> Choice:
    """One answer as indexes into `pools`, which its replacements join as fields."""
    pool, index = answer.replacement.pool, answer.replacement.index
    low, high = int(index.min()), int(index.max())
    choice = index
    if high >= 0:
        fields = escape(pool)
        if answer.tag is not None:
            fields = tags.tagged(fields, pool, answer.tag, binary=answer.replacement.binary)
        first = pools.add(fields)
        choice = (
            index + np.int32(first)
            if low >= 0
            else np.where(index >= 0, index + np.int32(first), index)
        )
    if low == NULL:
        choice = np.where(index == NULL, np.int32(pools.null()), choice)
    return choice
