"""Blocks of text cut at the ends of rows."""

from __future__ import annotations

from collections.abc import Iterator


def cut_rows(text: bytes, limit: int) -> Iterator[tuple[bytes, int]]:
    """`text` in pieces of whole rows, each with its number of rows, of at most `limit` bytes.

    A row that is longer than `limit` is a piece by itself. A newline inside a value is escaped,
    so that every newline ends a row.
    """
    start = 0
    while start < len(text):
        end = len(text)
        if end - start > limit:
            end = text.rfind(b"\n", start, start + limit) + 1 or text.find(b"\n", start) + 1 or end
        piece = text[start:end]
        yield piece, piece.count(b"\n")
        start = end
