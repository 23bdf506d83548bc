"""IPv6 addresses as numbers, read from text in all its forms and written in the usual one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from replicate.rows.column import Column
from replicate.rows.spans import heads
from replicate.transformers.columnar.joined import table
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.windows import any_in_row, count_in_row
from replicate.transformers.networks import ip4_text

BITS = 128
LONGEST = 49
"""Bytes of the longest address: with an IPv4 address at its end, and a mask."""

Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]
Groups = npt.NDArray[np.uint16]
Integers = npt.NDArray[np.int64]
_Piece = tuple[Words, npt.NDArray[np.integer]]

_GROUPS = 8  # of four hexadecimal digits each
_COLONS = 8  # at the most: those of ::2:3:4:5:6:7:8
_LONGEST_GROUPS = 39  # bytes of eight groups and their colons
_COLON = np.uint8(ord(":"))


class Read(NamedTuple):
    """Addresses of 128 bits: of shape (rows,) all of them.

    `high` has a number's upper half. `mask` is -1 where there is none. Rows that are not `valid`
    are no addresses, and their other fields hold anything.
    """

    high: Words
    low: Words
    mask: Integers
    valid: Flags


def read(column: Column) -> Read:
    """What addresses the values are; they have to be of no more than `LONGEST` bytes.

    A zone (``%eth0``) makes a value no address.
    """
    rows = len(column)
    # There is a zero behind each value.
    width = 16 * (int(column.length.max(initial=0)) // 16 + 1)
    text = heads(column.data, column.start, column.length, width)
    size, mask, valid = _without_masks(text, column)
    tails, number, is_v4 = _without_v4(text, size, column)
    valid[tails] &= is_v4
    digit = (text - np.uint8(ord("0"))) < 10
    letter = ((text | np.uint8(0x20)) - np.uint8(ord("a"))) < 6
    colons = count_in_row(text == _COLON)
    valid &= count_in_row(digit | letter) + colons == size
    valid &= (colons >= 2) & (colons <= _COLONS) & (size <= _LONGEST_GROUPS)
    values = text & np.uint8(15)
    values += letter * np.uint8(9)
    groups = np.zeros((rows, _GROUPS), np.uint16)
    if valid.all():
        groups, valid = _groups(text, values, size, colons + 1)
    else:
        at = np.flatnonzero(valid)
        groups[at], valid[at] = _groups(text[at], values[at], size[at], colons[at] + 1)
    groups[tails, -2] = number >> np.uint32(16)
    groups[tails, -1] = number & np.uint32(0xFFFF)
    halves = groups.astype(">u2").view(">u8").astype(np.uint64)
    return Read(halves[:, 0].copy(), halves[:, 1].copy(), mask, valid)


def _without_masks(text: Bytes, column: Column) -> tuple[Integers, Integers, Flags]:
    """Put zeros from the first slash of each row on.

    Returns the sizes of what is left, the masks (-1 without a slash), and which rows have none or a
    good one.
    """
    rows, width = text.shape
    size, mask = column.length.copy(), np.full(rows, -1)
    valid = np.ones(rows, np.bool_)
    slashes = np.flatnonzero(text == ord("/"))
    if slashes.size:
        at = slashes // width
        size[at[::-1]] = (slashes - at * width)[::-1]  # of the first, which comes last
        at = np.flatnonzero(size < column.length)
        digits = column.length[at] - size[at] - 1
        behind = heads(column.data, column.start[at] + size[at] + 1, digits, 16)
        value = np.zeros(len(at), np.int64)
        good = (digits >= 1) & (digits <= 3)
        for i in range(3):
            digit = behind[:, i] - np.uint8(ord("0"))
            good &= (digit < 10) | (digits <= i)
            value = np.where(digits > i, 10 * value + digit, value)
        mask[at], valid[at] = value, good & (value <= BITS)
        _cut(text, size)
    return size, mask, valid


def _without_v4(
    text: Bytes, size: Integers, column: Column
) -> tuple[npt.NDArray[np.intp], ip4_text.Numbers, Flags]:
    """Put two groups of zeros in place of IPv4 addresses at the ends of values.

    Changes `text` and `size`. Returns the rows that have dots, and for each of them the number at
    its end, and whether there is one.
    """
    rows = np.flatnonzero(any_in_row(text == ord(".")))
    if not rows.size:
        return rows, np.empty(0, np.uint32), np.empty(0, np.bool_)
    some = text[rows]
    begin = some.shape[1] - np.argmax(some[:, ::-1] == _COLON, axis=1)
    begin[~any_in_row(some == _COLON)] = 0
    begin = np.minimum(begin, size[rows])
    length = size[rows] - begin
    tail = heads(column.data, column.start[rows] + begin, length, 16)
    number, _, valid = ip4_text.read(tail, length)
    begin[~valid] = 0
    _cut(some, begin)
    for i, byte in enumerate(b"0:0"):  # which no address is shorter than
        some[np.arange(len(rows)), begin + i] = byte
    text[rows], size[rows] = some, begin + 3
    return rows, number, valid


def _cut(text: Bytes, size: Integers) -> None:
    """Put zeros behind the first ``size[i]`` bytes of each row."""
    text *= np.arange(text.shape[1], dtype=np.uint8) < size.astype(np.uint8)[:, None]


def _groups(text: Bytes, values: Bytes, size: Integers, count: Integers) -> tuple[Groups, Flags]:
    """The eight groups of each address, uint16 (rows, 8), and which are good.

    `text` is of colons and hexadecimal digits, whose values are `values`; `size` is how long it is,
    and `count` how many groups the colons part it into, among them empty ones.
    """
    rows, width = text.shape
    begin = np.arange(rows) * width
    is_end = text == _COLON
    is_end.reshape(-1)[begin + size] = True
    end = np.flatnonzero(is_end)
    first = np.cumsum(count) - count
    length = np.diff(end, prepend=0) - 1
    length[first] = end[first] - begin
    empty = np.flatnonzero(length == 0)
    long = end[np.flatnonzero(length > 4)] // width
    # An empty group that is neither the first nor the last is a gap, and these may be empty only
    # beside it.
    of = end[empty] // width
    place, last = empty - first[of], count[of] - 1
    inner = (place > 0) & (place < last)
    gap = np.full(rows, -1)
    gap[of[inner]] = place[inner]
    gaps = np.bincount(of[inner], minlength=rows)
    filled = count - np.bincount(of, minlength=rows)
    valid = np.where(gaps == 1, filled < _GROUPS, (gaps == 0) & (count == _GROUPS))
    valid[long] = False
    alone = (place == 0) & (gap[of] != 1) | (place == last) & (gap[of] != last - 1)
    valid[of[alone]] = False
    if not valid.all():
        chosen = np.repeat(valid, count)
        end, length = end[chosen], length[chosen]
        gap, count = gap[valid], count[valid]
        first = np.cumsum(count) - count
    value = _values_before(values, end, length)
    groups = np.zeros((rows, _GROUPS), np.uint16)
    if len(value) == len(count) * _GROUPS and (gap < 0).all():
        groups[valid] = value.reshape(-1, _GROUPS)
        return groups, valid
    # The last group of each address is its eighth: behind the gap a step makes up for those that
    # it stands for. It is one back where the gap is at an end, and stands for a single one; of the
    # two groups that then meet, an empty one and another, the latter comes last, or both are zero.
    step = np.ones(len(value), np.int64)
    at = np.flatnonzero(gap >= 0)
    step[first[at] + gap[at] + 1] += _GROUPS - count[at]
    there = np.zeros(len(count) * _GROUPS, np.uint16)
    there[np.cumsum(step) - 1] = value
    groups[valid] = there.reshape(-1, _GROUPS)
    return groups, valid


def _values_before(values: Bytes, end: Integers, length: Integers) -> Groups:
    """The numbers of up to four digits that end before each place `end`, ``length[i]`` of them."""
    digits = np.zeros(values.size + 4, np.uint8)
    digits[4:] = values.reshape(-1)
    fours = np.ndarray((values.size + 1,), "V4", digits, 0, (1,))
    four = fours[end].view("<u4")
    four &= _LAST_DIGITS.take(length, mode="clip")
    pairs = (four << np.uint32(4) | four >> np.uint32(8)) & np.uint32(0x00FF00FF)
    return (pairs << np.uint32(8) | pairs >> np.uint32(16)).astype(np.uint16)


_LAST_DIGITS = np.array([2**32 - 2 ** (32 - 8 * i) for i in range(5)], np.uint32)


def written(high: Words, low: Words, mask: Integers) -> tuple[Bytes, Integers]:
    """The addresses as systems spell them: text with zeros behind, uint8 (rows, 48), its length.

    The first of the longest runs of two or more groups of zeros is ``::``, and what is meant to
    hold an IPv4 address (``::ffff:192.0.2.7``, ``::192.0.2.7``) shows it. The mask is behind a
    slash if it is not -1.
    """
    halves = np.stack((high, low), axis=1)
    groups = halves.astype(">u8").view(">u2").astype(np.uint32)
    is_zero = (groups == 0).view(np.uint64)[:, 0]
    zeros = (is_zero * _GATHER >> np.uint64(56)).view(np.int64)  # a bit for each
    pieces = np.maximum(groups, _RUNS.take(zeros, axis=0))
    words, sizes = _pieces()
    ends = [(words.take(piece), sizes.take(piece)) for piece in pieces.T]
    ends[-1] = ends[-1][0], ends[-1][1] - (pieces[:, -1] < _EMPTY)  # without its colon
    behind = _MASK.take(mask + 1), _MASK_SIZE.take(mask + 1)
    text, length = _laid(len(groups), [*ends, behind])
    holds_v4 = _HOLDS_V4.take(zeros)
    at = np.flatnonzero((holds_v4 == 1) | (holds_v4 == 2) & (groups[:, 5] == 0xFFFF))
    if at.size:
        is_mapped = holds_v4[at] - np.uint8(1)
        parts = low[at].astype(">u8").view(np.uint8).reshape(-1, 8)[:, 4:]
        held = [(_PART.take(part), _PART_SIZE.take(part)) for part in parts.T]
        held[-1] = held[-1][0], held[-1][1] - 1  # without its dot
        front = _FRONT.take(is_mapped), _FRONT_SIZE.take(is_mapped)
        text[at], length[at] = _laid(len(at), [front, *held, (behind[0][at], behind[1][at])])
    return text, length


def _laid(rows: int, pieces: Iterable[_Piece]) -> tuple[Bytes, Integers]:
    """Text made of pieces, one behind the other, for all rows: uint8 (rows, 48), and its length.

    A piece is 8 bytes, with zeros behind its end, and the next one begins where its size says.
    """
    text = np.zeros((rows, _WIDTH), np.uint8)
    eights = np.ndarray((max(text.size - 7, 0),), "V8", text, 0, (1,))
    begin = np.arange(rows) * _WIDTH
    end = begin.copy()
    for word, size in pieces:
        eights[end] = word.view("V8")
        end += size
    return text, end - begin


_GATHER = np.uint64(0x0102040810204080)  # moves the lowest bits of eight bytes into the highest
_WIDTH = 48  # bytes of a row: an address with a mask, which is 8 bytes in its table
_EMPTY, _ONE_COLON, _TWO_COLONS = 65536, 65537, 65538  # in place of a group


@cache
def _pieces() -> tuple[Words, npt.NDArray[np.uint8]]:
    """Every group with a colon behind it, and the three in place of one: 8 bytes, and how many."""
    number = np.arange(_EMPTY, dtype=np.uint64)
    text = np.full(_EMPTY, ord(":") << 32, np.uint64)
    for i in range(4):
        digit = number >> np.uint64(12 - 4 * i) & np.uint64(15)
        text |= _HEXADECIMAL.take(digit.view(np.int64)) << np.uint64(8 * i)
    zeros = np.zeros(_EMPTY, np.uint8)  # that lead
    for least in (0x10, 0x100, 0x1000):
        zeros += number < least
    text >>= zeros * np.uint64(8)
    colons = np.array([0, 0x3A, 0x3A3A], np.uint64)
    return np.append(text, colons), np.append(5 - zeros, np.array([0, 1, 2], np.uint8))


_HEXADECIMAL = np.frombuffer(b"0123456789abcdef", np.uint8).astype(np.uint64)


def _run(zeros: int) -> tuple[int, int]:
    """Where the first of the longest runs of two or more set bits begins, and how long it is."""
    runs = [
        (-size, begin)
        for begin in range(_GROUPS)
        for size in range(2, _GROUPS + 1 - begin)
        if zeros >> begin & (1 << size) - 1 == (1 << size) - 1
    ]
    size, begin = min(runs, default=(0, 0))
    return begin, -size


def _instead(zeros: int) -> list[int]:
    """What stands in place of each group, or 0 where the group itself does."""
    begin, size = _run(zeros)
    out = [0] * _GROUPS
    out[begin : begin + size] = [_EMPTY] * size
    if size:
        out[begin] = _ONE_COLON if begin else _TWO_COLONS
    return out


_RUNS = np.array([_instead(zeros) for zeros in range(256)], np.uint32)
# 1 where the address holds an IPv4 one if its first six groups are zeros, 2 if the sixth is ffff.
_HOLDS_V4 = np.array([{(0, 6): 1, (0, 5): 2}.get(_run(i), 0) for i in range(256)], np.uint8)


def _table(words: list[bytes]) -> tuple[Words, npt.NDArray[np.int64]]:
    eights = table([word.ljust(8, b"\0") for word in words]).view(np.uint64).ravel()
    return eights, np.array([len(word) for word in words])


_MASK, _MASK_SIZE = _table([b"", *(b"/%d" % i for i in range(BITS + 1))])
_PART, _PART_SIZE = _table([b"%d." % i for i in range(256)])
_FRONT, _FRONT_SIZE = _table([b"::", b"::ffff:"])
