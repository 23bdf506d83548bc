"""A big table cut by the pages of its heap.

Since server 14 the rows between two places are found without reading those before them. A row that
the snapshot sees stays where it is as long as that is open, and all that the table has grown since
is behind the last bound, which is open.
"""

from __future__ import annotations

from dataclasses import dataclass

from replicate.databases.base import Slice, Table

OLDEST = 140000
"""The first server that reads a range of places without reading the rest."""


@dataclass(frozen=True, slots=True)
class PageRange:
    """The rows in pages `first` up to but not including `end`; None is all that follow."""

    first: int
    end: int | None

    @property
    def condition(self) -> str:
        bounds = f"ctid >= '({self.first:d},0)'"
        return bounds if self.end is None else f"{bounds} AND ctid < '({self.end:d},0)'"


@dataclass(frozen=True, slots=True)
class Where:
    """The rows for which an extension said that its configuration is dumped: its own WHERE."""

    condition: str


def page_slices(table: Table, pages: int, target_bytes: int) -> list[Slice]:
    """`table`, of so many `pages`, in pieces of about `target_bytes`.

    Values that are kept apart from the heap are taken to be spread evenly over it.
    """
    size = table.bytes or 0
    step = max(1, pages * max(1, target_bytes) // max(1, size))
    if size <= target_bytes or step >= pages:
        return [Slice(table)]
    starts = range(0, pages, step)
    return [
        Slice(table, PageRange(start, start + step if start + step < pages else None))
        for start in starts
    ]
