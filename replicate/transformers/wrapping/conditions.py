"""Conditions on the other columns of a row: which values a transformer masks, and which it leaves.

A condition is written as SQL writes one. It is parsed into a few kinds of terms, each a function of
whole columns; nothing of it is ever run as SQL or as code.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from replicate.errors import TransformError, UsageError
from replicate.rows.arrays import strings
from replicate.rows.column import KEEP, Column, Kind, Replacement
from replicate.rows.comparing import Reading
from replicate.transformers.base import Effects, Transformer, Uniqueness
from replicate.transformers.wrapping.around import Around
from replicate.transformers.wrapping.comparisons import (
    OPERATORS,
    UNORDERED,
    Truth,
    compare,
    like,
    matches,
    sort_of,
)
from replicate.transformers.wrapping.forms import Flags, Sort, Values
from replicate.transformers.wrapping.operands import Constant, Named, Operand, fitting
from replicate.transformers.wrapping.parts import ask

if TYPE_CHECKING:
    from sqlglot.expressions import Expression

_SUPPORTED = (
    "a condition takes and, or, not, =, <>, <, <=, >, >=, in (...), between, like, ilike, ~ and "
    "is null"
)
_DEEPEST = 100  # terms within each other

Row = Mapping[str, Values]
Term = Callable[[Row], Truth]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a row has to fulfil. `columns` are the names of those that it reads."""

    text: str
    columns: frozenset[str]
    _term: Term
    _readings: Mapping[str, Reading] = field(default_factory=dict)

    def excludes(self, beside: Mapping[str, Column]) -> Flags:
        """The rows for which it is false, bool (rows,): neither true nor unknown.

        `beside` has the columns that it reads.
        """
        values = {
            name: Values(beside[name], reading=self._readings.get(name)) for name in self.columns
        }
        return self._term(values).false


def parse_condition(
    text: str, columns: Mapping[str, Kind], readings: Mapping[str, Reading] | None = None
) -> Condition:
    """The condition that `text` writes, on a table of `columns`, some of which have a reading.

    It takes comparisons (``= <> != < <= > >=``) of a column with a constant or another column,
    ``in (...)``, ``between``, ``like`` and ``ilike``, ``is [not] null``, the name of a boolean
    column, and ``~`` and ``~*`` with a regular expression of RE2, joined by ``and``, ``or``,
    ``not`` and parentheses. Names may stand in double quotes; without them, upper and lower case
    make no difference where no other column is meant.

    Numbers compare by size; dates and times by their moment, in UTC where no zone is told; texts by
    their bytes. What another collation, or another spelling of the same, would decide otherwise is
    unknown: texts that differ in case alone are neither equal nor different.

    Raises `UsageError` for what is no such condition, or what is no column.
    """
    from sqlglot import exp, parse  # noqa: PLC0415 - slow to import, and few need it
    from sqlglot.errors import SqlglotError  # noqa: PLC0415 - likewise

    try:
        found = parse(text, read="postgres")
    except (SqlglotError, RecursionError):
        # What the parser says quotes the text, in the colours of a terminal.
        raise UsageError(f"{text!r} is no condition", hint=_SUPPORTED) from None
    if len(found) != 1 or not isinstance(found[0], exp.Expression):
        raise UsageError(f"{text!r} is no condition", hint=_SUPPORTED)
    parser = _Parser(columns, readings or {})
    term = parser.term(found[0])
    return Condition(text, frozenset(parser.read), term, readings or {})


_COMPARISONS = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
_FLIPPED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_PATTERNS = {"Like", "ILike", "RegexpLike", "RegexpILike"}
_PARTS = {
    **{name: {"this", "expression"} for name in _COMPARISONS},
    **{name: {"this", "expression", "negate"} for name in _PATTERNS},
    "And": {"this", "expression"},
    "Or": {"this", "expression"},
    "Not": {"this"},
    "Paren": {"this"},
    "Neg": {"this"},
    "In": {"this", "expressions", "negate"},
    "Between": {"this", "low", "high", "negate"},
    "Is": {"this", "expression", "negate"},
    "Column": {"this"},
    "Identifier": {"this", "quoted"},
    "Literal": {"this", "is_string"},
    "Boolean": {"this"},
    "Null": set(),
}
"""The nodes that may be, and what each may have: anything else would mean something else."""

_WRITTEN = {"Subquery": "a subquery", "Select": "a query", "Cast": "a cast", "Add": "arithmetic"}


class _Parser:
    """Makes terms of the parser's nodes, which are of a library that is not imported here."""

    def __init__(self, columns: Mapping[str, Kind], readings: Mapping[str, Reading]) -> None:
        self._columns = columns
        self._readings = readings
        self.read: set[str] = set()

    def term(self, node: Expression, depth: int = 0) -> Term:
        """What is true or false."""
        name = _checked(node, depth)
        if name in ("And", "Or"):
            return _joined(name, [self.term(each, depth + 1) for each in _chain(node)])
        if name == "Not":
            inner = self.term(node.this, depth + 1)
            return lambda row: inner(row).negated()
        if name == "Paren":
            return self.term(node.this, depth + 1)
        if name in _COMPARISONS:
            return self._comparison(node.this, _COMPARISONS[name], node.expression)
        if name == "Column":
            column = self._column(node)
            if column.kind is not Kind.BOOLEAN:
                raise UsageError(
                    f"the column {column.name} holds {column.kind.value} values, not true or false",
                    hint="compare it with something",
                )
            return self._compared(column, "=", Constant("true", Kind.BOOLEAN))
        if name == "In":
            return self._in(node)
        if name == "Between":
            low = self._comparison(node.this, ">=", node.args["low"])
            high = self._comparison(node.this, "<=", node.args["high"])
            return _maybe_negated(node, _joined("And", [low, high]))
        if name in _PATTERNS:
            return _maybe_negated(node, self._pattern(name, node))
        if name == "Is":
            return self._is(node)
        raise _unsupported(node)

    def _comparison(self, left: Expression, operator: str, right: Expression) -> Term:
        a, b = self._operand(left), self._operand(right)
        if isinstance(a, Constant):
            if isinstance(b, Constant):
                raise UsageError("a condition compares two constants", hint="name a column in it")
            return self._compared(b, _FLIPPED[operator], a)
        return self._compared(a, operator, b)

    def _compared(self, column: Named, operator: str, other: Operand) -> Term:
        sort = sort_of(column, other)
        if sort in UNORDERED and operator not in ("=", "<>"):
            raise UsageError(
                f"the column {column.name} holds labels, which have no order here",
                hint="use =, <> or in (...)",
            )
        name = column.name
        if isinstance(other, Named):
            beside = other.name
            return lambda row: compare(row[name], operator, row[beside], sort)
        constant = fitting(column, other, sort, self._readings.get(name))
        if column.kind is Kind.ANY and sort is Sort.NUMBER:
            # In a column without a type, what looks like a number is text, and above all numbers.
            above = bool(OPERATORS[operator](np.ones(1, np.int8))[0])
            return lambda row: compare(row[name], operator, constant, sort).if_also(above)
        return lambda row: compare(row[name], operator, constant, sort)

    def _in(self, node: Expression) -> Term:
        choices = node.expressions
        if not choices:
            raise UsageError("in () has no choices, or a query", hint=_SUPPORTED)
        terms = [self._comparison(node.this, "=", choice) for choice in choices]
        either = _joined("Or", terms)
        column = self._operand(node.this)
        if isinstance(column, Named) and self._readings.get(column.name) is Reading.SINGLE:
            # Of several numbers PostgreSQL makes some of 32 bits, of a single one it doesn't.
            narrow = _joined("Or", [self._narrow(column, choice) for choice in choices])
            return _maybe_negated(node, _agreed(either, narrow))
        return _maybe_negated(node, either)

    def _narrow(self, column: Named, choice: Expression) -> Term:
        other = self._operand(choice)
        if isinstance(other, Constant):
            other = Constant(other.text, Kind.TEXT)
        return self._compared(column, "=", other)

    def _pattern(self, name: str, node: Expression) -> Term:
        column, pattern = self._operand(node.this), self._operand(node.expression)
        if (
            not isinstance(column, Named)
            or not isinstance(pattern, Constant)
            or pattern.kind is not Kind.TEXT
        ):
            raise UsageError("a pattern is a text in quotes, matched against a column")
        if column.kind not in (Kind.TEXT, Kind.ANY, Kind.ENUM):
            raise UsageError(
                f"the column {column.name} holds {column.kind.value} values, which match no pattern"
            )
        ignore_case, text, beside = name.endswith("ILike"), pattern.text, column.name
        if name in ("Like", "ILike"):
            if "\\" in text:
                raise UsageError("a pattern of like holds no backslash", hint="use ~")
            return lambda row: like(row[beside], text, ignore_case=ignore_case)
        try:
            matches(Values.constant(b""), text, ignore_case=ignore_case)
        except pa.ArrowInvalid:
            raise UsageError(f"{text!r} is no regular expression of RE2") from None
        return lambda row: matches(row[beside], text, ignore_case=ignore_case)

    def _is(self, node: Expression) -> Term:
        if _checked(node.expression, 0) != "Null" or _checked(node.this, 0) != "Column":
            raise UsageError("is [not] null stands behind a column", hint=_SUPPORTED)
        name = self._column(node.this).name
        return _maybe_negated(node, lambda row: Truth(row[name].null, ~row[name].null))

    def _operand(self, node: Expression) -> Operand:
        """A column or a constant."""
        name = _checked(node, 0)
        if name == "Column":
            return self._column(node)
        if name == "Paren":
            return self._operand(node.this)
        if name == "Boolean":
            return Constant("true" if node.this else "false", Kind.BOOLEAN)
        if name == "Literal":
            return Constant(node.this, Kind.TEXT if node.args["is_string"] else Kind.NUMERIC)
        if name == "Neg":
            number = self._operand(node.this)
            if isinstance(number, Constant) and number.kind is Kind.NUMERIC:
                text = number.text
                return Constant(text[1:] if text[:1] == "-" else f"-{text}", Kind.NUMERIC)
        if name == "Null":
            raise UsageError("nothing compares with null", hint="use is null or is not null")
        raise _unsupported(node)

    def _column(self, node: Expression) -> Named:
        _checked(node.this, 0)
        given, quoted = str(node.this.this), bool(node.this.args.get("quoted"))
        name = given
        if name not in self._columns and not quoted:
            alike = [each for each in self._columns if each.casefold() == given.casefold()]
            name = alike[0] if len(alike) == 1 else name
        if name not in self._columns:
            near = difflib.get_close_matches(given, self._columns, n=1)
            raise UsageError(
                f"the condition names a column {given}, which the table doesn't have",
                hint=f"did you mean {near[0]}?"
                if near
                else f"it has: {', '.join(list(self._columns)[:12])}",
            )
        self.read.add(name)
        return Named(name, self._columns[name])


def _checked(node: Expression, depth: int) -> str:
    """The name of a node that is supported, with nothing but what is."""
    name = type(node).__name__
    parts = {key for key, value in node.args.items() if value not in (None, False, [])}
    if name not in _PARTS or not parts <= _PARTS[name] | {"this"}:
        raise _unsupported(node)
    if depth > _DEEPEST:
        raise UsageError("a condition is nested too deeply")
    return name


def _unsupported(node: Expression) -> UsageError:
    name = type(node).__name__
    return UsageError(f"a condition can't hold {_WRITTEN.get(name, name)}", hint=_SUPPORTED)


def _chain(node: Expression) -> Iterator[Expression]:
    """The operands of a row of ands, or of ors, from the last to the first."""
    kind = type(node)
    while isinstance(node, kind):
        yield node.expression
        node = node.this
    yield node


def _joined(name: str, terms: Sequence[Term]) -> Term:
    def joined(row: Row) -> Truth:
        truth = terms[0](row)
        for term in terms[1:]:
            truth = truth.both(term(row)) if name == "And" else truth.either(term(row))
        return truth

    return joined


def _agreed(one: Term, two: Term) -> Term:
    """What both say; unknown where they differ."""

    def agreed(row: Row) -> Truth:
        a, b = one(row), two(row)
        return Truth(a.true & b.true, a.false & b.false)

    return agreed


def _maybe_negated(node: Expression, term: Term) -> Term:
    if node.args.get("negate"):
        return lambda row: term(row).negated()
    return term


class When(Around):
    """Masks the values of those rows that a condition does not exclude, and keeps the others.

    A value stays only where the condition is false for certain, by whatever rules the source's
    database compares. Where it is unknown, because a column that it reads is NULL or can't be
    compared, the value is masked.
    """

    def __init__(
        self,
        inner: Transformer,
        condition: str,
        columns: Mapping[str, Kind],
        readings: Mapping[str, Reading] | None = None,
    ) -> None:
        """Raises `UsageError` for what is no condition on `columns`, the kinds of the table's.

        `readings` has what conditions have to know of some of the columns besides.
        """
        super().__init__(inner)
        self._condition = parse_condition(condition, columns, readings)

    @property
    def effects(self) -> Effects:
        # A value that stays may be the one that another becomes.
        effects = self._inner.effects
        if effects.uniqueness is Uniqueness.PRESERVES:
            return effects
        return Effects(Uniqueness.MAY_COLLIDE, effects.produces, effects.makes_null)

    @property
    def reads(self) -> frozenset[str]:
        return self._inner.reads | self._condition.columns

    def transform(self, column: Column) -> Replacement:
        missing = self._condition.columns - column.beside.keys()
        if missing:
            raise TransformError(f"the column {min(missing)} of the condition was not given")
        rows = np.flatnonzero(~self._condition.excludes(column.beside))
        if len(rows) == len(column):
            return self._inner.transform(column)
        index = np.full(len(column), KEEP, np.int32)
        if not len(rows):
            return Replacement(strings([]), index)
        replacement = ask(self._inner, column.take(rows), rows)
        index[rows] = replacement.index
        return Replacement(replacement.pool, index, replacement.binary)
