from __future__ import annotations

import pickle
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.crypto.ff1 import SMALLEST, Permutation, fits_lockstep

Bytes = npt.NDArray[np.uint8]

KEY = bytes(range(32))
FF1 = Permutation(KEY)
SYMBOLS = "0123456789abcdefghijklmnopqrstuvwxyz"


def rows(values: list[list[int]], width: int | None = None) -> tuple[Bytes, Any]:
    """The strings as a matrix, with zeros behind them, and their lengths."""
    width = max(map(len, values), default=0) if width is None else width
    matrix = np.zeros((len(values), width), np.uint8)
    for row, value in zip(matrix, values, strict=True):
        row[: len(value)] = value
    return matrix, np.array([len(value) for value in values], np.int64)


def tweaks(*values: bytes) -> Bytes:
    return np.frombuffer(b"".join(values), np.uint8).reshape(len(values), -1)


def permuted(values: list[list[int]], radix: int, *tweak: bytes) -> list[list[int]]:
    matrix, length = rows(values)
    out = FF1.permute(matrix, length, radix, tweaks(*tweak))
    assert out.dtype == np.uint8
    assert out.shape == matrix.shape
    for row, size in zip(out, length.tolist(), strict=True):
        assert not row[size:].any()
    np.testing.assert_array_equal(FF1.restore(out, length, radix, tweaks(*tweak)), matrix)
    return [row[:size].tolist() for row, size in zip(out, length.tolist(), strict=True)]


def aes(block: int, key: bytes) -> int:
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - one block
    return int.from_bytes(cipher.update(block.to_bytes(16, "big")), "big")


def reference(string: list[int], radix: int, tweak: bytes, key: bytes = KEY) -> list[int]:
    """Algorithm 7 of the standard, step by step."""

    def number(symbols: list[int]) -> int:
        return sum(symbol * radix**i for i, symbol in enumerate(reversed(symbols)))

    n, t = len(string), len(tweak)
    u = n // 2
    a, b = string[:u], string[u:]
    bits = 0
    while 2**bits < radix ** (n - u):
        bits += 1
    size = -(-bits // 8)
    d = 4 * -(-size // 4) + 4
    p = bytes([1, 2, 1]) + radix.to_bytes(3, "big") + bytes([10, u % 256])
    p += n.to_bytes(4, "big") + t.to_bytes(4, "big")
    for i in range(10):
        q = tweak + bytes((-t - size - 1) % 16) + bytes([i]) + number(b).to_bytes(size, "big")
        state = 0
        for at in range(0, len(p + q), 16):
            state = aes(state ^ int.from_bytes((p + q)[at : at + 16], "big"), key)
        s = state.to_bytes(16, "big")
        for j in range(1, -(-d // 16)):
            s += aes(state ^ j, key).to_bytes(16, "big")
        m = u if i % 2 == 0 else n - u
        c = (number(a) + int.from_bytes(s[:d], "big")) % radix**m
        a, b = b, [c // radix ** (m - 1 - k) % radix for k in range(m)]
    return a + b


# The samples of NIST for FF1 with a key of 256 bits.
NIST_KEY = "2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94"
NIST = [
    (10, "", "0123456789", "6657667009"),
    (10, "39383736353433323130", "0123456789", "1001623463"),
    (36, "3737373770717273373737", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"),
]


@pytest.mark.parametrize(("radix", "tweak", "plain", "expected"), NIST)
def test_known_answers(radix: int, tweak: str, plain: str, expected: str) -> None:
    key = bytes.fromhex(NIST_KEY)
    string = [SYMBOLS.index(symbol) for symbol in plain]
    assert "".join(SYMBOLS[i] for i in reference(string, radix, bytes.fromhex(tweak), key)) == (
        expected
    )
    matrix, length = rows([string] * 3, width=24)
    cipher = Permutation(key)
    out = cipher.permute(matrix, length, radix, tweaks(bytes.fromhex(tweak)))
    for row in out:
        assert "".join(SYMBOLS[i] for i in row[: len(plain)]) == expected
    back = cipher.restore(out, length, radix, tweaks(bytes.fromhex(tweak)))
    np.testing.assert_array_equal(back, matrix)


def shortest(radix: int) -> int:
    return next(size for size in range(1, 30) if radix**size >= SMALLEST)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from([2, 10, 26, 36, 255, 256]), st.sampled_from([0, 1, 9, 16, 40]))
def test_equal_to_the_standard_value_by_value(
    data: st.DataObject, radix: int, tweak_length: int
) -> None:
    # Lengths of all kinds at once: those in lockstep and, from some 33 digits on, one by one.
    sizes = st.integers(shortest(radix), shortest(radix) + 40)
    values = [
        data.draw(st.lists(st.integers(0, radix - 1), min_size=size, max_size=size))
        for size in data.draw(st.lists(sizes, min_size=1, max_size=6))
    ]
    binary = st.binary(min_size=tweak_length, max_size=tweak_length)
    each = [data.draw(binary) for _ in values]
    assert permuted(values, radix, *each) == [
        reference(value, radix, tweak) for value, tweak in zip(values, each, strict=True)
    ]
    assert permuted(values, radix, each[0]) == [
        reference(value, radix, each[0]) for value in values
    ]


@pytest.mark.parametrize("size", [6, 7, 18, 19, 20, 28, 29, 30, 32, 33, 34, 100])
@pytest.mark.parametrize("symbol", [0, 9])
def test_halves_at_the_edges_of_words(size: int, symbol: int) -> None:
    values = [[symbol] * size, [9 - symbol] + [symbol] * (size - 1)]
    assert permuted(values, 10, b"tweak") == [reference(value, 10, b"tweak") for value in values]
    assert fits_lockstep(10, size) is (size <= 32)


@pytest.mark.parametrize("radix", [2, 10, 26, 36, 256])
def test_all_lengths_at_once(radix: int) -> None:
    lengths = range(shortest(radix), 120 if radix == 2 else 60)
    values = [[(7 * i + size) % radix for i in range(size)] for size in lengths]
    assert permuted(values, radix, b"t") == [reference(value, radix, b"t") for value in values]


@pytest.mark.parametrize(("radix", "size"), [(10, 1), (10, 2), (10, 5), (26, 1), (26, 3), (2, 1)])
def test_a_small_domain_is_permuted_as_a_whole(radix: int, size: int) -> None:
    count = radix**size
    matrix = np.array(np.unravel_index(np.arange(count), (radix,) * size), np.uint8).T
    length = np.full(count, size, np.int64)
    orders = []
    for tweak in (b"one", b"two"):
        out = FF1.permute(matrix, length, radix, tweaks(tweak))
        np.testing.assert_array_equal(FF1.restore(out, length, radix, tweaks(tweak)), matrix)
        orders.append(np.ravel_multi_index(tuple(out.T), (radix,) * size))
        assert sorted(orders[-1].tolist()) == list(range(count))
    if count > 100:
        assert (orders[0] == np.arange(count)).mean() < 0.1
        assert (orders[0] == orders[1]).mean() < 0.1
        # Not even a shifted copy of each other.
        assert len(set(((orders[0] - orders[1]) % count).tolist())) > 20


def test_a_million_strings_of_six_digits_are_permuted() -> None:
    count = 10**6
    matrix = np.array(np.unravel_index(np.arange(count), (10,) * 6), np.uint8).T.copy()
    out = FF1.permute(matrix, np.full(count, 6, np.int64), 10, tweaks(b"t"))
    assert len(np.unique(out.astype(np.int64) @ 10 ** np.arange(6))) == count


def test_rows_are_independent_of_each_other() -> None:
    generator = np.random.default_rng(5)
    values = [generator.integers(0, 10, size).tolist() for size in generator.integers(0, 40, 300)]
    each = [generator.bytes(16) for _ in values]
    together = permuted(values, 10, *each)
    backwards = permuted(values[::-1], 10, *each[::-1])
    assert together == backwards[::-1]
    for value, tweak, expected in zip(values[:40], each[:40], together[:40], strict=True):
        assert permuted([value], 10, tweak) == [expected]


def test_more_rows_than_a_batch() -> None:
    matrix = np.random.default_rng(2).integers(0, 10, (40_000, 8)).astype(np.uint8)
    length = np.where(np.arange(40_000) % 3, 8, 7)
    matrix[length == 7, 7] = 0
    out = FF1.permute(matrix, length, 10, tweaks(b""))
    for row in (0, 1, 19_999, 20_000, 32_767, 32_768, 39_999):
        string = matrix[row, : length[row]].tolist()
        assert out[row, : length[row]].tolist() == reference(string, 10, b"")


@pytest.mark.parametrize("radix", [10, 26])
def test_tweaks_that_rows_share(radix: int) -> None:
    generator = np.random.default_rng(radix)
    length = generator.integers(0, 40, 500)
    matrix = generator.integers(0, radix, (500, 40)).astype(np.uint8)
    few = generator.integers(0, 256, (7, 24)).astype(np.uint8)
    which = generator.integers(0, 7, 500)
    for size in (length, np.full(500, 4), np.full(500, 12)):
        expected = FF1.permute(matrix, size, radix, few[which])
        np.testing.assert_array_equal(FF1.permute(matrix, size, radix, few, which=which), expected)
        each = FF1.permute(matrix, size, radix, few[:1])
        np.testing.assert_array_equal(each[which == 0], expected[which == 0])


def test_strings_anywhere_in_a_buffer() -> None:
    generator = np.random.default_rng(3)
    length = generator.integers(0, 40, 500)
    start = np.cumsum(length) - length + np.arange(500) % 3 + 3 * np.arange(500)
    data = generator.integers(0, 10, int(start[-1] + length[-1]) + 8).astype(np.uint8)
    matrix = np.zeros((500, int(length.max())), np.uint8)
    for row, first, size in zip(matrix, start.tolist(), length.tolist(), strict=True):
        row[:size] = data[first : first + size]
    each = generator.integers(0, 256, (500, 16)).astype(np.uint8)
    before = data.copy()
    out = FF1.permute_spans(data, start, length, 10, each)
    np.testing.assert_array_equal(out, FF1.permute(matrix, length, 10, each))
    np.testing.assert_array_equal(data, before)
    for wrong in (start - 1, start + 8):
        with pytest.raises(ValueError, match="outside of its buffer"):
            FF1.permute_spans(data, wrong, length, 10, each)


def test_keys_and_tweaks_matter() -> None:
    matrix, length = rows([[1, 2, 3]] * 60 + [[1] * 8] * 60)
    each = tweaks(*(b"%04d" % i for i in range(120)))
    one, other = (
        cipher.permute(matrix, length, 10, each) for cipher in (FF1, Permutation(KEY[1:] + b"x"))
    )
    assert (one != other).any(axis=1).mean() > 0.9
    assert len({row.tobytes() for row in one[60:]}) == 60
    assert len({row.tobytes() for row in one[:60]}) > 40


def test_nothing_is_left_as_nothing() -> None:
    empty = np.zeros((0, 4), np.uint8)
    assert FF1.permute(empty, np.zeros(0, np.int64), 10, tweaks(b"a")).shape == (0, 4)
    assert permuted([[], []], 10, b"") == [[], []]


def test_it_may_be_pickled_and_shared_between_threads() -> None:
    matrix = np.random.default_rng(3).integers(0, 26, (5000, 9)).astype(np.uint8)
    length = np.where(np.arange(5000) % 2, 9, 3)
    matrix[length == 3, 3:] = 0
    expected = FF1.permute(matrix, length, 26, tweaks(b"a"))
    copy = pickle.loads(pickle.dumps(FF1))  # noqa: S301 - its own
    found: list[bool] = []

    def work() -> None:
        out = copy.permute(matrix, length, 26, tweaks(b"a"))
        found.append(bool((out == expected).all()))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 6


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbols": np.zeros((2, 3), np.int64)},
        {"symbols": np.zeros(3, np.uint8)},
        {"symbols": np.full((2, 3), 10, np.uint8)},
        {"length": np.array([3, 4])},
        {"length": np.array([-1, 3])},
        {"length": np.array([3])},
        {"length": np.array([3, 3], np.int32)},
        {"radix": 1},
        {"radix": 257},
        {"tweak": np.zeros((3, 4), np.uint8)},
        {"tweak": np.zeros(4, np.uint8)},
        {"which": np.array([0])},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, Any]) -> None:
    fine: dict[str, Any] = {
        "symbols": np.zeros((2, 3), np.uint8),
        "length": np.array([3, 2], np.int64),
        "radix": 10,
        "tweak": np.zeros((1, 4), np.uint8),
    }
    FF1.permute(**fine)
    with pytest.raises(ValueError, match=r"strings|lengths|tweak|radix|string|symbol"):
        FF1.permute(**(fine | wrong))


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Permutation(bytes(16))
