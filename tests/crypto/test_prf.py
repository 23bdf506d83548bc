from __future__ import annotations

import pickle
import threading
import tracemalloc
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.crypto.prf import SLACK, Prf

KEY = bytes(range(32))
PRF = Prf(KEY)


def reference(value: bytes, key: bytes = KEY) -> bytes:
    mac = CMAC(algorithms.AES(key))
    mac.update(value)
    return mac.finalize()


def column(
    values: Sequence[bytes], gap: bytes = b""
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    length = np.array([len(value) for value in values], np.int64)
    start = np.cumsum(length + len(gap), dtype=np.int64) - length
    data = b"".join(gap + value for value in values) + b"\xaa" * SLACK
    return np.frombuffer(data, np.uint8), start, length


def check(values: Sequence[bytes], gap: bytes = b"") -> None:
    lanes = PRF.lanes(*column(values, gap))
    assert lanes.shape == (len(values), 16)
    assert lanes.dtype == np.uint8
    assert [row.tobytes() for row in lanes] == [reference(value) for value in values]


def random_values(seed: int, rows: int, shortest: int, longest: int) -> list[bytes]:
    generator = np.random.default_rng(seed)
    sizes = generator.integers(shortest, longest + 1, rows)
    return [generator.bytes(size) for size in sizes.tolist()]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.binary(max_size=100), max_size=12),
    st.sampled_from([1, 2, 20]),
    st.binary(max_size=3),
)
def test_equal_to_cmac_value_by_value(values: list[bytes], times: int, gap: bytes) -> None:
    check(values * times, gap)


@given(st.binary(max_size=200))
def test_one_is_cmac(value: bytes) -> None:
    assert PRF.one(value) == reference(value)


@pytest.mark.parametrize("rows", [0, 1, 15, 16, 17, 50])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 33, 48, 511, 512, 513, 600])
def test_every_edge_of_the_blocks(rows: int, size: int) -> None:
    check(random_values(size, rows, size, size))


def test_lengths_that_end_in_every_step() -> None:
    check([bytes([size % 251]) * size for size in range(600)])
    check([bytes([size % 251]) * size for size in range(600, -1, -1)] * 2)


def test_ten_thousand_values() -> None:
    check(random_values(1, 10_000, 0, 100))


def test_more_rows_than_a_batch() -> None:
    values = random_values(2, 1000, 0, 40)
    length = np.array([len(value) for value in values], np.int64)
    data, start, _ = column(values)
    pick = np.random.default_rng(3).integers(0, 1000, 70_000)
    lanes = PRF.lanes(data, start[pick], length[pick])
    expected = np.frombuffer(b"".join(reference(value) for value in values), np.uint8)
    assert np.array_equal(lanes, expected.reshape(-1, 16)[pick])


@pytest.mark.parametrize("at", [0, 500, 999])
def test_one_value_of_a_mebibyte_among_short_ones(at: int) -> None:
    values = random_values(4, 1000, 0, 40)
    values[at] = bytes(range(256)) * 4096 + b"x"
    check(values)


def test_long_values_alone() -> None:
    check(random_values(5, 40, 5000, 9000))
    check([bytes((3 << 20) + 5)])


def test_memory_does_not_grow_with_rows_or_lengths() -> None:
    short, size = 300_000, 8 << 20
    data = np.zeros(size + short + SLACK, np.uint8)
    start = np.arange(short + 1, dtype=np.int64)
    length = np.full(short + 1, 20, np.int64)
    length[short // 2] = size
    tracemalloc.start()
    try:
        lanes = PRF.lanes(data, start, length)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    temporary = short * 8  # of the bounds check
    assert peak < lanes.nbytes + temporary + (8 << 20)
    assert lanes[short // 2].tobytes() == reference(bytes(size))
    assert lanes[0].tobytes() == reference(bytes(20))


def test_the_examples_of_sp_800_38b() -> None:
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    message = bytes.fromhex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    )
    expected = {
        0: "028962f61b7bf89efc6b551f4667d983",
        16: "28a7023f452e8f82bd4bf28d8c37c35c",
        40: "aaf3d8f1de5640c232f5b169b9c911e6",
        64: "e1992190549f6ed5696a2c056c315410",
    }
    values = [message[:size] for size in expected] * 20
    lanes = Prf(key).lanes(*column(values))
    assert [row.tobytes().hex() for row in lanes] == list(expected.values()) * 20


def test_what_stands_around_a_value_does_not_matter() -> None:
    values = [b"same"] * 40
    quiet, loud = (PRF.lanes(*column(values, gap)) for gap in (bytes(5), b"\xff" * 5))
    assert np.array_equal(quiet, loud)


def test_values_may_overlap() -> None:
    text = b"the quick brown fox jumps over the lazy dog" * 3
    data = np.frombuffer(text + bytes(SLACK), np.uint8)
    start = np.arange(60, dtype=np.int64)
    length = np.arange(60, dtype=np.int64)
    lanes = PRF.lanes(data, start, length)
    assert [row.tobytes() for row in lanes] == [reference(text[i : 2 * i]) for i in range(60)]


def test_the_buffer_is_left_alone_and_the_result_is_the_caller_s() -> None:
    data, start, length = column(random_values(6, 50, 0, 40))
    before = [array.tobytes() for array in (data, start, length)]
    first = PRF.lanes(data, start, length)
    kept = first.copy()
    second = PRF.lanes(data, start, length)
    second[:] = 0
    assert np.array_equal(first, kept)
    assert [array.tobytes() for array in (data, start, length)] == before


def test_slack_is_demanded() -> None:
    start, length = np.zeros(20, np.int64), np.full(20, 7, np.int64)
    PRF.lanes(np.zeros(7 + SLACK, np.uint8), start, length)
    with pytest.raises(ValueError, match="slack"):
        PRF.lanes(np.zeros(7 + SLACK - 1, np.uint8), start, length)


@pytest.mark.parametrize(
    ("start", "length"),
    [(-1, 4), (0, -1), (100, 4), (0, 101), (2**63 - 1, 4), (4, 2**63 - 1), (-(2**63), 0)],
)
def test_values_outside_of_the_buffer_are_refused(start: int, length: int) -> None:
    starts, lengths = np.zeros(20, np.int64), np.zeros(20, np.int64)
    starts[7], lengths[7] = start, length
    with pytest.raises(ValueError, match=r"outside|slack"):
        PRF.lanes(np.zeros(100, np.uint8), starts, lengths)


def test_other_shapes_are_refused() -> None:
    data, rows = np.zeros(100, np.uint8), np.zeros(3, np.int64)
    for wrong in (data[::2], data.reshape(10, 10), data.astype(np.int8)):
        with pytest.raises(ValueError, match="contiguous"):
            PRF.lanes(wrong, rows, rows)  # type: ignore[arg-type]  # the point of the test
    for wrong_rows in (rows.astype(np.int32), rows.reshape(3, 1)):
        with pytest.raises(ValueError, match="int64"):
            PRF.lanes(data, rows, wrong_rows)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="do not go with"):
        PRF.lanes(data, rows, rows[:2])


def test_no_rows() -> None:
    none = np.zeros(0, np.int64)
    assert PRF.lanes(np.zeros(0, np.uint8), none, none).shape == (0, 16)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_only_keys_of_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32 are needed"):
        Prf(bytes(length))


def test_a_pickled_prf_gives_the_same() -> None:
    again = pickle.loads(pickle.dumps(PRF))  # noqa: S301 - made one line up, by ourselves
    values = column(random_values(7, 50, 0, 40))
    assert np.array_equal(again.lanes(*values), PRF.lanes(*values))


def test_the_key_is_not_shown() -> None:
    assert repr(KEY)[2:-1] not in repr(PRF)
    assert KEY.hex() not in repr(PRF)


def test_another_key_gives_others() -> None:
    values = column([b"value"] * 20)
    assert not np.array_equal(Prf(bytes(32)).lanes(*values), PRF.lanes(*values))


def test_threads_share_one_prf() -> None:
    values = column(random_values(8, 5000, 0, 60))
    expected = PRF.lanes(*values)
    right: list[bool] = []

    def work() -> None:
        right.append(all(np.array_equal(PRF.lanes(*values), expected) for _ in range(20)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 4
