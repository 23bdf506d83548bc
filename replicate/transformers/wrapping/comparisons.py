"""Values of columns compared with each other and with constants, in three-valued logic.

The outcome is true, false or unknown. What can't be compared for certain is unknown: NULL, a text
in a column of numbers, a date beyond the years 0001 to 9999, an infinity. So is what one database
calls true and another one false, because of the column's collation, or of the type that SQLite
gives its values: where no one reading is certain, an outcome is one that all readings share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from replicate.errors import UsageError
from replicate.rows.column import Kind
from replicate.transformers.wrapping.forms import (
    FEW_DIGITS,
    SORTS,
    Flags,
    Sort,
    Values,
    floats,
    matching,
    without_spaces,
)
from replicate.transformers.wrapping.operands import Constant, Named, Operand

# The stubs of pyarrow know too few of the signatures of its kernels.
pc: Any = pyarrow.compute

Signs = npt.NDArray[np.int8]
Decide = Callable[[Signs], Flags]


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

    def if_also(self, outcome: bool) -> Truth:
        """Unknown where another reading, the same for all rows, says something else."""
        return Truth(self.true & outcome, self.false & (not outcome))


UNORDERED = frozenset({Sort.LABEL})
"""Labels of an enum are equal or not: which comes first only the database knows."""

OPERATORS: Mapping[str, Decide] = {
    "=": lambda sign: sign == 0,
    "<>": lambda sign: sign != 0,
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}
_EQUALITY = ("=", "<>")
_SPELT = frozenset({Sort.UUID, Sort.MOMENT, Sort.DAY, Sort.CLOCK})
"""What SQLite has no type for: it compares how they are spelt."""


def sort_of(column: Named, other: Operand) -> Sort:
    """As what the two are compared."""
    if column.kind is Kind.ANY and isinstance(other, Constant):
        # To SQLite, true and false are 1 and 0.
        return SORTS[Kind.NUMERIC if other.kind is Kind.BOOLEAN else other.kind]
    sort = SORTS.get(column.kind)
    if sort is None:
        raise UsageError(
            f"the column {column.name} holds {column.kind.value} values, which can't be compared",
            hint="is [not] null is all that can be asked of it",
        )
    if isinstance(other, Constant):
        return sort
    beside = SORTS.get(other.kind)
    both = {sort, beside}
    if len(both) == 1:
        return sort
    if both == {Sort.NUMBER, Sort.FLOAT}:
        return Sort.FLOAT
    if both == {Sort.DAY, Sort.MOMENT}:
        return Sort.MOMENT
    raise UsageError(
        f"the column {column.name} can't be compared with {other.name}: one holds "
        f"{column.kind.value} values, the other {other.kind.value} values"
    )


def compare(left: Values, operator: str, right: Values, sort: Sort) -> Truth:
    """``left operator right`` for each row; one of the two may be a constant."""
    decide = OPERATORS[operator]
    (a, known), (b, other) = left.form(sort), right.form(sort)
    known = known & other
    if sort is Sort.LABEL:
        return Truth.of(_related(operator, a, b), known)
    if sort is Sort.TEXT:
        read = _equal if operator in _EQUALITY else _ordered
        outcome, sure = read(left, operator, right)
        return Truth.of(outcome, known & sure)
    sign = _signs(a, b) if sort is Sort.UUID else (a > b).astype(np.int8) - (a < b).astype(np.int8)
    outcome = decide(sign)
    if sort in _SPELT:
        known &= outcome == _related(operator, left.written, right.written)
    elif sort is Sort.FLAG:
        # A letter is PostgreSQL's, which takes 1 for the same; a digit SQLite's, which doesn't.
        known &= ~(right.lettered & ~left.lettered)
        if not right.is_constant:
            known &= left.lettered == right.lettered
    elif (unsure := known & (sign == 0)).any():
        # Different floating-point numbers are in the order of what they stand for.
        unsure &= ~(left.few_digits & right.few_digits)
        for row in np.flatnonzero(unsure).tolist():
            signs = _exactly(left.number(row), right.number(row), sort)
            outcome[row] = bool(decide(signs)[0])
            known[row] = bool((decide(signs) == outcome[row]).all())
    return Truth.of(outcome, known)


_SQLITE_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")


def _exactly(one: str, two: str, sort: Sort) -> Signs:
    """How two numbers compare that are the same as floating-point ones, by all readings."""
    pairs = [(Decimal(one), Decimal(two))]
    stored = _stored(one), _stored(two)
    if sort is Sort.FLOAT:
        pairs += [(Decimal(0), Decimal(0)), stored]
    elif Decimal(repr(float(one))) == Decimal(one) or stored[0] == Decimal(one):
        # It may be SQLite's: one with more digits is none of its numbers.
        pairs.append(stored)
    return np.array([(a > b) - (a < b) for a, b in pairs], np.int8)


def _stored(text: str) -> Decimal:
    """The number that SQLite makes of it."""
    if _SQLITE_INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        return Decimal(text)
    return Decimal(float(text))


def _signs(a: pa.BinaryArray, b: pa.BinaryArray) -> Signs:
    greater, less = (_related(operator, a, b).astype(np.int8) for operator in "><")
    signs: Signs = greater - less
    return signs


_RELATIONS: Mapping[str, Any] = {
    "=": pc.equal,
    "<>": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def _related(operator: str, a: pa.BinaryArray, b: pa.BinaryArray) -> Flags:
    """``a operator b`` by their bytes."""
    one: Any = a[0] if len(a) == 1 < len(b) else a
    two: Any = b[0] if len(b) == 1 else b
    flags: Flags = _RELATIONS[operator](one, two).to_numpy(zero_copy_only=False)
    return flags


def _equal(left: Values, operator: str, right: Values) -> tuple[Flags, Flags]:
    """The outcome for texts that have to be equal, or different, and where it is certain.

    A collation may be blind to case, to accents, to spaces at the end. What is blind to fewer of
    them lies between the two.
    """
    same = _related("=", left.texts, right.texts)
    sure = ~(left.infinite & right.infinite)
    numbers = left.may_be_number & right.may_be_number
    rows = np.flatnonzero(~same & (numbers | ~_differ(left.initial, right.initial)))
    if len(rows):
        one, two = left.taken(rows), right.taken(rows)
        # Few are left that only the whole of them could tell apart.
        rest = one.may_be_number & two.may_be_number | ~_differ(one.final, two.final)
        rows, one, two = rows[rest], one.taken(rest), two.taken(rest)
    if len(rows):
        numbers = one.may_be_number & two.may_be_number & ~(one.plain_integer & two.plain_integer)
        found = ~_related("=", one.folded, two.folded)
        found &= _same_as_numbers(one, operator, two, numbers)
        sure[rows] &= found
    return same if operator == "=" else ~same, sure


def _differ(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> Flags:
    """Which letters and digits are others, whatever the collation is; 0 is unknown."""
    found: Flags = (a != 0) & (b != 0) & (a != b)
    return found


_WORDY = np.array([byte < 128 and chr(byte).isalnum() for byte in range(256)])
_SIGNS_BACKWARDS = np.array(
    [ord(chr(byte).lower()) + 128 if _WORDY[byte] else max(127 - byte, 0) for byte in range(256)],
    np.uint8,
)
"""Bytes in another order: signs backwards, digits behind them, and letters behind these."""


def _ordered(left: Values, operator: str, right: Values) -> tuple[Flags, Flags]:
    """The outcome for texts that have an order, and where it is certain.

    By some collations signs are before all letters, in an order of their own, or don't count; how
    the letters beyond ASCII are ordered is anybody's guess.
    """
    outcome = _related(operator, left.texts, right.texts)
    a, b = left.initial.astype(np.int8), right.initial.astype(np.int8)  # ASCII
    sure = outcome == OPERATORS[operator](np.sign(a - b))
    numbers = left.may_be_number | right.may_be_number
    rows = np.flatnonzero(numbers | ~_differ(a, b))
    if not len(rows):
        return outcome, sure
    one, two = left.taken(rows), right.taken(rows)
    same = _related("=", one.texts, two.texts)
    found = same | ~(one.beyond_ascii | two.beyond_ascii)
    for read in _READINGS:
        found &= outcome[rows] == _related(operator, read(one), read(two))
    bare, other = one.stripped(_WORDY), two.stripped(_WORDY)
    found &= outcome[rows] == _related(operator, bare, other)
    found &= same | ~_related("=", bare, other)
    found &= _same_as_numbers(one, operator, two, one.may_be_number | two.may_be_number)
    sure[rows] = found
    return outcome, sure


_READINGS: tuple[Callable[[Values], pa.BinaryArray], ...] = (
    lambda values: values.lowered,
    lambda values: without_spaces(values.texts) if values.ends_in_space.any() else values.texts,
    lambda values: values.mapped(_SIGNS_BACKWARDS),
)


_SPACE = r"[ \t\n\v\f\r]*"
_NUMERIC = rf"\A{_SPACE}[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?{_SPACE}\z"
_AROUND = rf"\A{_SPACE}\+?|{_SPACE}\z"
_INFINITY = r"\A-?inf\z"
_WITH_POINT = r"\A(?:[+-]?(?:[0-9]*\.[0-9]*(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)|-?inf)\z"
_CLASSES = re.compile(r"\\[A-Za-z]|\[:")
_HAS_CASE = re.compile(r"[^\W\d_]")


def _same_as_numbers(left: Values, operator: str, right: Values, where: Flags) -> Flags:
    """Whether texts compare as what they look like does, looked at in the rows `where` only.

    A column of SQLite can hold texts and yet take those that look like numbers for numbers, which
    are before all texts, because its type says so: STRING, say.
    """
    same = np.ones(len(where), np.bool_)
    rows = np.flatnonzero(where)
    if not len(rows):
        return same
    left, right = left.taken(rows), right.taken(rows)
    signs = _signs(left.texts, right.texts)
    (a, one, few_a), (b, two, few_b) = _numbers(left.texts), _numbers(right.texts)
    both = one & two
    sign = np.where(one, -1, np.where(two, 1, signs)).astype(np.int8)
    sign = np.where(both, (a > b).astype(np.int8) - (a < b).astype(np.int8), sign)
    # Numbers of many digits are not compared to the last here, and to SQLite's `in` have fewer as
    # texts. An infinity may be text or number.
    close = both & (signs != 0) & ~(few_a & few_b)
    if right.is_constant:
        close &= sign == 0
    sure = ~close & np.isfinite(a) & np.isfinite(b)
    decide = OPERATORS[operator]
    same[rows] = sure & (decide(sign) == decide(signs))
    return same


def _numbers(texts: pa.BinaryArray) -> tuple[npt.NDArray[np.float64], Flags, Flags]:
    """What SQLite takes for numbers: their size, which they are, and which have few digits."""
    known = matching(texts, _NUMERIC)
    bare = cast(pa.BinaryArray, pc.replace_substring_regex(texts, _AROUND, ""))
    size = floats(bare, known)
    return np.where(matching(texts, _INFINITY), np.inf, size), known, matching(texts, FEW_DIGITS)


def like(values: Values, pattern: str, *, ignore_case: bool) -> Truth:
    """Whether the values match a pattern of LIKE, which holds no escapes.

    Without `ignore_case` it is unknown where case decides: to SQLite that of ASCII is none, and
    what citext holds has none at all.
    """
    texts, known = values.characters
    outcome = _like(
        pc.ascii_lower(texts), pattern.lower() if pattern.isascii() else _lower(pattern)
    )
    sure = ~values.holds_nul
    if not ignore_case:
        sure &= outcome == _like(texts, pattern)
    if values.beyond_ascii.any() or not pattern.isascii():
        parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
        sure &= outcome == matching(texts, rf"(?s)\A{''.join(parts)}\z", ignore_case=True)
    if values.may_be_number.any():
        # As texts, SQLite's numbers with a point or an exponent have other digits.
        sure &= ~(values.may_be_number & matching(values.texts, _WITH_POINT))
    return Truth.of(outcome, known & sure)


def _like(texts: pa.StringArray, pattern: str) -> Flags:
    flags: Flags = pc.match_like(texts, pattern).to_numpy(zero_copy_only=False)
    return flags


def _lower(pattern: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in pattern)


def matches(values: Values, pattern: str, *, ignore_case: bool) -> Truth:
    """Whether a regular expression of RE2 matches within the values.

    Unknown where the database's own expressions may say otherwise: where a dot would have to match
    the end of a line, where the pattern names classes of characters and a value has some beyond
    ASCII, and without `ignore_case` where case decides, as what citext holds has none. Raises
    `pyarrow.ArrowInvalid` if it is none.
    """
    texts, known = values.characters
    outcome = matching(texts, pattern, ignore_case=ignore_case)
    sure = outcome == matching(texts, f"(?s:{pattern})", ignore_case=ignore_case)
    if not ignore_case and _HAS_CASE.search(pattern):
        sure &= outcome == matching(texts, pattern, ignore_case=True)
    if ignore_case or _CLASSES.search(pattern):
        sure &= ~values.beyond_ascii
    return Truth.of(outcome, known & sure)
