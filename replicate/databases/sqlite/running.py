"""A schema section carried out: its statements checked, those that are left out dropped, and run.

A section comes out of a dump, so it is taken for what anybody may have written. It may build a
database, and do nothing else.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from replicate.databases.base import LoadTable
from replicate.databases.sqlite.connection import translate
from replicate.databases.sqlite.partial import LeftOut
from replicate.databases.sqlite.sql import Statement, describe, split_statements, tokens
from replicate.errors import CorruptError, DatabaseError

_VERBS = frozenset(
    {
        "CREATE TABLE",
        "CREATE INDEX",
        "CREATE VIEW",
        "CREATE TRIGGER",
        "INSERT INTO",
        "DELETE FROM",
        "ANALYZE",
        "PRAGMA",
    }
)

_PRAGMAS = frozenset(
    {
        "encoding",
        "page_size",
        "auto_vacuum",
        "writable_schema",
        "user_version",
        "application_id",
        "journal_mode",
    }
)

_ABSENT = re.compile(r"no such (function|collation sequence): (.+)")


class SchemaRunner:
    """Runs the sections of one dump through one connection."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._left_out = LeftOut()
        self._definitions: dict[str, str] = {}
        self._absent: set[str] = set()
        self._unordered = ""
        _allow_all_schemas(connection)

    def statements(self, script: str, only: Sequence[LoadTable] | None) -> list[Statement]:
        """The statements of a section that are to be run.

        Raises `CorruptError` for one that no section of a dump has.
        """
        found = [describe(sql) for sql in split_statements(script)]
        for statement in found:
            setting = statement.verb == "PRAGMA" and statement.name.lower() not in _PRAGMAS
            if statement.verb not in _VERBS or setting:
                raise CorruptError("the dump's schema holds a statement that no dump has")
        return self._left_out.filter(found, only)

    def run(self, statement: Statement) -> None:
        """Run one statement. Raises `DatabaseError`, which names what it creates."""
        doing = f"{statement.verb} {statement.name} failed"
        self._connection.set_authorizer(_authorize)
        try:
            while not self._try(statement):
                pass
        except sqlite3.Error as error:
            raise translate(error, self._path, doing) from None
        except ValueError:
            raise DatabaseError(f"{doing}: it is not valid text") from None
        finally:
            self._connection.set_authorizer(None)
        self.check_order(doing)
        if statement.verb == "CREATE TABLE":
            self._definitions[statement.name] = statement.sql

    def _try(self, statement: Statement) -> bool:
        try:
            self._connection.execute(statement.sql)
        except sqlite3.OperationalError as error:
            missing = _ABSENT.fullmatch(str(error))
            if missing is None or missing[2].lower() in self._absent:
                raise
            self._stand_in(*missing.groups())
            return False
        return True

    def _stand_in(self, kind: str, name: str) -> None:
        """Let a schema name what only its application has; just to use it is an error."""
        self._absent.add(name.lower())

        def absent(*_: object) -> None:
            raise NotImplementedError

        def unordered(*_: object) -> int:
            self._unordered = name  # an exception would be lost on the way through SQLite
            return 0

        if kind == "function":
            self._connection.create_function(name, -1, absent, deterministic=True)
        else:
            self._connection.create_collation(name, unordered)

    def check_order(self, doing: str) -> None:
        """Raise `DatabaseError` if anything was put in an order that isn't known here."""
        if self._unordered:
            raise DatabaseError(
                f"{doing}: no such collation sequence: {self._unordered}",
                hint="only the application has it; leave the table out with source.skip",
            )

    def definition(self, table: LoadTable) -> str:
        """The statement that created the table. Raises `DatabaseError` where there was none."""
        if table.name not in self._definitions:
            raise DatabaseError(f"the dump holds rows of {table.qualified}, but doesn't create it")
        return self._definitions[table.name]

    def is_checkable(self, table: LoadTable) -> bool:
        """Whether all functions that the table's definition names are there."""
        names = {token.name.lower() for token in tokens(self.definition(table))}
        return self._absent.isdisjoint(names)


def _authorize(
    action: int, first: str | None, second: str | None, schema: str | None, inner: str | None
) -> int:
    """What a statement of a section may do: nothing beyond the new file."""
    del schema, inner
    if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and second in ("load_extension", "fts3_tokenizer"):
        return sqlite3.SQLITE_DENY
    # Modules of virtual tables ask for settings of their own, without changing them.
    if action == sqlite3.SQLITE_PRAGMA and second is not None and first not in _PRAGMAS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _allow_all_schemas(connection: sqlite3.Connection) -> None:
    """Accept what some builds of SQLite refuse: sqlite_schema edited, strings in double quotes."""
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, False)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DQS_DDL, True)
