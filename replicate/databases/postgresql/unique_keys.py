"""Unique keys: the columns that they count, and what they ask of the values of these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from replicate.databases.base import UniqueKey
from replicate.databases.postgresql.connection import Connection
from replicate.databases.postgresql.expressions import (
    asked,
    is_lower,
    keeps_apart,
    mentioned,
    split,
)
from replicate.rows.comparing import Equality

_UNIQUE = """
FROM pg_index i WHERE (i.indisunique OR i.indisexclusion) AND i.indisvalid AND i.indrelid >= 16384
"""
_KEYS = f"""
SELECT i.indexrelid, i.indrelid, i.indisprimary, i.indkey::text, i.indnkeyatts,
    coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false') = 'true', i.indcollation::text,
    pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid),
    i.indclass::text, i.indisexclusion {_UNIQUE}
ORDER BY i.indrelid, NOT i.indisprimary, i.indexrelid
"""
# An index depends on the columns in its expressions, but also on those in its condition.
_EXPRESSIONS = f"""
SELECT i.indexrelid, coalesce(d.refobjsubid, 0) FROM pg_index i
LEFT JOIN pg_depend d ON d.objid = i.indexrelid AND d.refobjid = i.indrelid
    AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
    AND d.refobjsubid > 0
WHERE i.indexprs IS NOT NULL AND i.indexrelid IN (SELECT i.indexrelid {_UNIQUE})
"""  # noqa: S608 - made of constants

_OPERATORS = b"SELECT oid, opcintype FROM pg_opclass"
_ANY_ARRAY = 2277
_DEFAULT_COLLATION = 100
_CASES = (Equality.CASE, Equality.ASCII_CASE)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column as its keys see it: its type's oid, and which values of it are equal.

    A generated one is `computed` from the columns of these numbers, as its `formula` says.
    """

    name: str
    type: int
    computed: tuple[int, ...] | None = None
    formula: str = ""


@dataclass(frozen=True, slots=True)
class _Index:
    """A key, and the text of its condition, if it has one.

    `parts` are the number of a column, its collation and its operators, of a key that is of columns
    as they are.
    """

    key: UniqueKey
    condition: str
    parts: frozenset[tuple[int, int, int]]

    def implies(self, other: _Index) -> bool:
        """Whether no rows can break the other one that don't break this one."""
        alike = self.key.nulls_equal == other.key.nulls_equal
        return alike and not self.condition and bool(self.parts) and self.parts <= other.parts

    def limited(self, columns: Iterable[str]) -> UniqueKey:
        """The key, with those of all the columns that its condition asks for."""
        found = {name: asked(self.condition, name) for name in columns}
        return replace(
            self.key,
            where=tuple(name for name, asks in found.items() if asks == "value"),
            where_null=tuple(name for name, asks in found.items() if asks == "null"),
        )


class UniqueKeys:
    """The unique keys of all tables, by the oid of the table; `columns` are by oid and number."""

    def __init__(
        self,
        connection: Connection,
        columns: Mapping[int, Mapping[int, TableColumn]],
        equality: Callable[[int, int], Equality],
    ) -> None:
        """`equality` tells it of the oids of a type and a collation."""
        self._columns = columns
        self._equality = equality
        self._rows: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for row in connection.execute(_KEYS.encode()):
            self._rows[row[1]].append(row)
        self._operands: dict[int, int] = dict(connection.execute(_OPERATORS).fetchall())
        self._depends: defaultdict[int, list[int]] = defaultdict(list)
        for index, number in connection.execute(_EXPRESSIONS.encode()):
            self._depends[index].append(number)

    def of(self, oid: int) -> tuple[UniqueKey, ...]:
        indexes = [self._index(row) for row in self._rows.get(oid, ())]
        names = [column.name for column in self._columns.get(oid, {}).values()]
        return tuple(
            index.limited(names)
            if index.condition and not any(each.implies(index) for each in indexes)
            else index.key
            for index in indexes
        )

    def primary(self, oid: int) -> tuple[str, ...]:
        """The columns of the primary key; none where there is none."""
        for _, _, primary, numbers, count, *_ in self._rows.get(oid, ()):
            if primary:
                return tuple(self._columns[oid][int(n)].name for n in numbers.split()[:count])
        return ()

    def behind(self, oid: int, numbers: Iterable[int]) -> tuple[str, ...]:
        """The columns, generated ones as what they are computed from."""
        columns = self._columns.get(oid, {})
        found = (columns[n].computed if columns[n].computed is not None else (n,) for n in numbers)
        return tuple(dict.fromkeys(columns[n].name for each in found for n in each or ()))

    def _index(self, row: tuple[Any, ...]) -> _Index:
        index, oid, _, numbers, count, nulls_equal, collations, text, where = row[:9]
        operators, exclusion = row[9:]
        columns = self._columns[oid]
        # The parts of the index, 0 for an expression; those behind the first are only stored in it.
        parts = list(
            zip(
                map(int, numbers.split()[:count]),
                map(int, collations.split()),
                map(int, operators.split()),
                strict=False,
            )
        )
        plain = dict.fromkeys(number for number, *_ in parts if number > 0)
        mentioned_in = self._in_expressions(oid, index, text)
        inside = [n for n in mentioned_in if n not in plain]
        generated = [n for n in plain if columns[n].computed is not None]
        derived = self.behind(oid, (*inside, *generated))
        expressions = split(text, (",",)) if text else []
        sorted_by = [collation for number, collation, _ in parts if number == 0]
        apart = len(expressions) == len(sorted_by) and all(
            self._keeps_apart(oid, expression, mentioned_in, collation)
            for expression, collation in zip(expressions, sorted_by, strict=False)
        )
        apart = apart and all(
            self._keeps_apart(oid, columns[n].formula, columns[n].computed or ()) for n in generated
        )
        foreign = [n for n, _, used in parts if n and self._foreign(oid, n, used)]
        # A column that is in the key by itself as well, but compares otherwise there.
        if not apart:
            foreign += [n for n in mentioned_in if n in plain and self._loose(oid, n)]
        loose = (n for n, collation, _ in parts if n and self._loose(oid, n, collation))
        key = UniqueKey(
            tuple(columns[n].name for n in (*plain, *inside)),
            self.behind(oid, (*plain, *inside)),
            derived=derived,
            lossy=tuple(dict.fromkeys((*(() if apart else derived), *self.behind(oid, foreign)))),
            loose=tuple(dict.fromkeys(columns[n].name for n in loose)),
            nulls_equal=nulls_equal,
        )
        plainly = not (exclusion or text or generated)
        return _Index(key, where or "", frozenset(parts) if plainly else frozenset())

    def _foreign(self, oid: int, number: int, operators: int) -> bool:
        """Whether a column of citext is compared by the operators of another type."""
        operand = self._operands.get(operators, 0)
        own = operand == _ANY_ARRAY or self._equality(operand, 0) is not Equality.BYTES
        return self._loose(oid, number) and not own

    def _loose(self, oid: int, number: int, collation: int = 0) -> bool:
        return self._equality(self._columns[oid][number].type, collation) is not Equality.BYTES

    def _keeps_apart(
        self, oid: int, formula: str, numbers: Iterable[int], collation: int = 0
    ) -> bool:
        columns = self._columns[oid]
        loose = [columns[n] for n in numbers if self._loose(oid, n)]
        named = mentioned(formula, [column.name for column in loose])
        if not named:
            return keeps_apart(formula)
        # Values that citext takes for equal become equal; nothing else may tell them apart.
        return collation == _DEFAULT_COLLATION and any(
            is_lower(formula, c.name) and self._equality(c.type, 0) in _CASES for c in loose
        )

    def _in_expressions(self, oid: int, index: int, text: str | None) -> list[int]:
        columns = self._columns[oid]
        found: set[int] = set()
        for number in self._depends.get(index, ()):
            depends = [number] if number else list(columns)
            names = mentioned(text or "", [columns[n].name for n in depends])
            found.update(n for n in depends if columns[n].name in names)
        return sorted(found)
