"""A table's size guessed, and the table cut into ranges of keys, from a few looks at its rows.

Keys may be dense, sparse or in clusters far apart. So each guess holds for a range alone: from the
distances of neighbouring keys at three places in it. Ranges that seem too big are halved and
looked at again. A wrong guess makes a piece too big or too small; it never loses a row.
"""

from __future__ import annotations

import heapq
import itertools
import sqlite3
from dataclasses import dataclass

from replicate.databases.sqlite.reading import Bounds, RowReader
from replicate.databases.sqlite.schema import Layout
from replicate.databases.sqlite.sql import quote

_NEIGHBOURS = 32
_MOST_PIECES = 4096


@dataclass(frozen=True, slots=True)
class Piece:
    """Keys from `first` to `last`, both of which exist, with a guess of what is between."""

    first: int
    last: int
    rows: int
    bytes: int


class Slicer:
    """Looks at one table that has a key."""

    def __init__(
        self, connection: sqlite3.Connection, layout: Layout, key: str, codec: str
    ) -> None:
        self._connection = connection
        self._reader = RowReader(connection, layout, codec=codec, most_rows=_NEIGHBOURS)
        self._key = quote(key)
        self._from = f"FROM main.{quote(layout.name)} {layout.scan}"

    def pieces(self, target: int) -> list[Piece]:
        """The table in ascending pieces of about `target` bytes of text; none if it is empty."""
        whole = self._look(-(2**63), 2**63 - 1)
        if whole is None:
            return []
        heap = [(-whole.bytes, whole.first, whole)]
        done: list[Piece] = []
        while heap and len(heap) + len(done) < _MOST_PIECES:
            *_, piece = heapq.heappop(heap)
            if piece.bytes <= target or piece.first == piece.last:
                done.append(piece)
                continue
            middle = (piece.first + piece.last) // 2
            for half in (self._look(piece.first, middle), self._look(middle + 1, piece.last)):
                if half is not None:
                    heapq.heappush(heap, (-half.bytes, half.first, half))
        done += (piece for *_, piece in heap)
        return _joined(sorted(done, key=lambda piece: piece.first), target)

    def _look(self, low: int, high: int) -> Piece | None:
        """What lies between two keys, both included."""
        found = self._keys(low, high, _NEIGHBOURS)
        if not found:
            return None
        first = found[0]
        ends = self._keys(low, high, _NEIGHBOURS, "DESC")
        last = ends[0]
        rows, size = self._reader.sample((first - 1 if first > low else None, last))
        if len(found) < _NEIGHBOURS:
            return Piece(first, last, len(found), size * len(found) // rows)
        span = last - first + 1
        places = (found, self._keys(first + span // 2, last, _NEIGHBOURS), ends)
        density = sum(len(keys) / (abs(keys[-1] - keys[0]) + 1) for keys in places) / len(places)
        expected = max(len(found), int(span * density))
        return Piece(first, last, expected, size * expected // rows)

    def _keys(self, low: int, high: int, most: int, order: str = "ASC") -> list[int]:
        rows = self._connection.execute(
            f"SELECT {self._key} {self._from} WHERE {self._key} BETWEEN ? AND ? "
            f"ORDER BY {self._key} {order} LIMIT {most}",
            (low, high),
        )
        return [key for (key,) in rows]


def _joined(pieces: list[Piece], target: int) -> list[Piece]:
    """Neighbours made one as long as both together don't exceed `target`."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and joined[-1].bytes + piece.bytes <= target:
            before = joined.pop()
            piece = Piece(  # noqa: PLW2901 - the piece has grown
                before.first, piece.last, before.rows + piece.rows, before.bytes + piece.bytes
            )
        joined.append(piece)
    return joined


def bounds_of(pieces: list[Piece]) -> list[Bounds]:
    """The pieces as bounds to read within, which leave no key between them or outside."""
    cuts = [None, *(piece.last for piece in pieces[:-1]), None]
    return list(itertools.pairwise(cuts))
