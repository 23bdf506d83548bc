"""Tables of text that fit a terminal: cut where that leaves enough to read, else as blocks."""

from __future__ import annotations

from collections.abc import Sequence

from replicate.cli.formats import width

_GAP = 2
_LEAST = 14
"""Columns of a cell that is cut; with less the rows are told as blocks."""


def table_lines(
    headers: Sequence[str], rows: Sequence[Sequence[str]], align: str, room: int | None = None
) -> tuple[list[str], int]:
    """The lines of a table, and how many of them are its header.

    Cells are of one line each; `align` holds a < or > for each column. With `room`, no line takes
    more columns than that: long cells are cut, but never those that a row begins with, which tell
    it from others. Where too little would be left of the rest each row becomes a block of lines,
    in which nothing is cut; the header is then left out, and each line says what it is.
    """
    widths = [
        max([width(header), *(width(row[place]) for row in rows)])
        for place, header in enumerate(headers)
    ]
    whole = sum(widths) + _GAP * (len(widths) - 1)
    if room is not None and whole > room:
        fitting = _narrowed(widths, room - _GAP * (len(widths) - 1))
        if fitting is None:
            return [line for row in rows for line in _block(headers, row, room)], 0
        widths = fitting
        headers, rows = _cut_all(headers, widths), [_cut_all(row, widths) for row in rows]
    return [_aligned(row, widths, align) for row in (headers, *rows)], 1


def cut(text: str, room: int) -> str:
    """The beginning of `text` that takes `room` columns; what is left out leaves an ellipsis."""
    if width(text) <= room:
        return text
    kept, used = 0, 1
    for char in text:
        used += width(char)
        if used > room:
            break
        kept += 1
    return text[:kept] + "…"


def _narrowed(widths: Sequence[int], room: int) -> list[int] | None:
    """The widths with the widest made equal until all fit, or None where that is too narrow."""
    rest = room - widths[0]
    others = sorted(range(1, len(widths)), key=lambda place: widths[place])
    narrowed = list(widths)
    for done, place in enumerate(others):
        share = rest // (len(others) - done)
        if widths[place] > share:
            if share < _LEAST:
                return None
            narrowed[place] = share
        rest -= narrowed[place]
    return narrowed if rest >= 0 else None


def _cut_all(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cut(cell, room) for cell, room in zip(cells, widths, strict=True)]


def _block(headers: Sequence[str], row: Sequence[str], room: int) -> list[str]:
    """A row over several lines: what it begins with, then each other cell by its header."""
    lines = _folded(row[0], room, "", "    ")
    for header, cell in zip(headers[1:], row[1:], strict=True):
        lines += _folded(cell, room, f"  {header.lower()}: ", "    ") if cell else []
    return lines


def _folded(text: str, room: int, first: str, rest: str) -> list[str]:
    """`text` over lines of at most `room` columns, between words where there are any."""
    room = max(room, len(rest) + 2)
    lines, line, empty = [], first, True
    for word in text.split(" "):
        if not empty and width(line) + 1 + width(word) > room:
            lines.append(line)
            line, empty = rest, True
        elif not empty:
            line += " "
        for char in word:
            if width(line) + width(char) > room:
                lines.append(line)
                line = rest
            line += char
        empty = False
    return [*lines, line]


def _aligned(cells: Sequence[str], widths: Sequence[int], align: str) -> str:
    padded = []
    for cell, columns, side in zip(cells, widths, align, strict=True):
        gap = " " * (columns - width(cell))
        padded.append(gap + cell if side == ">" else cell + gap)
    return (" " * _GAP).join(padded).rstrip()
