"""The parts of URLs, for all values of a column at once, and what masks the end of one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from replicate.rows.column import Column
from replicate.rows.spans import heads
from replicate.transformers.base import Draw
from replicate.transformers.columnar.flagged import first_in_row
from replicate.transformers.columnar.joined import last_place
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.windows import count_in_row, is_digit, overwrite
from replicate.transformers.draw import LANE, stream

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

_SCHEME = 16  # characters that the name of a scheme may have
_PORT = 6  # a colon and digits


@dataclass(frozen=True, slots=True)
class Parts:
    """Where in `Column.data` the parts of each value begin, all int64 (rows,).

    ``authority <= host <= port <= path``; the host ends where the port begins, colon included, and
    that where the path begins. All are the value's start where it is not `known` to be a URL.
    """

    known: Flags
    authority: Integers
    host: Integers
    port: Integers
    path: Integers

    @property
    def has_host(self) -> Flags:
        return self.path > self.authority

    def hosts(self, column: Column) -> Column:
        """The hosts alone."""
        return Column(column.data, self.host, self.port - self.host, column.null)


def split(column: Column) -> Parts:
    """Whatever has a scheme and ``://``, or begins with a slash, is taken for a URL."""
    start, end = column.start, column.start + column.length
    text = heads(column.data, start, column.length, _SCHEME)
    sort = _SCHEME_SORTS.take(text)
    # The first character that can't be of a scheme has to be the colon behind it.
    colon = first_in_row(sort == 0)
    threes = np.ndarray((column.data.size - 2,), "V3", column.data, 0, (1,))
    full = (sort[:, 0] == _LETTER) & (colon + 3 <= column.length)
    full &= threes[start + np.minimum(colon, column.length)] == _BEHIND_SCHEME
    slash = text[:, 0] == ord("/")
    authority = start + np.where(full, colon + 3, 2 * (slash & (text[:, 1] == ord("/"))))
    path = _first(column.data, b"/?#", authority, end)
    known = full | slash
    path = np.where(known, path, start)
    authority = np.where(known, authority, start)
    at = last_place(column.data, ord("@"), authority, path)
    host = np.where(at >= 0, at + 1, authority)
    return Parts(known, authority, host, _port(column.data, host, path), path)


def _port(data: Bytes, host: Integers, path: Integers) -> Integers:
    """Where the colon of a port stands; `path` where there is none."""
    colon = last_place(data, ord(":"), host, path)
    size = np.where(colon >= 0, path - colon, 0)
    size[(size < 2) | (size > _PORT)] = 0
    if not size.any():
        return path
    text = heads(data, np.where(size > 0, colon, 0), size, LANE)
    digits = count_in_row(is_digit(text))
    return np.where((size > 0) & (digits == size - 1), path - size, path)


def ports(column: Column, parts: Parts) -> tuple[Bytes, Integers]:
    """The colon and port of each value, uint8 (rows, 16), and how many bytes of it."""
    size = parts.path - parts.port
    return heads(column.data, parts.port, size, LANE), size


def kept_hosts(
    column: Column, parts: Parts, other: Bytes, other_size: Integers
) -> tuple[Bytes, Integers]:
    """The host of each value, and its length; that of `other` where it is not plain ASCII."""
    size = np.minimum(parts.port - parts.host, _LONGEST_HOST)
    wide = (max(int(size.max(initial=0)), other.shape[1]) + LANE - 1) // LANE * LANE
    hosts = heads(column.data, parts.host, size, wide)
    plain = np.count_nonzero(_HOST.take(hosts), axis=1) == parts.port - parts.host
    hosts[~plain] = 0
    hosts[~plain, : other.shape[1]] = other[~plain]
    return hosts, np.where(plain, size, other_size)


_LONGEST_HOST = 255
_HOST = np.array([bytes([i]).isalnum() or i in b"-._:[]" for i in range(256)])
_BEHIND_SCHEME = np.void(b"://")
_LETTER = 1
_SCHEME_SORTS = np.array(
    [
        _LETTER if bytes([i]).isalpha() else 2 * (bytes([i]).isdigit() or i in b"+-.")
        for i in range(256)
    ],
    np.uint8,
)


def masked_rest(
    column: Column, start: Integers, size: Integers, seeds: Bytes, draw: Draw
) -> tuple[Bytes, Integers]:
    """``size[i]`` bytes of each value from ``start[i]`` on, masked, and the blocks of each row.

    They are a path, a query and a fragment, any of which may be missing. All that stays is slashes,
    the signs that divide a query, and the ASCII characters of the names in it.

    The bytes are uint8 (blocks, 16): every row's begin a block, and anything may be behind them.
    """
    blocks = (size + LANE - 1) // LANE
    chance = _ALPHABET.take(_lanes(draw, seeds, blocks)).reshape(-1)
    first = np.cumsum(blocks) - blocks
    at = np.arange(len(chance) // LANE) * LANE + np.repeat(start - first * LANE, blocks)
    windows = np.ndarray((column.data.size - LANE + 1,), "V16", column.data, 0, (1,))
    text = windows[at].view(np.uint8)
    if not text.size:
        return text.reshape(0, LANE), blocks
    begin = first * LANE
    end = begin + size
    fragment = _first(text, b"#", begin, end)
    query = _first(text, b"?", begin, fragment)
    has_query = query < fragment
    query, until = query[has_query], fragment[has_query]
    in_query = _between(query + 1, until, len(text))
    stays = text == ord("/")
    if query.size:
        stays &= ~in_query
        stays |= _names(text, in_query, np.concatenate((query, until, end)))
        stays[query] = True
    stays[fragment[fragment < end]] = True
    overwrite(chance, text, stays)
    return chance.reshape(-1, LANE), blocks


def _lanes(draw: Draw, seeds: Bytes, blocks: Integers) -> Bytes:
    """What the blocks of each row are made of: uint8 (sum of `blocks`, 16)."""
    if draw.key is not None:
        return stream(draw, seeds, blocks)
    row = np.zeros(int(blocks.sum()), np.int64)
    return draw(Column(seeds.reshape(-1), row, row, row != 0))


def _between(start: Integers, end: Integers, size: int) -> Flags:
    """Which of so many bytes are in one of the spans, which ascend: bool (size,)."""
    edges = np.zeros(2 * len(start) + 2, np.int64)
    edges[1:-1:2], edges[2:-1:2], edges[-1] = start, end, size
    flags = np.zeros(len(edges) - 1, np.bool_)
    flags[1::2] = True
    return np.repeat(flags, np.diff(edges))


def _names(text: Bytes, in_query: Flags, edges: Integers) -> Flags:
    """Which bytes are the name of a parameter, or a sign that divides parameters.

    `edges` has the places before the queries, and behind them.
    """
    equals = in_query & (text == ord("="))
    divides = in_query & ((text == ord("&")) | (text == ord(";")))
    # A byte's part ends with the next sign, or where the query does. It is a name if that sign is
    # an equals sign, and the one before it isn't.
    ends = equals | divides
    ends[edges[edges < len(text)]] = True
    ends[-1] = True
    at = np.flatnonzero(ends)
    is_equals = equals[at]
    is_first = is_equals & ~np.concatenate(([False], is_equals[:-1]))
    begin = np.concatenate(([0], at[:-1] + 1))
    found = _between(begin[is_first], at[is_first] + 1, len(text))
    found &= text < 0x80
    found |= divides
    return found


_ALPHABET = np.frombuffer(
    bytes(b"abcdefghijklmnopqrstuvwxyz0123456789"[i * 36 >> 8] for i in range(256)), np.uint8
)


def _first(data: Bytes, signs: bytes, start: Integers, end: Integers) -> Integers:
    """Where one of the signs first stands in each span; its end where none does."""
    flags = data == signs[0]
    for sign in signs[1:]:
        flags |= data == sign
    places = np.append(np.flatnonzero(flags), len(data))
    found: Integers = np.minimum(places[np.searchsorted(places, start)], end)
    return found
