"""The fields of a block as values: unescaped, untagged, each only when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from replicate.rows import tags
from replicate.rows.column import Column, Kind
from replicate.rows.grammar import BACKSLASH, NULL_FIELD, TAGS, unescape_spans, unescape_value
from replicate.rows.join import Workspace
from replicate.rows.lines import Fields

_LONG = 1 << 16  # bytes; a value that long is unescaped by itself, in less memory
_IS_TAG = np.isin(np.arange(256), list(TAGS))

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of each row, counted from 0, and the kind of its column."""

    index: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class View:
    """One field of every row: from `begin` to `end` as it stands in the block, and its value.

    `tag` is None where no value has one.
    """

    begin: Integers
    end: Integers
    start: Integers
    length: Integers
    null: npt.NDArray[np.bool_]
    tag: npt.NDArray[np.uint8] | None


class Values:
    """The fields of the block in `space`, each unescaped once, when it is first asked for."""

    def __init__(self, space: Workspace, fields: Fields) -> None:
        self._space = space
        self._fields = fields
        self._views: dict[int, View] = {}

    @property
    def data(self) -> npt.NDArray[np.uint8]:
        return self._space.data

    def of(self, index: int) -> View:
        if index not in self._views:
            self._views[index] = self._read(index)
        return self._views[index]

    def column(self, each: Field) -> Column:
        """The field's values as a column of its kind; those whose tags say another are odd."""
        view = self.of(each.index)
        odd = None if view.tag is None else _is_odd(view.tag, each.kind)
        return Column(self.data, view.start, view.length, view.null, each.kind, odd=odd)

    def _read(self, index: int) -> View:
        space = self._space
        begin, end = self._fields.start(index), self._fields.ends[:, index]
        start, length = begin, end - begin
        escapes = self._fields.escapes(index)
        if escapes is None:
            return View(begin, end, start, length, np.zeros(len(start), np.bool_), None)
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
        return View(begin, end, start, length, null, tag if tag.any() else None)


def _is_odd(tag: npt.NDArray[np.uint8], kind: Kind) -> npt.NDArray[np.bool_]:
    """Which values are not what the kind of their column promises.

    A column of `Kind.ANY` promises nothing, and a text is tagged only where its column has numbers.
    """
    odd: npt.NDArray[np.bool_] = tag != 0
    for letter, usual in tags.KINDS.items():
        if usual is kind is not Kind.TEXT:
            odd &= tag != letter
    return odd


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
