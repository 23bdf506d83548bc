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
from replicate.errors import CorruptError, DatabaseError, ReplicateError

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

_ABSENT_FUNCTION = re.compile(r"no such function: (.+)")


class SchemaRunner:
    """Runs the sections of one dump through one connection."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._left_out = LeftOut()
        self._absent: set[str] = set()
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
        self._connection.set_authorizer(_authorize)
        try:
            while not self._try(statement):
                pass
        except sqlite3.Error as error:
            raise self._failed(statement, error) from None
        except ValueError:
            raise DatabaseError(f"{_what(statement)} is not valid text") from None
        finally:
            self._connection.set_authorizer(None)

    def _try(self, statement: Statement) -> bool:
        try:
            self._connection.execute(statement.sql)
        except sqlite3.OperationalError as error:
            missing = _ABSENT_FUNCTION.fullmatch(str(error))
            if missing is None or missing[1].lower() in self._absent:
                raise
            self._stand_in(missing[1])
            return False
        return True

    def _stand_in(self, name: str) -> None:
        """Let a schema name a function of its application; only a call of it is an error."""
        self._absent.add(name.lower())

        def absent(*_: object) -> None:
            raise NotImplementedError

        self._connection.create_function(name, -1, absent, deterministic=True)

    def _failed(self, statement: Statement, error: sqlite3.Error) -> ReplicateError:
        return translate(error, self._path, f"{_what(statement)} failed")

    def calls_absent(self, table: str) -> bool:
        """Whether the definition of a table names a function that this SQLite doesn't have."""
        [sql] = self._connection.execute(
            "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?", (table,)
        ).fetchone()
        return any(token.name.lower() in self._absent for token in tokens(sql))


def _what(statement: Statement) -> str:
    return f"{statement.verb} {statement.name}".strip()


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
