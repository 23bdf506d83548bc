"""Strings of symbols as numbers, against Python's own integers."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from replicate.crypto.numerals import EIGHT, numbers, spell


def value_of(string: list[int], radix: int) -> int:
    return sum(symbol * radix**i for i, symbol in enumerate(reversed(string)))


@st.composite
def strings(draw: st.DrawFn) -> tuple[int, list[list[int]]]:
    radix = draw(st.integers(2, 256))
    longest = max(n for n in range(1, 65) if radix**n <= 2**64)
    most = draw(st.integers(0, longest))
    symbols = st.lists(st.integers(0, radix - 1), max_size=most)
    return radix, draw(st.lists(symbols, min_size=1, max_size=20))


@given(strings(), st.integers(0, 5))
def test_there_and_back(case: tuple[int, list[list[int]]], gap: int) -> None:
    radix, values = case
    size = np.array([len(value) for value in values], np.int64)
    longest = int(size.max())
    # Other symbols lie between the strings: none of them may matter.
    between = [radix - 1] * gap
    flat = [symbol for value in values for symbol in (*value, *between)]
    data = np.array([*flat, *[radix - 1] * EIGHT], np.uint8)
    start = np.cumsum(size + gap) - size - gap
    found = numbers(data, start, size, radix, longest)
    assert found.tolist() == [value_of(value, radix) for value in values]

    width = max(longest, EIGHT)
    out = np.zeros(len(values) * width, np.uint8)
    spell(found, slice(0, out.size, width), size, radix, out, longest=longest)
    for row, value in zip(out.reshape(-1, width).tolist(), values, strict=True):
        assert row == value + [0] * (width - len(value))


@given(st.integers(2, 256), st.integers(1, 8), st.integers(1, 50), st.randoms())
def test_strings_of_one_size_that_lie_evenly(
    radix: int, size: int, rows: int, random: Random
) -> None:
    values = [[random.randrange(radix) for _ in range(size)] for _ in range(rows)]
    data = np.array([symbol for value in values for symbol in value] + [0] * EIGHT, np.uint8)
    even = slice(0, rows * size, size)
    before = data.copy()
    found = numbers(data, even, np.array([size]), radix, size)
    assert found.tolist() == [value_of(value, radix) for value in values]
    np.testing.assert_array_equal(data, before)


def test_no_strings() -> None:
    none = np.empty(0, np.int64)
    assert numbers(np.empty(0, np.uint8), none, none, 10, 0).size == 0
