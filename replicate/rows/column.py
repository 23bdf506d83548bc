"""A column of one block of rows, as transformers see it, and what they hand back.

Values are bytes: unescaped, in UTF-8 where they are text, never decoded unless a transformer does
so itself. A `Column` is a set of views into one buffer; nothing is copied to make it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

SLACK = 32
"""Bytes that must follow the last value in a column's buffer: gathers read 16 at a time."""

KEEP = -1
"""In `Replacement.index`: the row keeps the value it has."""

NULL = -2
"""In `Replacement.index`: the row becomes NULL."""


class Kind(Enum):
    """What a column's values are, as far as masking has to know.

    `ANY` holds whatever is put there. `ENUM` holds one of some labels, `ARRAY` a list of elements
    as PostgreSQL writes one, `INET` an IP address or network, `MACADDR` a hardware address. `OTHER`
    holds only what its own type understands, so that no transformer can make up a value for it.
    """

    INTEGER = "integer"
    REAL = "real"
    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    TEXT = "text"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    JSON = "json"
    UUID = "uuid"
    BINARY = "binary"
    ENUM = "enum"
    ARRAY = "array"
    INET = "IP address"
    MACADDR = "MAC address"
    ANY = "any"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a column's type asks of its values beside their kind, as far as it does.

    `max_chars` is how many characters one may have; `bits` the size of an integer (16, 32 or 64);
    `precision` and `scale` those of a decimal number, as SQL means them; `labels` the only values
    that there are (of an enum, or a check constraint that lists them), and empty where any will do.
    """

    max_chars: int | None = None
    bits: int | None = None
    precision: int | None = None
    scale: int | None = None
    labels: tuple[str, ...] = ()

    def listing(self, labels: tuple[str, ...]) -> Limits:
        """The same, for a column that a list of `labels` narrows further. Empty, it is no list."""
        return replace(self, labels=in_both(labels, self.labels))


NO_LIMITS = Limits()


def in_both(labels: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """What two lists of labels leave together. An empty one is no list."""
    return tuple(label for label in labels if label in others) or labels or others


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one column: value i is ``data[start[i] : start[i] + length[i]]``.

    Shapes: `data` uint8 (bytes,), with at least `SLACK` bytes after the last value; `start` and
    `length` int64 (rows,); `null` bool (rows,), where a row that is NULL has length 0.

    `beside` holds those other columns of the same rows that the transformer reads, by name, with
    the values that the source has; `masked` those whose replacements it reads, as they will be
    dumped. Both are empty unless a transformer asked for more than its own column.

    `odd`, bool (rows,) or None where no value is, tells of a column in `beside` which values are of
    another kind than the column: a blob in a column of texts, say.
    """

    data: npt.NDArray[np.uint8]
    start: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    null: npt.NDArray[np.bool_]
    kind: Kind = Kind.TEXT
    beside: Mapping[str, Column] = field(default_factory=dict)
    masked: Mapping[str, Column] = field(default_factory=dict)
    odd: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def of(cls, values: Sequence[bytes | None], kind: Kind = Kind.TEXT) -> Column:
        """A column made of Python values, for tests, samples and scalar code."""
        length = np.array([len(value or b"") for value in values], dtype=np.int64)
        end = np.cumsum(length, dtype=np.int64)
        data = b"".join(value or b"" for value in values) + bytes(SLACK)
        return cls(
            np.frombuffer(data, np.uint8),
            end - length,
            length,
            np.array([value is None for value in values], dtype=np.bool_),
            kind,
        )

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Column:
        """These rows of it and of the columns that it brings along; the values are not copied."""
        return Column(
            self.data,
            self.start[rows],
            self.length[rows],
            self.null[rows],
            self.kind,
            {name: column.take(rows) for name, column in self.beside.items()},
            {name: column.take(rows) for name, column in self.masked.items()},
            None if self.odd is None else self.odd[rows],
        )

    def values(self) -> list[bytes | None]:
        """The column as Python values: the slow way, for scalar transformers."""
        data = self.data.tobytes()
        return [
            None if null else data[start : start + length]
            for start, length, null in zip(
                self.start.tolist(), self.length.tolist(), self.null.tolist(), strict=True
            )
        ]


@dataclass(frozen=True, slots=True)
class Replacement:
    """What a transformer puts in a column's place: row i becomes ``pool[index[i]]``.

    `pool` holds unescaped bytes, without nulls; `index` is int32 (rows,), with `KEEP` and `NULL`
    as its two other values. A pool of few values serves many rows; a pool of one value a row has
    ``index = arange(rows)``; values that no row takes may lie between others. `binary` tells that
    the pool holds blobs rather than text: what was a blob then stays one.
    """

    pool: pa.BinaryArray
    index: npt.NDArray[np.int32]
    binary: bool = False
