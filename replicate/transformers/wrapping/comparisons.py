"""Values of columns compared with each other and with constants, in three-valued logic.

The outcome is true, false or unknown. What can't be compared for certain is unknown: NULL, a text
in a column of numbers, a date beyond the years 0001 to 9999, an infinity.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replicate.errors import TransformError
from replicate.rows.arrays import LIMIT, contents, from_offsets, strings
from replicate.rows.column import SLACK, Column, Kind
from replicate.rows.spans import gather, heads

Flags = npt.NDArray[np.bool_]
Signs = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Truth:
    """What holds for each row, bool (rows,); where neither is set, it is unknown."""

    true: Flags
    false: Flags

    @classmethod
    def of(cls, outcome: Flags, known: Flags) -> Truth:
        return cls(known & outcome, known & ~outcome)

    def both(self, other: Truth) -> Truth:
        return Truth(self.true & other.true, self.false | other.false)

    def either(self, other: Truth) -> Truth:
        return Truth(self.true | other.true, self.false & other.false)

    def negated(self) -> Truth:
        return Truth(self.false, self.true)


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

UNORDERED = frozenset({Sort.LABEL})
"""Labels of an enum are equal or not: which comes first only the database knows."""

OPERATORS: Mapping[str, Callable[[Signs], Flags]] = {
    "=": lambda sign: sign == 0,
    "<>": lambda sign: sign != 0,
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}

_NUMBER = r"\A[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?\z"
_FEW_DIGITS = r"\A[+-]?[0-9.]{1,15}\z"
_ZONE = r"(?:Z|[+-]00(?::?00)?)"
_TIME = r"[0-2][0-9]:[0-5][0-9](?::[0-6][0-9](?:\.[0-9]{1,6})?)?"
_CLOCK = rf"\A{_TIME}{_ZONE}?\z"
_MOMENT = rf"\A[0-9]{{4}}-[01][0-9]-[0-3][0-9](?:[ T]{_TIME}{_ZONE}?)?\z"
_BEHIND_TIME = rf"(:[0-9.]+){_ZONE}\z"
_MOMENT_OF_NOTHING = b"0000-00-00 00:00:00.000000"
_TRUE, _FALSE = (b"t", b"true", b"1"), (b"f", b"false", b"0")


class Values:
    """The values of a column, or one constant, in the forms that comparisons take.

    Each form comes with the flags of those that have it. A constant is one value, which NumPy and
    pyarrow broadcast.
    """

    def __init__(self, column: Column) -> None:
        self._column = column
        self._present = ~column.null
        self._forms: dict[Sort, tuple[Any, Flags]] = {}

    @classmethod
    def constant(cls, value: bytes) -> Values:
        return cls(Column.of([value]))

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

    @cached_property
    def ends_in_space(self) -> Flags:
        column = self._column
        last = np.maximum(column.start + column.length - 1, 0)
        flags: Flags = (column.data[last] == ord(" ")) & (column.length > 0)
        return flags

    @cached_property
    def looks_like_number(self) -> Flags:
        return _matches(self.texts, _NUMBER)

    @cached_property
    def few_digits(self) -> Flags:
        """Those whose floating-point number tells them from all others that have few digits."""
        return _matches(self.texts, _FEW_DIGITS)

    def decimal(self, row: int) -> Decimal:
        return Decimal((self.texts[row if len(self) > 1 else 0].as_py() or b"0").decode())

    def padded(self, shape: str, blank: bytes) -> tuple[Any, Flags]:
        """Texts of `shape`, with what is missing at the end as in `blank`, without their zone."""
        known = _matches(self.texts, shape)
        # The stubs of pyarrow know strings here, but bytes will do.
        texts: Any = self.texts
        bare = pc.replace_substring_regex(texts, _BEHIND_TIME, r"\1")
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


def _matches(array: pa.Array[Any], pattern: str, *, ignore_case: bool = False) -> Flags:
    found = pc.match_substring_regex(array, pattern, ignore_case=ignore_case)
    flags: Flags = found.to_numpy(zero_copy_only=False).astype(np.bool_)
    return flags


def _among(array: pa.Array[Any], values: tuple[bytes, ...]) -> Flags:
    found = pc.is_in(array, value_set=strings(values))
    flags: Flags = found.to_numpy(zero_copy_only=False)
    return flags


def _floats(values: Values) -> tuple[Any, Flags]:
    known = values.looks_like_number
    numbers = pc.if_else(pa.array(known), values.texts, pa.scalar(b"0", pa.binary()))
    numbers = numbers.cast(pa.string())
    try:
        # pyarrow reads no sign in front but a minus, and nothing that is too large or too small.
        found = pc.utf8_ltrim(numbers, "+").cast(pa.float64())
    except pa.ArrowInvalid:
        return np.array([float(each.as_py()) for each in numbers], np.float64), known
    return found.to_numpy(zero_copy_only=False), known


def _flags(values: Values) -> tuple[Any, Flags]:
    lowered = pc.utf8_lower(values.characters[0]).cast(pa.binary())
    true = _among(lowered, _TRUE)
    return true.astype(np.int8), true | _among(lowered, _FALSE)


def _uuids(values: Values) -> tuple[Any, Flags]:
    lowered = pc.utf8_lower(values.characters[0]).cast(pa.binary())
    return lowered, _matches(lowered, r"\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z")


def _texts(values: Values) -> tuple[Any, Flags]:
    return values.texts, np.ones(len(values), np.bool_)


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


def compare(left: Values, operator: str, right: Values, sort: Sort) -> Truth:
    """``left operator right`` for each row; one of the two may be a constant.

    Texts that differ in nothing but spaces at their end are equal in a column of fixed width and
    different in others, which their kind doesn't tell: where that decides, it is unknown.
    """
    decide = OPERATORS[operator]
    (a, known), (b, other) = left.form(sort), right.form(sort)
    known = known & other
    if sort in (Sort.TEXT, Sort.LABEL, Sort.UUID):
        outcome = decide(_signs_of_texts(a, b))
        if sort is Sort.TEXT and (left.ends_in_space.any() or right.ends_in_space.any()):
            a, b = (pc.replace_substring_regex(each, " +\\z", "") for each in (a, b))
            known &= outcome == decide(_signs_of_texts(a, b))
        return Truth.of(outcome, known)
    sign = (a > b).astype(np.int8) - (a < b).astype(np.int8)
    if sort is Sort.NUMBER:
        # Different floating-point numbers are in the order of what they stand for.
        unsure = known & (sign == 0) & ~(left.few_digits & right.few_digits)
        for row in np.flatnonzero(unsure).tolist():
            one, two = left.decimal(row), right.decimal(row)
            sign[row] = (one > two) - (one < two)
    return Truth.of(decide(sign), known)


def _signs_of_texts(a: pa.BinaryArray, b: pa.BinaryArray) -> Signs:
    one: Any = a[0] if len(a) == 1 < len(b) else a
    two: Any = b[0] if len(b) == 1 else b
    greater, less = (
        relation(one, two).to_numpy(zero_copy_only=False).astype(np.int8)
        for relation in (pc.greater, pc.less)
    )
    signs: Signs = greater - less
    return signs


def is_comparable(value: bytes, sort: Sort) -> bool:
    """Whether a constant can be compared as `sort`."""
    if sort in (Sort.DAY, Sort.MOMENT):
        day = value[: len("2024-12-31")]
        try:
            date.fromisoformat(day.decode())
        except ValueError:
            return False
        if sort is Sort.DAY and value != day:
            return False
    return bool(Values.constant(value).form(sort)[1][0])


def as_uuid(text: str) -> str:
    """The one spelling of a UUID. Raises ValueError for what is none."""
    return str(uuid.UUID(text))


def like(values: Values, pattern: str, *, ignore_case: bool) -> Truth:
    """Whether the values match a pattern of LIKE, which holds no escapes."""
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    return matches(values, f"(?s)\\A{''.join(parts)}\\z", ignore_case=ignore_case)


def matches(values: Values, pattern: str, *, ignore_case: bool) -> Truth:
    """Whether a regular expression of RE2 matches within the values.

    Raises `pyarrow.ArrowInvalid` if it is none."""
    texts, known = values.characters
    return Truth.of(_matches(texts, pattern, ignore_case=ignore_case), known)
