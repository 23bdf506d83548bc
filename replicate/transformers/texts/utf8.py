"""Values as text: how many characters they have, where these begin, and which values are no text.

A character is a byte that continues none of UTF-8, with those behind it that do. The first byte of
a value always begins one, so that this holds for any bytes at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replicate.rows.arrays import contents
from replicate.rows.column import Column
from replicate.rows.spans import gather
from replicate.transformers.columnar.pools import Integers, spaced

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Characters:
    """The values of a column end to end, and their characters.

    `data` is uint8 (bytes,), a copy; value i begins at ``begin[i]``, int64 (rows,). `count` is how
    many characters each value has, `before` how many all those in front of it, int64 (rows,).
    `places` is where each character begins, or None where every byte is one.
    """

    data: Bytes
    begin: Integers
    count: Integers
    before: Integers
    places: Integers | None

    @classmethod
    def of(cls, column: Column) -> Characters:
        return cls.within(gather(column.data, column.start, column.length), column.length)

    @classmethod
    def within(cls, data: Bytes, length: Integers) -> Characters:
        """Of values that lie in `data` one after the other, ``length[i]`` bytes each."""
        begin = np.cumsum(length) - length
        if is_ascii(data):
            return cls(data, begin, length, begin, None)
        starts = (data & 0xC0) != 0x80
        starts[begin[length > 0]] = True
        places = np.flatnonzero(starts)
        bounds = np.append(begin, data.size)
        before = np.searchsorted(places, bounds)
        return cls(data, begin, np.diff(before), before[:-1], np.append(places, data.size))

    def offset(self, number: Integers) -> Integers:
        """How many bytes of each value stand in front of its character ``number[i]``, from 0 on.

        `number` is at most the count, for which that is all of them.
        """
        if self.places is None:
            return number
        found: Integers = self.places[self.before + number] - self.begin
        return found


def is_ascii(data: Bytes) -> bool:
    return not (data >= 0x80).any()


def invalid(data: Bytes, begin: Integers, length: Integers) -> npt.NDArray[np.intp]:
    """The rows whose values, each ``data[begin[i] :][: length[i]]``, end to end, are no UTF-8."""
    if is_ascii(data):
        return np.empty(0, np.intp)
    try:
        data.tobytes().decode()
    except UnicodeDecodeError:
        pass
    else:
        # Together they are, and each is by itself if none begins within a character.
        filled = np.flatnonzero(length)
        within: npt.NDArray[np.intp] = filled[(data[begin[filled]] & 0xC0) == 0x80]
        return within
    high = np.concatenate(([0], np.cumsum(data >= 0x80, dtype=np.int64)))
    suspects = np.flatnonzero(high[begin + length] > high[begin]).tolist()
    return np.array(
        [row for row in suspects if not _is_text(data[begin[row] :][: length[row]])], np.intp
    )


def _is_text(value: Bytes) -> bool:
    try:
        value.tobytes().decode()
    except UnicodeDecodeError:
        return False
    return True


def readable(column: Column) -> tuple[Bytes, Integers]:
    """The values with U+FFFD for bytes that are no UTF-8, end to end, and the length of each."""
    data = gather(column.data, column.start, column.length)
    length = column.length
    if invalid(data, np.cumsum(length) - length, length).size:
        values = [(value or b"").decode(errors="replace").encode() for value in column.values()]
        data = np.frombuffer(b"".join(values), np.uint8)
        length = np.array([len(value) for value in values], np.int64)
    return data, length


def shortened(
    pool: pa.BinaryArray, most: int | None
) -> tuple[pa.BinaryArray, npt.NDArray[np.int32]]:
    """The values of a pool, cut off behind `most` characters, and the index of each."""
    index = np.arange(len(pool), dtype=np.int32)
    offsets, data = contents(pool)
    length = np.diff(offsets).astype(np.int64)
    # No value has more characters than bytes, which settles nearly all of them.
    if most is None or not (length > most).any():
        return pool, index
    text = Characters.within(data, length)
    kept = text.offset(np.minimum(text.count, most))
    return spaced(data, text.begin, kept)
