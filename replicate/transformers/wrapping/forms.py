"""The forms that values compare in, of a column or of a constant: numbers, moments, texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from replicate.errors import TransformError
from replicate.rows.arrays import LIMIT, contents, from_offsets, indexes, strings
from replicate.rows.column import SLACK, Column, Kind
from replicate.rows.comparing import LOWER, Reading
from replicate.rows.spans import gather, heads

# The stubs of pyarrow know too few of the signatures of its kernels.
pc: Any = pyarrow.compute

Flags = npt.NDArray[np.bool_]


class Sort(Enum):
    """How values compare: numbers by size, dates and times by their moment, all others by bytes."""

    NUMBER = "a number"
    FLOAT = "a floating-point number"
    FLAG = "true or false"
    TEXT = "a text"
    LABEL = "a label"
    UUID = "a UUID"
    MOMENT = "a date, as '2024-12-31', or a time on it in UTC, as '2024-12-31 23:59:59'"
    DAY = "a date, as '2024-12-31'"
    CLOCK = "a time of day, as '23:59:59'"


SORTS: Mapping[Kind, Sort] = {
    Kind.INTEGER: Sort.NUMBER,
    Kind.NUMERIC: Sort.NUMBER,
    Kind.REAL: Sort.FLOAT,
    Kind.BOOLEAN: Sort.FLAG,
    Kind.TEXT: Sort.TEXT,
    Kind.ENUM: Sort.LABEL,
    Kind.UUID: Sort.UUID,
    Kind.DATE: Sort.DAY,
    Kind.TIMESTAMP: Sort.MOMENT,
    Kind.TIME: Sort.CLOCK,
}
"""Columns of other kinds can't be compared; one of `Kind.ANY` as what it is compared with."""

_NUMBER = r"\A[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?\z"
FEW_DIGITS = r"\A[+-]?[0-9.]{1,15}\z"
_ZONE = r"(?:Z|[+-]00(?::?00)?)"
_TIME = r"[0-2][0-9]:[0-5][0-9](?::[0-6][0-9](?:\.[0-9]{1,6})?)?"
_CLOCK = rf"\A{_TIME}{_ZONE}?\z"
_MOMENT = rf"\A[0-9]{{4}}-[01][0-9]-[0-3][0-9](?:[ T]{_TIME}{_ZONE}?)?\z"
_BEHIND_TIME = rf"(:[0-9.]+){_ZONE}\z"
_MOMENT_OF_NOTHING = b"0000-00-00 00:00:00.000000"
_TRUE, _FALSE = (b"t", b"1"), (b"f", b"0")

_BYTES = np.arange(256)
_LETTER = np.array([byte if chr(byte).isalnum() and byte < 128 else 0 for byte in LOWER], np.uint8)
_DIGIT = np.isin(_BYTES, list(b"0123456789"))
_BEGINS_NUMBER = np.isin(_BYTES, list(b"0123456789+-. \t\n\v\f\ri"))  # i as in "inf"


class Values:
    """The values of a column, or one constant, in the forms that comparisons take.

    Each form comes with the flags of those that have it. A constant is one value, which NumPy and
    pyarrow broadcast. A value that is not of its column's kind has no form, but is not NULL.
    """

    def __init__(
        self, column: Column, written: bytes | None = None, reading: Reading | None = None
    ) -> None:
        """`written` is how a constant was spelt, where `column` has another spelling of it.

        The reading of a constant is that of the column that it takes after.
        """
        self._column = column
        self._written = written
        self.reading = reading
        self.is_constant = written is not None
        self._present = ~column.null if column.odd is None else ~(column.null | column.odd)
        self._forms: dict[Sort, tuple[Any, Flags]] = {}

    @classmethod
    def constant(
        cls, value: bytes, written: bytes | None = None, reading: Reading | None = None
    ) -> Values:
        return cls(Column.of([value]), written, reading)

    def taken(self, rows: npt.NDArray[np.intp] | Flags) -> Values:
        """The values of some rows; a constant stays."""
        if self.is_constant:
            return self
        return Values(self._column.take(rows), reading=self.reading)

    def __len__(self) -> int:
        return len(self._column)

    @property
    def null(self) -> Flags:
        return self._column.null

    @cached_property
    def texts(self) -> pa.BinaryArray:
        """The values as they are; NULL is empty."""
        column = self._column
        size = int(column.length.sum())
        if size > LIMIT:
            raise TransformError("the values of a condition's column exceed 2 GiB in one block")
        bounds = np.concatenate(([0], np.cumsum(column.length))).astype(np.int32)
        return from_offsets(bounds, gather(column.data, column.start, column.length))

    @property
    def written(self) -> pa.BinaryArray:
        """The values as they are spelt."""
        return self.texts if self._written is None else strings([self._written])

    @cached_property
    def characters(self) -> tuple[pa.StringArray, Flags]:
        """The values that are UTF-8."""
        try:
            return cast(pa.StringArray, self.texts.cast(pa.string())), self._present
        except pa.ArrowInvalid:
            valid = np.array([_is_unicode(each.as_py()) for each in self.texts], np.bool_)
            emptied = pc.if_else(pa.array(valid), self.texts, pa.scalar(b"", pa.binary()))
            return cast(pa.StringArray, emptied.cast(pa.string())), self._present & valid

    def form(self, sort: Sort) -> tuple[Any, Flags]:
        """What compares as `sort`, and which values do so."""
        if sort not in self._forms:
            found, known = _FORMS[sort](self)
            self._forms[sort] = found, known & self._present
        return self._forms[sort]

    def _holding(self, wanted: Flags) -> Flags:
        """The values that hold any of some bytes, `wanted` bool (256,)."""
        bounds, data = contents(self.texts)
        found = wanted[data]
        if not found.any():
            return np.zeros(len(self), np.bool_)
        before = np.concatenate(([0], np.cumsum(found)))[bounds]
        flags: Flags = before[1:] > before[:-1]
        return flags

    @cached_property
    def beyond_ascii(self) -> Flags:
        return self._holding(_BYTES > 127)

    @cached_property
    def holds_nul(self) -> Flags:
        return self._holding(_BYTES == 0)

    @cached_property
    def ends_in_space(self) -> Flags:
        column = self._column
        last = np.maximum(column.start + column.length - 1, 0)
        flags: Flags = (column.data[last] == ord(" ")) & (column.length > 0)
        return flags

    @cached_property
    def may_be_number(self) -> Flags:
        """Those that begin as texts do that SQLite takes for a number."""
        column = self._column
        flags: Flags = _BEGINS_NUMBER[column.data[column.start]] & (column.length > 0)
        return flags

    @cached_property
    def plain_integer(self) -> Flags:
        """Digits, of which the first is no zero: other texts than these are other numbers."""
        zero: Flags = self._column.data[self._column.start] == ord("0")
        return ~zero & (self._column.length > 0) & ~self._holding(~_DIGIT)

    @cached_property
    def infinite(self) -> Flags:
        """Those that are an infinity of SQLite, or a text that is written like one."""
        flags = self.may_be_number & np.isin(self._column.length, [len("inf"), len("-inf")])
        rows = np.flatnonzero(flags)
        flags[rows] = among(self.texts.take(indexes(rows.astype(np.int32))), (b"inf", b"-inf"))
        return flags

    @cached_property
    def initial(self) -> npt.NDArray[np.uint8]:
        """The first letters, in lower case, and digits; 0 where another byte is first or second."""
        column = self._column
        # What is beyond ASCII may be an accent, and the two another letter.
        sure = (column.length > 0) & ((column.length == 1) | (column.data[column.start + 1] < 128))
        return np.where(sure, _LETTER[column.data[column.start]], np.uint8(0))

    @cached_property
    def final(self) -> npt.NDArray[np.uint8]:
        """The last letters, in lower case, and digits; 0 where another byte is last."""
        column = self._column
        last = np.maximum(column.start + column.length - 1, 0)
        return np.where(column.length > 0, _LETTER[column.data[last]], np.uint8(0))

    @cached_property
    def lowered(self) -> pa.BinaryArray:
        """The texts regardless of the case of ASCII."""
        return self.mapped(LOWER)

    @cached_property
    def folded(self) -> pa.BinaryArray:
        """The texts regardless of case, of accents, and of spaces at their end."""
        lowered = self.lowered
        if self.beyond_ascii.any():
            mask = pa.array(self.beyond_ascii)
            lowered = pc.replace_with_mask(lowered, mask, _folded(lowered.filter(mask)))
        return without_spaces(lowered) if self.ends_in_space.any() else lowered

    def mapped(self, table: npt.NDArray[np.uint8]) -> pa.BinaryArray:
        """The texts with each byte b as ``table[b]``."""
        bounds, data = contents(self.texts)
        return from_offsets(bounds - bounds[0], table[data])

    def stripped(self, wanted: Flags) -> pa.BinaryArray:
        """The texts in lower case with nothing but the bytes b where ``wanted[b]``."""
        bounds, data = contents(self.texts)
        data = LOWER[data]
        keep = wanted[data]
        before = np.concatenate(([0], np.cumsum(keep))).astype(np.int32)
        return from_offsets(before[bounds - bounds[0]], data[keep])

    @cached_property
    def looks_like_number(self) -> Flags:
        return matching(self.texts, _NUMBER)

    @cached_property
    def few_digits(self) -> Flags:
        """Those whose floating-point number tells them from all others that have few digits."""
        return matching(self.texts, FEW_DIGITS)

    @cached_property
    def lettered(self) -> Flags:
        """Those truths that are written as letters, not as 0 or 1."""
        return among(self.texts, (b"t", b"f"))

    def number(self, row: int) -> str:
        return (self.texts[row if len(self) > 1 else 0].as_py() or b"0").decode()

    def padded(self, shape: str, blank: bytes) -> tuple[Any, Flags]:
        """Texts of `shape`, with what is missing at the end as in `blank`, without their zone."""
        known = matching(self.texts, shape)
        bare = pc.replace_substring_regex(self.texts, _BEHIND_TIME, r"\1")
        column = _column_of(bare)
        width = len(blank)
        text = heads(column.data, column.start, column.length, 32)[:, :width]
        text = np.where(np.arange(width) < column.length[:, None], text, np.frombuffer(blank, "u1"))
        if width == len(_MOMENT_OF_NOTHING):
            text[:, 10] = ord(" ")
        return np.ascontiguousarray(text).view(f"S{width}")[:, 0], known


def _column_of(array: pa.BinaryArray) -> Column:
    offsets, data = contents(array)
    bounds = (offsets - offsets[0]).astype(np.int64)
    padded = np.concatenate((data, np.zeros(SLACK, np.uint8)))
    return Column(padded, bounds[:-1], np.diff(bounds), np.zeros(len(array), np.bool_))


def _is_unicode(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _folded(texts: pa.BinaryArray) -> pa.BinaryArray:
    """Texts without case and accents; those that aren't UTF-8 as they are."""
    characters, known = Values(_column_of(texts)).characters
    bare = pc.replace_substring_regex(pc.utf8_normalize(characters, "NFKD"), r"\pM+", "")
    # Some letters meet in upper case only, and some in lower case only.
    folded = pc.utf8_lower(pc.utf8_upper(bare)).cast(pa.binary())
    return cast(pa.BinaryArray, pc.if_else(pa.array(known), folded, texts))


def without_spaces(texts: pa.BinaryArray) -> pa.BinaryArray:
    return cast(pa.BinaryArray, pc.replace_substring_regex(texts, " +\\z", ""))


def matching(array: pa.Array[Any], pattern: str, *, ignore_case: bool = False) -> Flags:
    found = pc.match_substring_regex(array, pattern, ignore_case=ignore_case)
    flags: Flags = found.to_numpy(zero_copy_only=False).astype(np.bool_)
    return flags


def among(array: pa.Array[Any], values: tuple[bytes, ...]) -> Flags:
    found = pc.is_in(array, value_set=strings(values))
    flags: Flags = found.to_numpy(zero_copy_only=False)
    return flags


def floats(numbers: pa.BinaryArray, known: Flags) -> npt.NDArray[np.float64]:
    """What the texts that are `known` to be numbers stand for; 0 for all others."""
    only = pc.if_else(pa.array(known), numbers, pa.scalar(b"0", pa.binary())).cast(pa.string())
    try:
        # pyarrow reads no sign in front but a minus, and nothing that is too large or too small.
        found = pc.utf8_ltrim(only, "+").cast(pa.float64())
    except pa.ArrowInvalid:
        return np.array([float(each.as_py()) for each in only], np.float64)
    sizes: npt.NDArray[np.float64] = found.to_numpy(zero_copy_only=False)
    return sizes


def _single(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What numbers of 32 bits make of them."""
    with np.errstate(over="ignore", under="ignore"):  # the databases refuse those
        return numbers.astype(np.float32).astype(np.float64)


def _floats(values: Values) -> tuple[Any, Flags]:
    known = values.looks_like_number
    sizes = floats(values.texts, known)
    return _single(sizes) if values.reading is Reading.SINGLE else sizes, known


def _flags(values: Values) -> tuple[Any, Flags]:
    # The words are texts to SQLite, where a text is neither true nor 1.
    if values.reading is Reading.DIGITS:
        digits = among(values.texts, (b"1",))
        return digits.astype(np.int8), digits | among(values.texts, (b"0",))
    true = among(values.texts, _TRUE)
    return true.astype(np.int8), true | among(values.texts, _FALSE)


def _uuids(values: Values) -> tuple[Any, Flags]:
    lowered = pc.utf8_lower(values.characters[0]).cast(pa.binary())
    return lowered, matching(lowered, r"\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z")


def _texts(values: Values) -> tuple[Any, Flags]:
    # To SQLite some comparisons end at a NUL, and others don't.
    return values.texts, ~values.holds_nul


_FORMS: Mapping[Sort, Callable[[Values], tuple[Any, Flags]]] = {
    Sort.NUMBER: _floats,
    Sort.FLOAT: _floats,
    Sort.FLAG: _flags,
    Sort.TEXT: _texts,
    Sort.LABEL: _texts,
    Sort.UUID: _uuids,
    Sort.MOMENT: lambda values: values.padded(_MOMENT, _MOMENT_OF_NOTHING),
    Sort.DAY: lambda values: values.padded(_MOMENT, _MOMENT_OF_NOTHING),
    Sort.CLOCK: lambda values: values.padded(_CLOCK, _MOMENT_OF_NOTHING[11:]),
}
