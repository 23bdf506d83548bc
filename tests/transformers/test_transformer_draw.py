from __future__ import annotations

import pickle

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from replicate.rows.column import Column
from replicate.transformers.columnar.lots import below, digits, letters, words
from replicate.transformers.draw import keyed_draw, random_draw, stream

KEY = bytes(range(32))
VALUES: list[bytes | None] = [b"", b"a", b"x" * 16, b"y" * 17, b"z" * 1000, b"a", None]


def cmac(value: bytes) -> bytes:
    mac = CMAC(algorithms.AES(KEY))
    mac.update(value)
    return mac.finalize()


def test_the_keyed_draw_is_the_cmac_of_each_value() -> None:
    drawn = keyed_draw(KEY)(Column.of(VALUES))
    assert [row.tobytes() for row in drawn] == [cmac(value or b"") for value in VALUES]


def test_the_keyed_draw_survives_pickling() -> None:
    column = Column.of(VALUES)
    copied = pickle.loads(pickle.dumps(keyed_draw(KEY)))  # noqa: S301 - it was just made here
    assert (copied(column) == keyed_draw(KEY)(column)).all()


def test_the_random_draw_never_repeats() -> None:
    column = Column.of([b"same"] * 1000)
    first, second = random_draw()(column), random_draw()(column)
    assert len({row.tobytes() for row in [*first, *second]}) == 2000


def test_a_stream_gives_each_row_its_lanes() -> None:
    draw = keyed_draw(KEY)
    lanes = np.array([1, 0, 3, 1, 2, 3], np.int64)
    seeds = draw(Column.of([b"a", b"b", b"c", b"d", b"e", b"c"]))
    out = stream(draw, seeds, lanes)
    assert out.shape == (10, 16)
    assert (out[0] == seeds[0]).all()
    assert (out[4] == seeds[3]).all()
    assert (out[1:4] == out[7:10]).all()  # equal seeds
    assert out[1].tobytes() == cmac(seeds[2].tobytes()[:12] + bytes(4))
    assert out[3].tobytes() == cmac(seeds[2].tobytes()[:12] + b"\2\0\0\0")
    assert len({row.tobytes() for row in out[:7]}) == 7


def test_a_long_stream_is_made_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = keyed_draw(KEY)
    lanes = np.array([5, 1, 40, 1, 1, 7], np.int64)
    seeds = draw(Column.of([b"a", b"b", b"c", b"d", b"e", b"f"]))
    whole = stream(draw, seeds, lanes)
    monkeypatch.setattr("replicate.transformers.draw._BATCH", 8)
    assert (stream(draw, seeds, lanes) == whole).all()


def test_lots_are_fair() -> None:
    seeds = random_draw()(Column.of([b""] * 20_000))
    for width in (8, 16, 24, 32):
        drawn = digits(seeds, width)
        assert drawn.shape == (20_000, width)
        for place in range(width):
            counts = np.bincount(drawn[:, place] - ord("0"), minlength=10)
            # 2000 each is expected; eight standard deviations are some 340.
            assert counts.min() > 1600
            assert counts.max() < 2400
    assert np.bincount(below(words(seeds)[:, 1], 7), minlength=7).min() > 2400
    assert set(np.unique(letters(seeds)).tobytes()) == set(
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    )


def test_narrow_digits_are_the_first_of_the_wide_ones() -> None:
    # A value's replacement must not depend on how long its neighbours are.
    seeds = random_draw()(Column.of([b""] * 100))
    for width in (8, 16, 24):
        assert (digits(seeds, width) == digits(seeds, 32)[:, :width]).all()


def test_below_covers_its_range() -> None:
    edges = np.array([0, 2**32 - 1], np.uint32)
    assert below(edges, 10).tolist() == [0, 9]
    assert below(edges, 3_652_059).tolist() == [0, 3_652_058]
