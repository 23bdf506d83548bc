"""Transformers inside JSON documents: each path of a document has its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replicate.errors import TransformError, UsageError
from replicate.rows.arrays import contents, indexes, strings
from replicate.rows.column import KEEP, NULL, SLACK, Column, Kind, Replacement
from replicate.rows.json_paths import Path, unescape
from replicate.rows.json_text import Found, Leaves, Scanner
from replicate.rows.splice import Texts
from replicate.transformers.base import Effects, Transformer, Uniqueness
from replicate.transformers.wrapping.parts import ask, chosen, parts_of

Integers = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

LEAVES = (Kind.TEXT, Kind.NUMERIC, Kind.BOOLEAN)
"""What a scalar of JSON is, other than null."""

Inner = Transformer | Mapping[Kind, Transformer]
"""One transformer for every scalar, or one for each of the `LEAVES` that may be there."""


def for_leaves(build: Callable[[Kind], Transformer]) -> Inner:
    """What `build` makes for a column of `Kind.ANY`, as scalars of JSON are.

    A transformer that doesn't fit such a column is made for those `LEAVES` that it fits. Raises the
    `UsageError` of the first attempt if it fits none.
    """
    try:
        return build(Kind.ANY)
    except UsageError:
        made = {}
        for kind in LEAVES:
            try:
                made[kind] = build(kind)
            except UsageError:
                continue
        if not made:
            raise
        return made


class InsideJson:
    """Masks the scalars of JSON documents that some paths lead to, each with its transformer.

    A path that leads to an object or an array takes every scalar in it; where several paths take
    one scalar, the most specific does. Strings come to the transformer unescaped, as `Kind.TEXT`,
    numbers as `Kind.NUMERIC`, true and false as `Kind.BOOLEAN`; what comes of a string is a string,
    what comes of the others is written bare if that is JSON, and otherwise as a string. A scalar
    that becomes NULL is written ``null``, and one that is null stays. Whatever no path leads to
    stays byte for byte.

    NULL and the empty value stay. A value that is not JSON raises `TransformError`, and so does a
    scalar of a kind that a mapping given as `Inner` doesn't have.
    """

    def __init__(self, rules: Sequence[tuple[Path, Inner]]) -> None:
        """Raises `UsageError` if two paths are the same."""
        paths = [path for path, _ in rules]
        for i, path in enumerate(paths):
            if path in paths[:i]:
                raise UsageError(f"the JSON path {path} is given twice")
        self._scanner = Scanner(paths)
        self._inner = [
            inner if isinstance(inner, Mapping) else dict.fromkeys(LEAVES, inner)
            for _, inner in rules
        ]
        self._paths = paths
        self._all = list({id(each): each for by in self._inner for each in by.values()}.values())

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.MAY_COLLIDE, frozenset({Kind.JSON, Kind.TEXT, Kind.ANY}))

    @property
    def reads(self) -> frozenset[str]:
        return frozenset().union(*(each.reads for each in self._all))

    @property
    def reads_masked(self) -> frozenset[str]:
        return frozenset().union(*(each.reads_masked for each in self._all))

    def close(self) -> None:
        for each in self._all:
            each.close()

    def transform(self, column: Column) -> Replacement:
        texts = Texts.of(column)
        _check_unicode(texts)
        found = self._scanner.scan(texts)
        edits = [
            self._edit(column, texts, rule, kind, leaves)
            for rule, each in enumerate(found)
            for kind, leaves in zip(LEAVES, _sorts(each), strict=True)
            if leaves.row.size
        ]
        edit = _together(edits)
        index = np.full(len(column), KEEP, np.int32)
        if edit is None:
            return Replacement(strings([]), index)
        rows = np.unique(edit.row)
        index[rows] = rows
        return Replacement(texts.spliced(edit.begin, edit.end, edit.values), index)

    def _edit(self, column: Column, texts: Texts, rule: int, kind: Kind, leaves: Leaves) -> _Edit:
        row = leaves.row
        inner = self._inner[rule].get(kind)
        if inner is None:
            raise TransformError(
                f"there is a {_NAMES[kind]} at {self._paths[rule]}, which its transformer doesn't "
                "mask",
                row=int(row[0]),
            )
        begin, end = leaves.begin.copy(), leaves.end.copy()
        spans = _unescaped(texts, begin, end, leaves.escaped)
        replacement = ask(inner, parts_of(column, row, spans, kind), row)
        null = np.flatnonzero(replacement.index == NULL)
        new = np.flatnonzero(replacement.index >= 0)
        values = chosen(replacement, new)
        values = _as_string_contents(values) if kind is Kind.TEXT else _as_scalars(values)
        if kind is Kind.TEXT:
            begin[null] -= 1  # the quotes go, too
            end[null] += 1
        at = np.concatenate((new, null))
        nulls = strings([b"null"] * len(null))
        return _Edit(row[at], begin[at], end[at], pa.concat_arrays([values, nulls]))


_NAMES = {Kind.TEXT: "string", Kind.NUMERIC: "number", Kind.BOOLEAN: "boolean"}


@dataclass(frozen=True, slots=True)
class _Edit:
    """Spans of the texts and what they become, as JSON; one entry a span."""

    row: Integers
    begin: Integers
    end: Integers
    values: pa.BinaryArray


def _sorts(found: Found) -> tuple[Leaves, Leaves, Leaves]:
    return found.strings, found.numbers, found.booleans


def _together(edits: Sequence[_Edit]) -> _Edit | None:
    """All of them, in the order of the texts."""
    edits = [edit for edit in edits if len(edit.row)]
    if not edits:
        return None
    begin = np.concatenate([edit.begin for edit in edits])
    order = np.argsort(begin, kind="stable")
    values = pa.concat_arrays([edit.values for edit in edits])
    return _Edit(
        np.concatenate([edit.row for edit in edits])[order],
        begin[order],
        np.concatenate([edit.end for edit in edits])[order],
        pc.take(values, indexes(order.astype(np.int32)), boundscheck=False),
    )


def _check_unicode(texts: Texts) -> None:
    # No document begins within a character, so those of two never make one together.
    try:
        texts.raw.decode()
    except UnicodeDecodeError as error:
        raise TransformError(
            "a value is not valid JSON: it is not valid UTF-8", row=texts.row_at(error.start)
        ) from None


def _unescaped(
    texts: Texts, begin: Integers, end: Integers, escaped: Integers
) -> tuple[Bytes, Integers, Integers]:
    """Where the values of the spans lie: data, start, length. Spans in `escaped` are copied."""
    if not escaped.size:
        return texts.data, begin, end - begin
    start, length = begin.copy(), end - begin
    size = len(texts.raw)
    copies = [unescape(texts.raw[begin[i] : end[i]]) for i in escaped.tolist()]
    sizes = np.array([len(copy) for copy in copies], np.int64)
    start[escaped] = size + np.cumsum(sizes) - sizes
    length[escaped] = sizes
    added = np.frombuffer(b"".join(copies) + bytes(SLACK), np.uint8)
    return np.concatenate((texts.data[:size], added)), start, length


_SPECIAL = np.isin(np.arange(256), [*range(0x20), ord('"'), ord("\\")])


def _as_string_contents(values: pa.BinaryArray) -> pa.BinaryArray:
    """The values as strings of JSON, without their quotes."""
    offsets, data = contents(values)
    special = _SPECIAL[data]
    if not _is_unicode(offsets[:-1] - offsets[0], data):
        special |= data >= 0x80
    if not special.any():
        return values
    count = np.concatenate(([0], np.cumsum(special)))
    bounds = offsets - offsets[0]
    rows = np.flatnonzero(np.diff(count[bounds]))
    return _exchanged(values, rows, [_quoted(values[i].as_py())[1:-1] for i in rows.tolist()])


def _is_unicode(begin: npt.NDArray[np.int32], data: Bytes) -> bool:
    """Whether every value that begins at one of these places is UTF-8."""
    try:
        data.tobytes().decode()
    except UnicodeDecodeError:
        return False
    # Together they are, and each is by itself if none begins within a character.
    first = data[begin[begin < data.size]]
    return not ((first & 0xC0) == 0x80).any()


def _quoted(value: bytes) -> bytes:
    """A string of JSON. Halves of surrogate pairs are escaped; other bytes that are no UTF-8 become
    U+FFFD, since no document could hold them."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        try:
            return json.dumps(value.decode("utf-8", "surrogatepass")).encode()
        except UnicodeDecodeError:
            text = value.decode("utf-8", "replace")
    return json.dumps(text, ensure_ascii=False).encode()


_BARE = r"\A(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false)\z"


def _as_scalars(values: pa.BinaryArray) -> pa.BinaryArray:
    """The values as they are where they are numbers or booleans of JSON, and as strings else."""
    bare = pc.match_substring_regex(values, _BARE).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(~bare.astype(np.bool_))
    return _exchanged(values, rows, [_quoted(values[i].as_py()) for i in rows.tolist()])


def _exchanged(
    values: pa.BinaryArray, rows: npt.NDArray[np.intp], others: Sequence[bytes]
) -> pa.BinaryArray:
    """The values, with `others` in the places of `rows`."""
    if not rows.size:
        return values
    index = np.arange(len(values), dtype=np.int32)
    index[rows] = np.arange(len(values), len(values) + len(rows))
    pool = pa.concat_arrays([values, strings(others)])
    return pc.take(pool, indexes(index), boundscheck=False)
