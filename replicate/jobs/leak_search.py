"""The search for values of masked columns in the rows of a dump, as they would be restored."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from replicate.dumps.leak_filter import LeakFilter
from replicate.dumps.manifest import ChunkRecord, DumpedTable, Manifest
from replicate.rows.blocks import cut_rows
from replicate.rows.column import SLACK, Column, Kind
from replicate.rows.join import Workspace
from replicate.rows.lines import Splitter
from replicate.rows.spans import gather
from replicate.rows.values import Field, Values

_BLOCK = 1024 * 1024

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Leak:
    """Values of masked columns, `of`, that a column of the dump holds: in so many rows of it.

    `by_chance`: they stand where they were masked by a transformer that may make of one value what
    another row had before, as one that picks names does. Then they prove nothing.
    """

    column: str
    rows: int
    of: tuple[str, ...]
    by_chance: bool = False


class LeakSearch:
    """Searches the data chunks of one dump, in any order. Memory: a few blocks of 1 MiB."""

    def __init__(self, entered: LeakFilter, manifest: Manifest) -> None:
        self._filter = entered
        self._tables = manifest.body.tables
        self._watched = {each.label: each.by_chance for each in entered.columns}
        self._rows: defaultdict[tuple[str, bool], int] = defaultdict(int)
        self._of: defaultdict[tuple[str, bool], set[int]] = defaultdict(set)

    def search(self, chunk: ChunkRecord, plain: bytes) -> None:
        """Search the rows of one chunk. Raises `CorruptError` for rows that are none."""
        for part in chunk.parts:
            text = plain[part.offset : part.offset + part.length]
            table = self._tables[part.table]
            if table.columns:
                for block, _ in cut_rows(text, _BLOCK):
                    self._search(table, block)

    @property
    def found(self) -> list[Leak]:
        """What was found so far, leaks before what may be chance, by column."""
        names = [each.label for each in self._filter.columns]
        return [
            Leak(column, self._rows[column, chance], tuple(names[i] for i in sorted(of)), chance)
            for (column, chance), of in sorted(
                self._of.items(), key=lambda item: (item[0][1], item[0][0])
            )
        ]

    def _search(self, table: DumpedTable, block: bytes) -> None:
        space = Workspace()
        copy = space.begin(len(block))
        source = np.frombuffer(block, np.uint8)
        fields = Splitter(len(table.columns)).split(source, copy, escapes=b"\\" in block)
        values = Values(space, fields)
        for i, name in enumerate(table.columns):
            label = f"{table.qualified}.{name}"
            column = values.column(Field(i, Kind.TEXT))
            whole, of = self._filter.find(column)
            chance = self._watched.get(label, False)
            self._note(label, chance, whole, of)
            words, row = _words(column)
            inside, of = self._filter.find(words)
            rows = row[inside]
            # A row that was counted as a whole is not counted again.
            new = ~np.isin(rows, whole)
            fresh = [each for each, is_new in zip(of, new, strict=True) if is_new]
            self._note(label, chance, rows[new], fresh)

    def _note(
        self, label: str, chance: bool, rows: npt.NDArray[np.integer], of: list[tuple[int, ...]]
    ) -> None:
        if not len(rows):
            return
        self._rows[label, chance] += len(np.unique(rows))
        for each in of:
            self._of[label, chance].update(each)


def _words(column: Column) -> tuple[Column, Integers]:
    """The words inside of longer values, and the row of each.

    A word is a run of letters, digits, bytes beyond ASCII and the signs that addresses and keys are
    made of, without such signs at its ends. Values that are one word are left out.
    """
    long = np.flatnonzero(column.length > 0)
    length = column.length[long]
    data = gather(column.data, column.start[long], length)
    end = np.cumsum(length)
    is_word = _IN_WORD[data]
    after = np.zeros(data.size + 1, np.bool_)  # whether a value begins there
    after[end] = True
    after[0] = True
    joined = is_word[1:] & is_word[:-1] & ~after[1:-1]
    begins = is_word.copy()
    begins[1:] &= ~joined
    ends = is_word.copy()
    ends[:-1] &= ~joined
    start, stop = np.flatnonzero(begins), np.flatnonzero(ends) + 1
    row = np.searchsorted(end, start, side="right")
    whole = stop - start == length[row]
    for _ in range(2):  # as in "(write to jane@mail.test…)": two signs at an end are enough
        more = stop > start + 1
        start = start + (more & _SIGN[data[start]])
        stop = stop - (more & _SIGN[data[stop - 1]])
    kept = ~whole | (stop - start < length[row])
    data = np.append(data, np.zeros(SLACK, np.uint8))
    size = (stop - start)[kept]
    words = Column(data, start[kept], size, np.zeros(len(size), np.bool_))
    return words, long[row[kept]]


def _table_of(*characters: bytes) -> npt.NDArray[np.bool_]:
    return np.isin(np.arange(256), list(b"".join(characters)))


_SIGNS = b"._%+-@"
_LETTERS = bytes(byte for byte in range(256) if byte >= 0x80 or bytes([byte]).isalnum())
_SIGN = _table_of(_SIGNS)
_IN_WORD = _table_of(_SIGNS, _LETTERS)
