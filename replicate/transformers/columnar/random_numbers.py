"""Random numbers that are written as the numbers they replace: as many digits, the same sign."""

from __future__ import annotations

import hashlib
import re

import numpy as np
import numpy.typing as npt

from replicate.rows.arrays import strings
from replicate.rows.column import Column
from replicate.transformers.columnar.lots import Bytes, digits
from replicate.transformers.columnar.pools import Assembly, padded
from replicate.transformers.columnar.windows import (
    any_in_row,
    is_digit,
    overwrite,
    running_count,
    shapes,
    window,
)

_NUMBER = re.compile(rb"[+-]?(?:([0-9]+)(\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?([0-9]+))?")
_NO_FINITE = re.compile(rb"(?i:[+-]?inf(inity)?|nan)")
_EDGES = (5, 10, 19)
"""The digits of the largest integers of 16, 32 and 64 bits: there the first digit must not grow."""

_ONE_AND_HUGE = re.compile(rb"[+-]?[0.]*1[0.]*[eE][+-]?[0-9]{3,}")
"""A power of ten with an exponent of three digits: it has no digit that could be a smaller one."""

_LONGEST = 1 << 16  # bytes; no database has a longer number


def put_numbers(column: Column, seeds: Bytes, result: Assembly) -> npt.NDArray[np.intp]:
    """Put a replacement for every value that is a number; returns the rows of the others.

    Digits are replaced from the first that is not 0 on; sign, point and exponent stay. The first
    of them never becomes 0, unless it is the only one. An integer of 5, 10 or 19 digits gets a
    first digit smaller than its own (or 1), so that it fits whatever column it came from; a number
    with an exponent of three digits likewise. Infinity, NaN and powers of ten with such an exponent
    become small numbers.
    """
    text = window(column)
    digit = is_digit(text)
    shape, forms = shapes(text, digit)
    matches = [_NUMBER.fullmatch(form) for form in forms]
    fits = np.array([match is not None for match in matches], np.bool_)[shape]
    fits &= column.length == np.array([len(form) for form in forms])[shape]
    huge = np.array([_has_huge_exponent(match) for match in matches], np.bool_)[shape]
    if huge.any():
        fits &= ~(huge & _is_power_of_ten(column))
    near_edge = np.array([_is_near_edge(match) for match in matches], np.bool_)[shape] | huge

    # The digits to replace: those of the mantissa, without its leading zeros.
    exponent = (text | 0x20) == ord("e")
    mantissa = digit & (running_count(exponent) == 0)
    number = running_count(mantissa & (running_count(mantissa & (text != ord("0"))) > 0))
    replaced = mantissa & (number > 0)
    zero = ~any_in_row(replaced)
    if zero.any():
        # Nothing but zeros: all digits behind the first, or the only one.
        place = running_count(mantissa)
        several = place.max(axis=1) > 1
        replaced[zero] = (mantissa & (place > several[:, None]))[zero]
    first = np.argmax(replaced, axis=1)

    rows = np.arange(len(text))
    original = text[rows, first] - np.uint8(ord("0"))
    highest = np.where(near_edge, np.maximum(original, 2) - 1, 9).astype(np.uint16)
    lead = (seeds[:, 15].astype(np.uint16) * highest >> 8).astype(np.uint8) + np.uint8(ord("1"))
    alone = column.length == 1
    drawn = digits(seeds, text.shape[1])
    drawn[rows, first] = np.where(alone | zero, drawn[rows, first], lead)
    if huge.any():
        # 1.79e308 is the largest real: after a first digit of 1 comes a 0.
        second = huge[:, None] & (running_count(replaced) == 2)
        np.copyto(drawn, np.uint8(ord("0")), where=second)
    overwrite(text, drawn, replaced)
    text[~fits] = 0
    result.put(None, *padded(text, np.where(fits, column.length, 0)))
    return _put_long(column, seeds, result, np.flatnonzero(~fits & (column.length > 0)))


def _is_power_of_ten(column: Column) -> npt.NDArray[np.bool_]:
    values = (value or b"" for value in column.values())
    return np.array([_ONE_AND_HUGE.fullmatch(value) is not None for value in values], np.bool_)


def _has_huge_exponent(match: re.Match[bytes] | None) -> bool:
    return match is not None and match[3] is not None and len(match[3]) >= 3


def _is_near_edge(match: re.Match[bytes] | None) -> bool:
    if match is None or match[1] is None:
        return False
    return match[2] is None and match[3] is None and len(match[1]) in _EDGES


def _put_long(
    column: Column, seeds: Bytes, result: Assembly, rows: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """The same for `rows`, one by one: numbers too long for a window, and those not finite."""
    done: list[int] = []
    values: list[bytes] = []
    for row in rows[column.length[rows] <= _LONGEST].tolist():
        start = int(column.start[row])
        value = column.data[start : start + int(column.length[row])].tobytes()
        if _NO_FINITE.fullmatch(value) or _ONE_AND_HUGE.fullmatch(value):
            done.append(row)
            values.append(b"%d.%d" % (seeds[row, 0] % 10, seeds[row, 1] % 10))
        elif _NUMBER.fullmatch(value):
            done.append(row)
            values.append(_long_number(value, seeds[row].tobytes()))
    if done:
        chosen = np.array(done, np.intp)
        result.put(chosen, strings(values), np.arange(len(done), dtype=np.int32))
        rows = np.setdiff1d(rows, chosen, assume_unique=True)
    return rows


def _long_number(value: bytes, seed: bytes) -> bytes:
    mantissa = len(re.split(rb"[eE]", value)[0])
    drawn = hashlib.shake_128(seed).digest(mantissa)
    out = bytearray(value)
    places = [i for i in range(mantissa) if value[i : i + 1].isdigit()]
    leading = next((n for n, i in enumerate(places) if value[i] != ord("0")), None)
    if leading is None:
        leading = 1
    else:
        # A smaller first digit, and then a 0: the number is no larger than it was.
        highest = max(value[places[leading]] - ord("0"), 2) - 1
        out[places[leading]] = ord("1") + (drawn[places[leading]] * highest >> 8)
        for place in places[leading + 1 : leading + 2]:
            out[place] = ord("0")
        leading += 2
    for place in places[leading:]:
        out[place] = ord("0") + (drawn[place] * 10 >> 8)
    return bytes(out)
