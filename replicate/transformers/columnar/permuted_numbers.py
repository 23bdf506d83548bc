"""Numbers in place of numbers that are written alike, by permutations or by chance.

What is replaced is the digits from the first that is not 0 on, up to the last that is not 0 behind
the point; the first and, behind the point, the last don't become 0 either. Sign, point and other
zeros stay. So numbers that differ become numbers that differ, however they are written, and a
number needs no more room than it did. A single digit before the point with nothing behind it may
become 0, and 0 any digit, unless there is a minus sign.

A replacement outside of these bounds is replaced again until it is within: walking along a
permutation from a number within, one always comes to another such, and no two come to the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from replicate.crypto.numerals import numbers
from replicate.errors import TransformError, UsageError
from replicate.rows.column import Column, Kind
from replicate.transformers.base import Target
from replicate.transformers.columnar.characters import DigitStrings, Replacer
from replicate.transformers.columnar.flagged import end_in_row, first_in_row
from replicate.transformers.columnar.windows import (
    any_in_row,
    count_in_row,
    is_digit,
    running_count,
    shapes,
    window,
)

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Rows = npt.NDArray[np.intp]
Places = npt.NDArray[np.int8]

_WHOLE = re.compile(rb"-?0+")
_DECIMAL = re.compile(rb"-?(0+)(?:\.0+)?")
_ZERO = np.uint8(ord("0"))
_LARGEST_INTEGER = 64
_EXACT = 15
"""Digits of a floating-point number that stay distinct, whatever they are."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What the digits that are replaced have to become; all of shape (rows,).

    The first is not 0 but where it is `free`, nor the one at the place `last` among them but where
    that is `free_last`; None where no row has one that counts. `most` is the largest integers.
    """

    free: Flags
    last: Integers | None
    free_last: Flags
    most: _Most | None


@dataclass(frozen=True, slots=True)
class _Most:
    """The largest integers, uint64 (rows,), and which rows have digits enough to exceed them."""

    integer: npt.NDArray[np.uint64]
    near: Flags


def refuse_unfit(name: str, target: Target) -> None:
    """Raises `UsageError` where the column can't hold all that the transformer `name` makes."""
    precision, scale = target.limits.precision, target.limits.scale
    if target.kind is not Kind.NUMERIC or precision is None or scale is None:
        return
    if scale < 0:
        raise UsageError(
            f"{name} replaces digits that the column rounds, so that numbers would meet: its scale "
            f"is {scale}",
            hint="use null, since nothing else keeps them distinct"
            if target.unique
            else "use number-noise, null or fixed",
        )
    if scale >= precision:
        raise UsageError(
            f"{name} needs a digit before the point, and the column takes none",
            hint="use random, null or fixed",
        )


def permuted_numbers(
    column: Column, replace: Replacer, *, target: Target, keep: tuple[int, int] = (0, 0)
) -> Bytes:
    """The replacements as the rows of a matrix, each as long as its value.

    Integers become such of the size that `target` says; `refuse_unfit` has to have let it pass. The
    first and the last so many characters that `keep` says stay, in values that are longer than both
    together. Zeros at the end of a decimal fraction count only as far as the column's scale asks
    for them: without one, a number may be written with and without. Raises `TransformError` for a
    value that is no number, is longer than 32 bytes, or has no digit that could be replaced. NULL
    and the empty string are left out.
    """
    text = window(column)
    length = column.length
    digit = is_digit(text)
    ones = _place_of_ones(column, text, digit)
    nonzero = digit & (text != _ZERO)
    count = running_count(nonzero)
    replaced = digit & (count > 0)
    places = np.arange(text.shape[1], dtype=np.int8)
    if column.kind is not Kind.INTEGER:
        # A nonzero digit is at or behind a place if those before it are not all of them.
        ends = (count - nonzero.view(np.uint8)) < count[:, -1:]
        replaced &= ends | (places <= ones[:, None])
    zero = (count[:, -1] == 0) & (length > 0)
    replaced[np.flatnonzero(zero), ones[zero]] = True
    bits = target.limits.bits or _LARGEST_INTEGER
    rows = np.arange(len(text))
    first, end = first_in_row(replaced) % text.shape[1], end_in_row(replaced)
    negative = text[:, 0] == ord("-")
    most = _refuse_outside(column, text, replaced, negative & (text[rows, first] == _ZERO), bits)
    # The zeros behind are left out, so that equal numbers, however written, stay equal, and others
    # don't meet.
    size = np.where(length > 0, np.maximum(end, ones + 1), 0)
    if any(keep):
        whole = size.astype(np.int16)[:, None]
        if target.limits.scale:
            whole = np.maximum(whole, ones[:, None] + np.int16(2 + target.limits.scale))
        kept = (places < keep[0]) | (places >= whole - keep[1])
        replaced &= ~(kept & (whole > sum(keep)))
        _refuse((length > 0) & ~any_in_row(replaced), "a number has no digit that may be replaced")

    digits = DigitStrings(replace, text, size, replaced)
    fraction = end > ones + 1
    free = free_last = ~(fraction | negative) & (first == ones)
    if any(keep):
        free_last = free | ~replaced[rows, np.where(fraction, end - 1, first)]
        free = free | ~replaced[rows, first]
    last = np.where(fraction, digits.count - 1, 0) if fraction.any() else None
    bounds = _Bounds(free, last, free_last, most)
    there = length > 0
    pending: Rows | slice = slice(None) if there.all() else np.flatnonzero(there)
    while True:
        digits.replace(pending)
        outside = np.flatnonzero(~_is_within(digits, bounds, pending))
        if not outside.size:
            return digits.written()
        pending = outside if isinstance(pending, slice) else pending[outside]


def _place_of_ones(column: Column, text: Bytes, digit: Flags) -> Places:
    """Where the last digit before the point stands, int8 (rows,)."""
    shape, forms = shapes(text, digit)
    written = _WHOLE if column.kind is Kind.INTEGER else _DECIMAL
    matches = [written.fullmatch(form) for form in forms]
    fits = np.array([match is not None for match in matches], np.bool_)[shape]
    # Longer than the window, or with a NUL at its end.
    fits &= column.length == np.array([len(form) for form in forms])[shape]
    _refuse(~fits & (column.length > 0), "a value is no number that keeps its format")
    before = [form.partition(b".")[0] for form in forms]
    return np.array([max(len(whole) - 1, 0) for whole in before], np.int8)[shape]


def _refuse_outside(
    column: Column, text: Bytes, replaced: Flags, minus_zero: Flags, bits: int
) -> _Most | None:
    """Raises `TransformError` for numbers that would not stay distinct, or within their column."""
    minus_zero &= column.length > 0
    _refuse(minus_zero, "a value is no number that keeps its format")
    if column.kind is Kind.REAL:
        exact = count_in_row(replaced) <= _EXACT
        _refuse(~exact, "a floating-point number has more digits than it can tell")
    if column.kind is not Kind.INTEGER:
        return None
    count = count_in_row(is_digit(text))
    longest = len(str(2 ** (bits - 1)))
    near = count >= longest
    if not near.any():
        return None
    most = np.full(len(text), 2 ** (bits - 1) - 1, np.uint64) + (text[:, 0] == ord("-"))
    beyond = count > longest
    at = np.flatnonzero(near)
    beyond[at] |= _integers(text[at]) > most[at]
    _refuse(beyond, "an integer is larger than those of the column")
    return _Most(most, near)


def _is_within(digits: DigitStrings, bounds: _Bounds, rows: Rows | slice) -> Flags:
    symbols = digits.symbols[rows]
    within: Flags = symbols[:, 0] != 0
    within |= bounds.free[rows]
    if bounds.last is not None:
        last = symbols[np.arange(len(symbols)), bounds.last[rows]] != 0
        within &= last | bounds.free_last[rows]
    if bounds.most is not None:
        near = np.flatnonzero(bounds.most.near[rows])
        at = near if isinstance(rows, slice) else rows[near]
        within[near] &= _integers(digits.written(at)) <= bounds.most.integer[at]
    return within


def _integers(text: Bytes) -> npt.NDArray[np.uint64]:
    """The integers without their signs, which have 19 digits at most."""
    negative = text[:, 0] == ord("-")
    size = count_in_row(is_digit(text))
    start = np.arange(len(text), dtype=np.int64) * text.shape[1] + negative
    return numbers(text.reshape(-1) - _ZERO, start, size, 10, int(size.max(initial=0)))


def _refuse(rows: Flags, message: str) -> None:
    if rows.any():
        raise TransformError(
            message,
            hint="use random, which takes every number, null or fixed",
            row=int(np.argmax(rows)),
        )
