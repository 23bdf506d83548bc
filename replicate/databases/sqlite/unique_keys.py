"""Unique keys: the columns that they count, and what they ask of the values of these."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from replicate.databases.base import UniqueKey
from replicate.databases.sqlite.declarations import (
    collations,
    computed_from,
    formulas,
    is_name,
)
from replicate.databases.sqlite.sql import Token, quote, tokens
from replicate.rows.comparing import Equality

_EQUALITIES = {
    "BINARY": Equality.BYTES,
    "NOCASE": Equality.ASCII_CASE,
    "RTRIM": Equality.TRAILING_SPACES,
}
"""What SQLite's own collations take for equal; others are of those that opened the file."""

_CASELESS = frozenset({"LOWER", "UPPER"})
_TRIMS = frozenset({"TRIM", "LTRIM", "RTRIM"})
_KEEP_APART = frozenset({"COALESCE", "IFNULL", "HEX", *_CASELESS, *_TRIMS})
_DECIDING = frozenset({"CASE", "IS", "NOT", "AND", "OR", "IN", "LIKE", "BETWEEN", "GLOB", "CAST"})
_DECIDING |= {"ISNULL", "NOTNULL", "MATCH", "REGEXP", "EXISTS"}
_DEPTH = {"(": 1, ")": -1}


@dataclass(frozen=True, slots=True)
class Index:
    """A unique index: its plain columns with their equality, and the columns in its expressions.

    `expressions` and `condition` are their tokens, of an index that has any: those of each
    expression by themselves.
    """

    plain: Mapping[str, Equality]
    inside: tuple[str, ...] = ()
    expressions: Sequence[Sequence[Token]] = ()
    condition: Sequence[Token] = ()


class UniqueKeys:
    """The unique keys of one table."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        sql: str,
        columns: Sequence[str],
        indexes: Iterable[tuple[Any, ...]],
        rowid: str | None,
    ) -> None:
        """`sql` made the table of `columns`; `indexes` is its index_list, `rowid` the name of the
        column that is the rowid, if one is.
        """
        self._connection = connection
        self._sql = sql
        self._columns = columns
        self._rowid = rowid
        self._indexes = [self._index(each[1], partial=each[4]) for each in indexes if each[2]]

    def all(self) -> tuple[UniqueKey, ...]:
        """Every one of them, partial ones and those on expressions included."""
        rowid = [] if self._rowid is None else [UniqueKey((self._rowid,), (self._rowid,))]
        return tuple(rowid + [self._key(index) for index in self._indexes])

    def _key(self, index: Index) -> UniqueKey:
        loose = (name for name, each in index.plain.items() if each is not Equality.BYTES)
        covered = not index.condition or self._is_covered(index)
        asked = {} if covered else {n: self._asked(index.condition, n) for n in self._columns}
        return UniqueKey(
            (*index.plain, *index.inside),
            self.behind((*index.plain, *index.inside)),
            derived=self._derived(index),
            lossy=() if self._keeps_apart(index) else self._lossy(index),
            loose=tuple(loose),
            where=tuple(name for name, asks in asked.items() if asks == "value"),
            where_null=tuple(name for name, asks in asked.items() if asks == "null"),
        )

    def _is_covered(self, index: Index) -> bool:
        """Whether a key of all rows has no other columns, and compares these in the same way."""
        whole = [i.plain.items() for i in self._indexes if self._is_plain(i) and not i.condition]
        whole += [] if self._rowid is None else [{self._rowid: Equality.BYTES}.items()]
        return self._is_plain(index) and any(each <= index.plain.items() for each in whole)

    def _is_plain(self, index: Index) -> bool:
        """Whether it is of columns as they are, compared by rules that are known."""
        generated = any(name in self.computed for name in index.plain)
        return not (index.inside or index.expressions or generated) and (
            Equality.UNKNOWN not in index.plain.values()
        )

    def _asked(self, condition: Sequence[Token], name: str) -> str:
        found = asked(condition, name)
        # Blanks may be equal to the empty string, and what replaces them not.
        sure = self.equalities[name] in (Equality.BYTES, Equality.ASCII_CASE)
        return found if sure or not found else "value"

    @cached_property
    def equalities(self) -> dict[str, Equality]:
        """What each column takes for equal; unknown where one of its keys has it otherwise."""
        declared = collations(self._sql, self._columns)
        found = {
            name: _EQUALITIES.get(declared.get(name, "BINARY"), Equality.UNKNOWN)
            for name in self._columns
        }
        for index in self._indexes:
            for name, equality in index.plain.items():
                if found.get(name, equality) not in (Equality.BYTES, equality):
                    found[name] = Equality.UNKNOWN
        return found

    @cached_property
    def computed(self) -> dict[str, tuple[str, ...]]:
        """What each generated column is computed from."""
        return computed_from(self._sql, self._columns)

    def behind(self, names: Iterable[str]) -> tuple[str, ...]:
        """The columns, generated ones as what they are computed from."""
        found = (self.computed.get(name, (name,)) for name in names)
        return tuple(dict.fromkeys(name for each in found for name in each))

    def _derived(self, index: Index) -> tuple[str, ...]:
        return self.behind((*index.inside, *(n for n in index.plain if n in self.computed)))

    def _lossy(self, index: Index) -> tuple[str, ...]:
        # A column that is in the key by itself as well, but compares otherwise there.
        within = {name for body in index.expressions for name in self._in(body)}
        loose = [n for n in index.plain if self.equalities[n] is not Equality.BYTES]
        twice = self.behind(name for name in loose if name in within)
        return tuple(dict.fromkeys((*self._derived(index), *twice)))

    def _index(self, name: str, *, partial: bool) -> Index:
        # seqno, cid, name, desc, coll, key; without a name it is an expression.
        rows = self._connection.execute(f"PRAGMA main.index_xinfo({quote(name)})").fetchall()
        parts = [(row[2], row[4]) for row in rows if row[5]]
        plain: dict[str, Equality] = {}
        for column, collation in parts:
            equality = _EQUALITIES.get(str(collation).upper(), Equality.UNKNOWN)
            if column is not None:
                same = plain.get(column, equality) is equality
                plain[column] = equality if same else Equality.UNKNOWN
        computed = [column is None for column, _ in parts]
        if not any(computed) and not partial:
            return Index(plain)
        [sql] = self._connection.execute(
            "SELECT sql FROM main.sqlite_schema WHERE type = 'index' AND name = ?", (name,)
        ).fetchone()
        body, condition = _parts(sql)
        if not any(computed):
            return Index(plain, condition=condition)
        # Which columns an expression is of, only its text can tell.
        mentioned = {token.name.lower() for token in body if is_name(token)}
        inside = tuple(n for n in self._columns if n.lower() in mentioned and n not in plain)
        found = _split(body, (",",))
        if len(found) == len(computed):
            found = [each for each, is_one in zip(found, computed, strict=True) if is_one]
        return Index(plain, inside, found, condition)

    def _keeps_apart(self, index: Index) -> bool:
        found = [*index.expressions]
        waiting = [name for name in (*index.plain, *index.inside) if name in self.computed]
        bodies = formulas(self._sql, self._columns) if waiting else {}
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                found.append(bodies[name])
                waiting += [n for n in self._in(bodies[name]) if n in self.computed]
        return all(self._differs(body) for body in found)

    def _in(self, body: Sequence[Token]) -> tuple[str, ...]:
        mentioned = {token.name.lower() for token in body if is_name(token)}
        return tuple(name for name in self._columns if name.lower() in mentioned)

    def _differs(self, body: Sequence[Token]) -> bool:
        loose = [n for n in self._in(body) if self.equalities[n] is not Equality.BYTES]
        if not loose:
            return keeps_apart(body)
        # Values that the column takes for equal become equal; nothing else may tell them apart.
        call = [token.text for token in body]
        return (
            len(call) == 4
            and body[0].keyword in _CASELESS
            and (call[1], call[3]) == ("(", ")")
            and self.equalities[loose[0]] is Equality.ASCII_CASE
        )


def _parts(sql: str) -> tuple[list[Token], list[Token]]:
    """Of a CREATE INDEX the tokens of what is indexed, and those of its condition."""
    body: list[Token] = []
    condition: list[Token] = []
    depth, found = 0, body
    for token in tokens(sql):
        depth += _DEPTH.get(token.text, 0)
        if found is condition or depth > 1 or (depth and token.text != "("):
            found.append(token)
        elif token.keyword == "WHERE":
            found = condition
    return body, condition


def keeps_apart(body: Sequence[Token]) -> bool:
    """Whether it differs wherever a column in it becomes another of a great many random values.

    So do texts in another case, less the blanks around them, or with others before or behind them.
    All else may be the same of distinct values, as are their first letters.
    """
    texts = ["", *(token.text for token in body), ""]
    for i, (token, before, after) in enumerate(zip(body, texts, texts[2:], strict=False)):
        if token.keyword in _DECIDING:
            return False
        if is_name(token) and after == "(" and token.keyword not in _KEEP_APART:
            return False
        if token.keyword in _TRIMS and after == "(" and not _trims_blanks(body[i + 2 :]):
            return False
        if token.text == "|":
            if "|" not in (before, after):
                return False
        elif token.kind == "other" and token.text not in "()," and not token.text.isdigit():
            return False
    return True


def _trims_blanks(rest: Sequence[Token]) -> bool:
    """Whether a call of trim() whose arguments `rest` begins with takes away nothing but blanks."""
    depth = 1
    for i, token in enumerate(rest):
        depth += _DEPTH.get(token.text, 0)
        if not depth:
            return True
        if depth == 1 and token.text == ",":
            literal, close = (*rest[i + 1 : i + 3], None, None)[:2]
            blank = literal is not None and literal.kind == "string" and not literal.name.strip(" ")
            return blank and close is not None and close.text == ")"
    return False


def asked(condition: Sequence[Token], column: str) -> str:
    """What the condition of an index asks of a column: nothing that masking changes, `null` or
    `value`.

    `null` is whether it is NULL, or the empty string, which only that becomes which is masked so.
    That a value is not NULL, it is no more often once it is masked: that is nothing. All this
    holds of conditions that are tests joined by AND and OR; any other asks for the value.
    """
    named = [is_name(token) and token.name.lower() == column.lower() for token in condition]
    if not any(named):
        return ""
    words = [token.keyword or token.text for token in condition]
    # There an AND joins no tests.
    if "BETWEEN" in words or "CASE" in words:
        return "value"
    return max(_asked(term, column) for term in _terms(condition))


def _terms(condition: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """What AND and OR join, at any depth."""
    body = condition
    while len(parts := _split(body, ("AND", "OR"))) == 1 and _enclosed(body):
        body = body[1:-1]
    if len(parts) == 1:
        yield body
        return
    for part in parts:
        yield from _terms(part)


def _split(body: Sequence[Token], separators: Sequence[str]) -> list[list[Token]]:
    """The parts between the separators that are in no parentheses."""
    depth = 0
    parts: list[list[Token]] = [[]]
    for token in body:
        depth += _DEPTH.get(token.text, 0)
        if not depth and (token.keyword or token.text) in separators:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _enclosed(body: Sequence[Token]) -> bool:
    """Whether the parentheses that it begins and ends with are around all of it."""
    if len(body) < 2 or (body[0].text, body[-1].text) != ("(", ")"):
        return False
    depths = accumulate(_DEPTH.get(token.text, 0) for token in body[:-1])
    return all(depth > 0 for depth in depths)


def _asked(term: Sequence[Token], column: str) -> str:
    if not any(is_name(token) and token.name.lower() == column.lower() for token in term):
        return ""
    first, *test = term
    if not is_name(first) or first.name.lower() != column.lower():
        return "value"
    return _TESTS.get(tuple(token.keyword or token.text for token in test), "value")


_TESTS = {
    ("IS", "NOT", "NULL"): "",
    ("NOT", "NULL"): "",
    ("NOTNULL",): "",
    ("IS", "NULL"): "null",
    ("ISNULL",): "null",
    ("<", ">", "''"): "null",
    ("!", "=", "''"): "null",
}
