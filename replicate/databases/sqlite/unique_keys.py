"""Unique keys: the columns that they count, and what they ask of the values of these."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

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
_KEEP_APART = frozenset({"TRIM", "LTRIM", "RTRIM", "COALESCE", "IFNULL", "HEX", *_CASELESS})
_DECIDING = frozenset({"CASE", "IS", "NOT", "AND", "OR", "IN", "LIKE", "BETWEEN", "GLOB", "CAST"})
_DECIDING |= {"ISNULL", "NOTNULL", "MATCH", "REGEXP", "EXISTS"}


@dataclass(frozen=True, slots=True)
class Index:
    """A unique index: its plain columns with their equality, and the columns in its expressions.

    `expressions` and `condition` are their tokens, of an index that has any.
    """

    plain: Mapping[str, Equality]
    inside: tuple[str, ...] = ()
    expressions: Sequence[Token] = ()
    condition: Sequence[Token] = ()


class UniqueKeys:
    """The unique keys of one table, as `Table` has them."""

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

    @cached_property
    def unique(self) -> tuple[tuple[str, ...], ...]:
        """The columns of every unique key, partial ones and those on expressions included."""
        keys: list[tuple[str, ...]] = [] if self._rowid is None else [(self._rowid,)]
        for index in self._indexes:
            keys += [(*index.plain, *index.inside), self._counted(index)]
        return _different(keys)

    @cached_property
    def derived(self) -> tuple[tuple[str, ...], ...]:
        """What the expressions and generated columns of unique keys are computed from."""
        return _different(map(self._derived, self._indexes))

    @cached_property
    def lossy(self) -> tuple[tuple[str, ...], ...]:
        """Those of them that may be the same, however much the values differ."""
        return _different(self._derived(i) for i in self._indexes if not self._keeps_apart(i))

    @cached_property
    def loose(self) -> tuple[tuple[str, ...], ...]:
        """The columns that unique keys compare otherwise than byte for byte."""
        return _different(
            tuple(name for name, equality in index.plain.items() if equality is not Equality.BYTES)
            for index in self._indexes
        )

    def where(self, asks: str) -> tuple[str, ...]:
        """The columns that conditions of unique indexes ask for: for the `value`, or for `null`.

        A key of all rows without a condition, or of fewer columns, leaves them nothing to say.
        """
        whole = [set(self._counted(index)) for index in self._indexes if not index.condition]
        whole += [] if self._rowid is None else [{self._rowid}]
        partial = [index for index in self._indexes if index.condition]
        left = [i for i in partial if not any(each <= set(self._counted(i)) for each in whole)]
        return tuple(
            name for name in self._columns if any(asked(i.condition, name) == asks for i in left)
        )

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
                if equality is Equality.BYTES is not found.get(name, equality):
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

    def _counted(self, index: Index) -> tuple[str, ...]:
        return self.behind((*index.plain, *index.inside))

    def _derived(self, index: Index) -> tuple[str, ...]:
        return self.behind((*index.inside, *(n for n in index.plain if n in self.computed)))

    def _index(self, name: str, *, partial: bool) -> Index:
        # seqno, cid, name, desc, coll, key; without a name it is an expression.
        rows = self._connection.execute(f"PRAGMA main.index_xinfo({quote(name)})").fetchall()
        parts = [(row[2], row[4]) for row in rows if row[5]]
        plain = {
            column: _EQUALITIES.get(str(collation).upper(), Equality.UNKNOWN)
            for column, collation in parts
            if column is not None
        }
        if len(plain) == len(parts) and not partial:
            return Index(plain)
        [sql] = self._connection.execute(
            "SELECT sql FROM main.sqlite_schema WHERE type = 'index' AND name = ?", (name,)
        ).fetchone()
        body, condition = _parts(sql)
        if len(plain) == len(parts):
            return Index(plain, condition=condition)
        # Which columns an expression is of, only its text can tell.
        mentioned = {token.name.lower() for token in body if is_name(token)}
        inside = tuple(n for n in self._columns if n.lower() in mentioned and n not in plain)
        return Index(plain, inside, body, condition)

    def _keeps_apart(self, index: Index) -> bool:
        found = [(index.expressions, index.inside)]
        waiting = [name for name in (*index.plain, *index.inside) if name in self.computed]
        bodies = formulas(self._sql, self._columns) if waiting else {}
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                inner = tuple(
                    n for n in self._columns if n.lower() in {t.name.lower() for t in bodies[name]}
                )
                found.append((bodies[name], inner))
                waiting += [each for each in inner if each in self.computed]
        return all(self._differs(body, names) for body, names in found)

    def _differs(self, body: Sequence[Token], names: Iterable[str]) -> bool:
        # Values that the column takes for equal become equal; this may not have them so.
        exact = all(self.equalities[name] is Equality.BYTES for name in names)
        return keeps_apart(body) and (exact or any(t.keyword in _CASELESS for t in body))


def _different(keys: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    return tuple(dict.fromkeys(filter(None, keys)))


def _parts(sql: str) -> tuple[list[Token], list[Token]]:
    """Of a CREATE INDEX the tokens of what is indexed, and those of its condition."""
    body: list[Token] = []
    condition: list[Token] = []
    depth, found = 0, body
    for token in tokens(sql):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if found is condition or depth > 1 or (depth and token.text != "("):
            found.append(token)
        elif token.keyword == "WHERE":
            found = condition
    return body, condition


def keeps_apart(body: Sequence[Token]) -> bool:
    """Whether it differs wherever a column in it becomes another of a great many random values.

    So do texts in another case, less what is around them, or with others before or behind them.
    All else may be the same of distinct values, as are their first letters.
    """
    texts = ["", *(token.text for token in body), ""]
    for token, before, after in zip(body, texts, texts[2:], strict=False):
        if token.keyword in _DECIDING:
            return False
        if is_name(token) and after == "(" and token.keyword not in _KEEP_APART:
            return False
        if token.text == "|":
            if "|" not in (before, after):
                return False
        elif token.kind == "other" and token.text not in "()," and not token.text.isdigit():
            return False
    return True


def asked(condition: Sequence[Token], column: str) -> str:
    """What the condition of an index asks of a column: nothing that masking changes, `null` or
    `value`.

    `null` is whether it is NULL, or the empty string, which only that becomes which is masked so.
    That a value is not NULL, it is no more often once it is masked: that is nothing.
    """
    words = ["(", *(token.keyword or token.text for token in condition), ")", "", ""]
    found = {
        _test(words[i], words[i + 2 :])
        for i, token in enumerate(condition)
        if is_name(token) and token.name.lower() == column.lower()
    }
    # What turns the outcome round, or looks at it, may be true where a test is not.
    turned = "CASE" in words or any(
        (word == "NOT" and after != "NULL") or (word == ")" and after not in _BEHIND)
        for word, after in pairwise(words)
    )
    if found and (turned or "value" in found):
        return "value"
    return max(found, default="")


def _test(before: str, after: Sequence[str]) -> str:
    """What is asked of the column between those words."""
    for test, asks in _TESTS:
        if tuple(after[: len(test)]) == test and after[len(test)] in _BEHIND:
            return asks if before in ("(", "AND", "OR") else "value"
    return "value"


_BEHIND = ("", ")", "AND", "OR")
_TESTS = (
    (("IS", "NOT", "NULL"), ""),
    (("NOT", "NULL"), ""),
    (("NOTNULL",), ""),
    (("IS", "NULL"), "null"),
    (("ISNULL",), "null"),
    (("<", ">", "''"), "null"),
    (("!", "=", "''"), "null"),
)
