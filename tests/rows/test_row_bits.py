"""Words of bits against flags looked at one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from replicate.rows.bits import WORD, after, before, between, flags, marked, runs

MARKS = st.integers(1, 4).flatmap(
    lambda words: st.lists(st.booleans(), min_size=words * WORD, max_size=words * WORD)
)
LENGTHS = st.lists(st.tuples(st.integers(1, 150), st.integers(1, 90), st.booleans()), max_size=6)


@given(MARKS)
def test_flags_move_by_one_place(marks: list[bool]) -> None:
    words = marked(np.array(marks))
    assert flags(words).tolist() == marks
    assert flags(after(words)).tolist() == [False, *marks[:-1]]
    assert flags(before(words)).tolist() == [*marks[1:], False]


@given(MARKS)
def test_what_is_between_two_marks(marks: list[bool]) -> None:
    expected, within = [], False
    for mark in marks:
        within ^= mark
        expected.append(within)
    assert flags(between(marked(np.array(marks)))).tolist() == expected


@given(LENGTHS)
def test_runs_that_end_in_a_mark(lengths: list[tuple[int, int, bool]]) -> None:
    text, ends, expected = "", "", ""
    for length, gap, chosen in lengths:
        text += "1" * length + "0" * gap
        ends += "0" * (length - 1) + str(int(chosen)) + "0" * gap
        expected += str(int(chosen)) * length + "0" * gap
    size = (len(text) // WORD + 1) * WORD

    def words(bits: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.array([bit == "1" for bit in bits.ljust(size, "0")])

    found = runs(marked(words(text)), marked(words(ends)), 8)
    assert found is not None
    assert flags(found).tolist() == words(expected).tolist()


def test_a_run_of_many_words_is_given_up() -> None:
    flag = np.zeros(20 * WORD, np.bool_)
    flag[5 : 18 * WORD + 7] = True
    last = np.zeros_like(flag)
    last[18 * WORD + 6] = True
    assert runs(marked(flag), marked(last), 8) is None
    found = runs(marked(flag), marked(last), 20)
    assert found is not None
    assert (flags(found) == flag).all()
