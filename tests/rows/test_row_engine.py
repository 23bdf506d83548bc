"""The engine against a reference that masks value by value, on texts made to break it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError
from replicate.rows import engine, join, lines, values
from replicate.rows.arrays import strings
from replicate.rows.column import KEEP, NULL, Column, Kind, Replacement
from replicate.rows.engine import Mask, Masker

Outcome = bytes | None | int  # a new value, NULL, or KEEP
Scalar = Callable[[bytes | None, Kind], Outcome]


class Open:
    """A transform that holds nothing."""

    def close(self) -> None:
        pass


class PerValue(Open):
    """A transform made of a plain function of a value and its kind."""

    def __init__(self, function: Scalar) -> None:
        self.function = function

    def transform(self, column: Column) -> Replacement:
        pool: list[bytes] = []
        index = np.empty(len(column), np.int32)
        for i, value in enumerate(column.values()):
            outcome = self.function(value, column.kind)
            if outcome is None:
                index[i] = NULL
            elif isinstance(outcome, int):
                index[i] = outcome
            else:
                index[i] = len(pool)
                pool.append(outcome)
        return Replacement(strings(pool), index)


def reference(text: bytes, masks: dict[int, tuple[Kind, Scalar]]) -> bytes:
    rows = []
    for line in text.split(b"\n")[:-1]:
        fields = line.split(b"\t")
        for i, (kind, function) in masks.items():
            fields[i] = reference_field(fields[i], kind, function)
        rows.append(b"\t".join(fields) + b"\n")
    return b"".join(rows)


KINDS = {b"I": Kind.INTEGER, b"R": Kind.REAL, b"T": Kind.TEXT, b"B": Kind.BINARY}


def reference_field(field: bytes, kind: Kind, function: Scalar) -> bytes:
    tag = b""
    value: bytes | None = None
    if kind is Kind.BINARY:
        kind = Kind.TEXT
    if field != b"\\N":
        value = field
        if len(field) > 1 and field[:1] == b"\\" and field[1:2] in KINDS:
            tag, value = field[1:2], field[2:]
            kind = KINDS[tag]
        value = bytes.fromhex(value.decode()) if tag == b"B" else unescaped(value)
    outcome = function(value, kind)
    if outcome is None:
        return b"\\N"
    if isinstance(outcome, int):
        return field
    if tag == b"I":
        if not (re.fullmatch(rb"-?[0-9]{1,19}", outcome) and -(2**63) <= int(outcome) < 2**63):
            tag = b"T"
    elif tag == b"R":
        if not re.fullmatch(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", outcome):
            tag = b"T"
    elif tag == b"B":
        try:
            outcome.decode()
        except UnicodeDecodeError:
            return b"\\B" + outcome.hex().encode()
        tag = b"T"
    return (b"\\" + tag if tag else b"") + escaped(outcome)


def unescaped(field: bytes) -> bytes:
    out, i = bytearray(), 0
    while i < len(field):
        if field[i] != 92:
            out.append(field[i])
            i += 1
            continue
        out.append({92: 92, 116: 9, 110: 10, 114: 13, 98: 8, 102: 12, 118: 11}[field[i + 1]])
        i += 2
    return bytes(out)


def escaped(value: bytes) -> bytes:
    letters = {92: b"\\\\", 9: b"\\t", 10: b"\\n", 13: b"\\r"}
    return b"".join(letters.get(byte, bytes([byte])) for byte in value)


def nasty(value: bytes | None, kind: Kind) -> Outcome:
    """Every outcome there is, told from the value alone, with bytes that have to be escaped."""
    if value is None:
        return b"was\tNULL\\N" if kind is Kind.ANY else KEEP
    number = sum(value) % 7
    if number == 0:
        return None
    if number == 1:
        return KEEP
    if number == 2:
        return b"%d" % (len(value) - 3) if kind is not Kind.REAL else b"-1.5e3"
    if number == 3:
        return b"constant"
    if number == 4:
        return b""
    return kind.value.encode() + b"\\" + value[::-1] + b"\r\n\t\x00\xff"


RAW = [bytes([i]) for i in range(256) if i not in b"\\\t\n\r"]
PLAIN = st.lists(st.sampled_from([*RAW, b"\x00", b"\x07", b"\xff", b"N", b"I", b"T"]), max_size=6)
PIECES = st.sampled_from(
    [b"\\\\", b"\\t", b"\\n", b"\\r", b"\\b", b"\\f", b"\\v", b"N", b"I", b"t"]
)
FIELDS = st.one_of(
    PLAIN.map(b"".join),
    st.just(b"\\N"),
    st.just(b""),
    st.lists(PIECES, max_size=5).map(b"".join),
    st.lists(PIECES, max_size=3).map(lambda parts: b"\\T" + b"".join(parts)),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: b"\\I%d" % number),
    st.floats(allow_nan=False).map(lambda number: b"\\R" + repr(number).encode()),
    st.binary(max_size=5).map(lambda blob: b"\\B" + blob.hex().encode()),
    st.binary(max_size=5).map(lambda blob: b"\\B" + blob.hex().upper().encode()),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, list[int], bytes]:
    columns = draw(st.integers(1, 5))
    masked = draw(st.sets(st.integers(0, columns - 1), min_size=1))
    rows = draw(st.lists(st.lists(FIELDS, min_size=columns, max_size=columns), max_size=8))
    text = b"".join(b"\t".join(row) + b"\n" for row in rows)
    return columns, sorted(masked), text


def masker(columns: int, masks: dict[int, tuple[Kind, Scalar]]) -> Masker:
    return Masker(
        columns,
        [Mask(i, kind, PerValue(function), f"t.c{i}") for i, (kind, function) in masks.items()],
    )


@settings(max_examples=400, deadline=None)
@given(tables(), st.sampled_from([Kind.TEXT, Kind.ANY, Kind.REAL, Kind.BINARY]))
def test_the_engine_masks_as_the_reference_does(
    table: tuple[int, list[int], bytes], kind: Kind
) -> None:
    columns, masked, text = table
    masks: dict[int, tuple[Kind, Scalar]] = dict.fromkeys(masked, (kind, nasty))
    assert masker(columns, masks).mask(text) == reference(text, masks)


@settings(max_examples=100, deadline=None)
@given(tables(), st.integers(1, 9))
def test_tiles_and_long_values_change_nothing(
    table: tuple[int, list[int], bytes], size: int
) -> None:
    columns, masked, text = table
    masks: dict[int, tuple[Kind, Scalar]] = dict.fromkeys(masked, (Kind.TEXT, nasty))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_TILE", size)
        patch.setattr(values, "_LONG", size)
        assert masker(columns, masks).mask(text) == reference(text, masks)


def test_one_masker_serves_blocks_of_all_sizes_in_turn() -> None:
    masks: dict[int, tuple[Kind, Scalar]] = {1: (Kind.TEXT, nasty)}
    once = masker(2, masks)
    blocks = [
        b"".join(b"%d\tvalue \\\\ %d\n" % (i, i) for i in range(rows)) for rows in (3, 5000, 1, 40)
    ]
    for block in [*blocks, *blocks]:
        assert once.mask(block) == reference(block, masks)


def test_a_row_far_longer_than_a_block() -> None:
    masks: dict[int, tuple[Kind, Scalar]] = {1: (Kind.TEXT, lambda v, _: v and v[:3] + v[-3:])}
    once = masker(3, masks)
    for value in (b"x" * 9_000_000, b"\\\\n" * 300_000):
        long = b"before\t" + value + b"\tafter\n"
        assert once.mask(b"1\t2\t3\n" + long) == reference(b"1\t2\t3\n" + long, masks)
    behind = b"\t" + b"y\\n" * 3_000_000 + b"\n"
    assert once.mask(b"1\t2" + behind) == b"1\t22" + behind


def test_every_byte_stands_raw_but_four() -> None:
    value = bytes(i for i in range(256) if i not in b"\\\t\n\r")
    seen: list[bytes | None] = []

    def look(value: bytes | None, _: Kind) -> Outcome:
        seen.append(value)
        return value

    text = b"a\t" + value + b"\n" + value + b"\tb\n"
    assert masker(2, {1: (Kind.TEXT, look)}).mask(text) == text
    assert seen == [value, b"b"]


def test_without_masks_nothing_is_looked_at() -> None:
    text = b"not\trows\r"
    assert Masker(9, []).mask(text) is text
    assert Masker(0, []).mask(b"\n\n") == b"\n\n"
    assert masker(1, {0: (Kind.TEXT, nasty)}).mask(b"") == b""


def test_a_single_column_has_empty_lines_for_values() -> None:
    masks: dict[int, tuple[Kind, Scalar]] = {0: (Kind.TEXT, lambda v, _: b"<" + (v or b"-") + b">")}
    assert masker(1, masks).mask(b"\nx\n\n\\N\n") == b"<->\n<x>\n<->\n<->\n"


def test_a_pool_may_be_a_slice_and_hold_values_that_nobody_takes() -> None:
    class Sliced(Open):
        def transform(self, column: Column) -> Replacement:
            pool = strings([b"skipped", b"\tunused\\", b"one", b"two"])[1:]
            return Replacement(pool, np.array([2, 1, 2], np.int32)[: len(column)])

    once = Masker(2, [Mask(0, Kind.TEXT, Sliced(), "t.c")])
    assert once.mask(b"a\t1\nb\t2\nc\t3\n") == b"two\t1\none\t2\ntwo\t3\n"


def test_a_blob_stays_one_if_the_replacement_is_binary() -> None:
    class Reversed(Open):
        def transform(self, column: Column) -> Replacement:
            assert column.kind is Kind.BINARY
            pool = strings(value[::-1] for value in column.values() if value is not None)
            return Replacement(pool, np.arange(len(column), dtype=np.int32), binary=True)

    once = Masker(1, [Mask(0, Kind.BINARY, Reversed(), "t.c")])
    assert once.mask(b"\\B0001ff\n\\B\n\\B41\n") == b"\\Bff0100\n\\B\n\\B41\n"


@pytest.mark.parametrize(
    ("field", "outcome", "expected"),
    [
        (b"\\I5", b"9223372036854775807", b"\\I9223372036854775807"),
        (b"\\I5", b"-9223372036854775808", b"\\I-9223372036854775808"),
        (b"\\I5", b"9223372036854775808", b"\\T9223372036854775808"),
        (b"\\I5", b"-9223372036854775809", b"\\T-9223372036854775809"),
        (b"\\I5", b"7\n", b"\\T7\\n"),
        (b"\\I5", b"+7", b"\\T+7"),
        (b"\\I5", b"", b"\\T"),
        (b"\\R5.0", b"1e-300", b"\\R1e-300"),
        (b"\\R5.0", b"7", b"\\R7"),
        (b"\\R5.0", b".", b"\\T."),
        (b"\\R5.0", b"nan", b"\\Tnan"),
        (b"\\T5", b"\\N", b"\\T\\\\N"),
        (b"\\B05", b"05", b"\\T05"),
    ],
)
def test_a_tag_fits_what_follows_it(field: bytes, outcome: bytes, expected: bytes) -> None:
    once = masker(1, {0: (Kind.ANY, lambda _, __: outcome)})
    assert once.mask(field + b"\n") == expected + b"\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"1\t2\t3\n1\t2\n1\t2\t3\n", "t.c1: row 2 of the block has 2 fields instead of 3"),
        (b"1\t2\t3\n1\t2\t3\t4\n", "t.c1: row 2 of the block has 4 fields instead of 3"),
        (b"1\t2\n1\t2\t3\t4\n", "t.c1: row 1 of the block has 2 fields instead of 3"),
        (b"\n\n\n", "t.c1: row 1 of the block has 1 fields instead of 3"),
        (b"1\t2\t3", "t.c1: a block of rows ends in the middle of a row"),
        (b"1\t2\t3\r\n", "t.c1: the rows hold a raw carriage return"),
        (b"1\t2\t\\\\3\r4\n", "t.c1: the rows hold a raw carriage return"),
        (b"1\tSecret\\\t3\n", "t.c1: a field holds a backslash that begins no escape"),
        (b"1\t\\NSecret\t3\n", "t.c1: a field holds a backslash that begins no escape"),
        (b"1\t\\BSecret\t3\n", "t.c1: a blob is not written as pairs"),
        (b"1\t\\B123\t3\n", "t.c1: a blob is not written as pairs"),
    ],
)
def test_what_is_no_row_is_an_error_that_names_no_value(text: bytes, message: str) -> None:
    with pytest.raises(TransformError) as caught:
        masker(3, {1: (Kind.TEXT, nasty)}).mask(text)
    assert caught.value.message.startswith(message)
    assert "Secret" not in caught.value.message


class Answers(Open):
    def __init__(self, answer: Replacement) -> None:
        self.answer = answer

    def transform(self, column: Column) -> Replacement:
        del column
        return self.answer


@pytest.mark.parametrize(
    "answer",
    [
        Replacement(strings([b"x"]), np.array([0, 1], np.int32)),
        Replacement(strings([b"x"]), np.array([0, -3], np.int32)),
        Replacement(strings([b"x"]), np.array([0], np.int32)),
        Replacement(strings([b"x"]), np.zeros((2, 1), np.int32)),
        Replacement(strings([b"x"]), np.array([0, 0], np.int64)),
        Replacement(pa.array([None, b"x"], pa.binary()), np.array([0, 1], np.int32)),
        Replacement(pa.array(["x"]), np.array([0, 0], np.int32)),  # type: ignore[arg-type] # a bug
    ],
)
def test_a_wrong_answer_of_a_transformer_is_an_error(answer: Replacement) -> None:
    once = Masker(1, [Mask(0, Kind.TEXT, Answers(answer), "t.c")])
    with pytest.raises(TransformError, match=r"^t\.c: its transformer"):
        once.mask(b"a\nb\n")


def test_a_failing_transformer_does_not_tell_the_value() -> None:
    def fail(value: bytes | None, _: Kind) -> Outcome:
        raise KeyError(value)

    with pytest.raises(TransformError) as caught:
        masker(1, {0: (Kind.TEXT, fail)}).mask(b"Secret\n")
    assert caught.value.message == "t.c0: masking failed with KeyError"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_transform_error_names_the_column_and_keeps_its_hint() -> None:
    def refuse(value: bytes | None, _: Kind) -> Outcome:
        del value
        raise TransformError("no", hint="do this")

    with pytest.raises(TransformError, match=r"^t\.c0: no$") as caught:
        masker(1, {0: (Kind.TEXT, refuse)}).mask(b"x\n")
    assert caught.value.hint == "do this"


@pytest.mark.parametrize("indexes", [[0, 0], [3], [-1]])
def test_masks_have_to_fit_the_table(indexes: Sequence[int]) -> None:
    transform = PerValue(nasty)
    with pytest.raises(ValueError, match="mask"):
        Masker(3, [Mask(i, Kind.TEXT, transform, "t.c") for i in indexes])


def test_beyond_the_capacity_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    masks: dict[int, tuple[Kind, Scalar]] = {0: (Kind.TEXT, lambda _, __: b"x" * 10)}
    monkeypatch.setattr(join, "CAPACITY", 100)
    monkeypatch.setattr(engine, "CAPACITY", 100)
    assert masker(1, masks).mask(b"12345\n" * 5) == (b"x" * 10 + b"\n") * 5
    with pytest.raises(TransformError, match="a block of rows and its replacements exceed 2 GiB"):
        masker(1, masks).mask(b"12345\n" * 7)
    with pytest.raises(
        TransformError, match=r"^t\.c0: a block of rows and its replacements exceed"
    ):
        masker(1, masks).mask(b"\\\\\n" * 25)
    with pytest.raises(TransformError, match=r"^t\.c0: a block of rows exceeds 2 GiB"):
        masker(1, masks).mask(b"12345\n" * 17)


def test_an_outcome_beyond_2_gib_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Constant(Open):
        def transform(self, column: Column) -> Replacement:
            return Replacement(strings([b"x" * 1000]), np.zeros(len(column), np.int32))

    once = Masker(1, [Mask(0, Kind.TEXT, Constant(), "t.c")])
    monkeypatch.setattr(join, "LIMIT", 20_000)
    assert len(once.mask(b"a\n" * 19)) == 19 * 1001
    with pytest.raises(TransformError, match="exceeds 2 GiB"):
        once.mask(b"a\n" * 20)


def test_buffers_that_a_huge_row_needed_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_KEPT", 10_000)
    once = masker(1, {0: (Kind.TEXT, nasty)})
    once.mask(b"x" * 100_000 + b"\n")
    assert once._space.data.size < 10_000
    assert once.mask(b"\x03\n") == b"constant\n"
