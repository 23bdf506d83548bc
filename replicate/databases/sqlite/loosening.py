"""A table's declared types taken away while it is loaded, and given back.

A column's type converts what is stored in it. Where a source holds values that its types would
convert, because its schema was edited after they were stored, only a column without a type takes
them as they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from replicate.databases.sqlite.declarations import definitions
from replicate.databases.sqlite.schema import read_layout
from replicate.databases.sqlite.sql import literal
from replicate.databases.sqlite.values import CODECS, Affinity, ClassChangedError

_TABLE_CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
_COLUMN_CONSTRAINTS = frozenset(
    {"CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES"}
    | {"GENERATED", "AS"}
)


class Loosened:
    """A table without types, from here until `restore`."""

    def __init__(self, connection: sqlite3.Connection, table: str) -> None:
        """Raises `ClassChangedError` where the types can't be taken away, as in a STRICT table."""
        self._connection = connection
        self._table = table
        [encoding] = connection.execute("PRAGMA encoding").fetchone()
        self._codec = CODECS[encoding]
        [self._sql] = connection.execute(
            "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?", (table,)
        ).fetchone()
        before = read_layout(connection, table, self._sql)
        keys = {column.name for column in before.columns if not column.hidden} & {before.key}
        self._loose = without_types(self._sql, keys)
        try:
            self._run(self.loosening)
            after = read_layout(connection, table, self._sql)
        except sqlite3.Error:
            after = None
        # The text was read by simple means, so what came of it is checked.
        if after is None or not (
            [c.name for c in after.columns] == [c.name for c in before.columns]
            and after.key == before.key
            and all(c.affinity is Affinity.NONE or c.name == after.key for c in after.columns)
        ):
            self.restore()
            raise ClassChangedError

    @property
    def loosening(self) -> list[str]:
        """The statements that took the types away."""
        return self._swap(self._loose)

    @property
    def restoring(self) -> list[str]:
        """The statements that give them back."""
        return self._swap(self._sql)

    def restore(self) -> None:
        self._run(self.restoring)

    def _run(self, statements: list[str]) -> None:
        for statement in statements:
            self._connection.execute(statement)

    def _swap(self, sql: str) -> list[str]:
        text, name = literal(sql, self._codec), literal(self._table, self._codec)
        return [
            "PRAGMA writable_schema = ON;",
            f"UPDATE sqlite_schema SET sql = {text} WHERE type = 'table' AND name = {name};",  # noqa: S608 - literals
            "PRAGMA writable_schema = RESET;",
        ]


def without_types(sql: str, but: Collection[str | None] = ()) -> str:
    """A CREATE TABLE whose columns have no types, but for those named; the rest as it is."""
    kept = list(sql)
    for column in definitions(sql):
        if column[0].keyword in _TABLE_CONSTRAINTS:
            break  # columns come before them
        if column[0].name in but:
            continue
        for token in column[1:]:
            if token.keyword in _COLUMN_CONSTRAINTS:
                break
            kept[token.start : token.start + len(token.text)] = " " * len(token.text)
    return "".join(kept)
