"""A restore written as SQL: the script with which psql makes the same in an empty database.

``psql -X -v ON_ERROR_STOP=1 -f script.sql new_database``. All is one transaction, so a script that
breaks off leaves nothing behind. It runs under ``\\restrict``, as pg_dump's own do since
CVE-2025-8714: whatever a dump holds, it can't have psql run a program.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from replicate.databases.base import LoadTable, RowBlock
from replicate.databases.postgresql.archive import quote
from replicate.databases.postgresql.choosing import Choice
from replicate.databases.postgresql.entries import SETTINGS, Entry, read_script
from replicate.databases.postgresql.families import Family
from replicate.databases.postgresql.loading import (
    CREATE_PAGES,
    PAGES,
    PAGES_NAME,
    PUT_PAGES,
    copy_statement,
    is_large_objects,
)
from replicate.databases.postgresql.running import in_order, privileges_of, sql_of, tasks_of
from replicate.databases.scripts import ScriptBase
from replicate.errors import CorruptError

_HEAD = """\
-- Fills an empty database: psql -X -v ON_ERROR_STOP=1 -f this-script new_database
\\restrict {token}
"""

_END_OF_DATA = re.compile(rb"^\\\.\r?$", re.MULTILINE)

_PUBLIC = re.compile(r'CREATE SCHEMA (?="?public"?[;\s])')


class ScriptDestination(ScriptBase):
    """Writes to a binary stream what `PostgreSQLDestination` would do to an empty database."""

    engine = "postgresql"

    def __init__(self, out: BinaryIO, *, owner: bool = False, privileges: bool = False) -> None:
        self._out = out
        self._owner = owner
        self._privileges = privileges
        self._token = secrets.token_hex(16)
        self._choice: Choice | None = None
        self._pre: list[Entry] = []
        self._family = Family([])
        self._loaded: list[tuple[str, str]] = []
        self._targets: dict[tuple[str, str], tuple[str, str]] = {}

    def begin(self, *, wipe: bool, jobs: int) -> int:
        """One thread at a time may write, whatever `jobs` says; there is nothing to wipe."""
        del wipe, jobs
        self._write(_HEAD.format(token=self._token))
        return 1

    def run(self, script: str, *, only: Sequence[LoadTable] | None = None) -> None:
        """Write the section before the rows, and at the second call the one after them."""
        entries = read_script(script)
        settings = [entry for entry in entries if entry.kind == SETTINGS]
        if self._choice is None:
            self._choice = Choice(entries, only)
            self._pre = entries
            self._family = Family(entries)
            self._targets = self._family.targets(self._choice.tables)
            for entry in settings:
                self._write(f"{entry.sql}\n")
            self._write("BEGIN;\n\n")
            self._create(self._choice.pre)
            return
        added, chosen = self._choice.post(entries)
        self._create(added)
        everything = [*self._pre, *entries]
        tasks = tasks_of(chosen, everything, Family(everything), {}, self._sql)
        if self._privileges:
            tasks += privileges_of([*self._choice.pre, *added])
        for task in in_order(tasks):
            self._write(f"-- {_one_line(task.title)}\n{task.sql}\n\n")

    def _create(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            sql = entry.sql
            if entry.kind == "SCHEMA":  # every new database has the schema public
                sql = _PUBLIC.sub("CREATE SCHEMA IF NOT EXISTS ", sql)
            owner = f"\n{entry.owner}" if self._owner and entry.owner else ""
            self._write(f"-- {_one_line(entry.title)}\n{sql}{owner}\n\n")

    def _sql(self, entry: Entry) -> str:
        return sql_of(entry, owner=self._owner, privileges=self._privileges)

    def load(self, table: LoadTable, blocks: Iterable[RowBlock]) -> int:
        """Write the rows; the number of them.

        Raises `CorruptError` for a line that would end the rows: psql would take what follows for
        SQL.
        """
        large = is_large_objects(table)
        if large:
            self._write(f"{CREATE_PAGES};\n")
        else:
            self._loaded.append((table.schema, table.name))
        target = self._targets.get((table.schema, table.name))
        self._write(f"{copy_statement(table, PAGES_NAME if large else target)};\n")
        rows = 0
        for block in blocks:
            if _END_OF_DATA.search(block.text):
                raise CorruptError(f"a row of {table.qualified} would end the rows of the script")
            if block.text and not block.text.endswith(b"\n"):
                raise CorruptError(f"the rows of {table.qualified} end in the middle of a line")
            self._out.write(block.text)
            rows += block.rows
        self._write("\\.\n\n")
        if large:
            # Within a DO block, since psql would print a line for each page.
            self._write(f"DO $$BEGIN PERFORM {PUT_PAGES.removeprefix('SELECT ')}; END$$;\n")
            self._write(f"DROP TABLE {PAGES};\n\n")
        return rows

    def finish(self) -> None:
        self._write("COMMIT;\n\n")
        for name in dict.fromkeys(map(self._family.analyzed, self._loaded)):
            self._write(f"ANALYZE {'.'.join(map(quote, name))};\n")
        self._write(f"\\unrestrict {self._token}\n")
        self._out.flush()

    def abort(self) -> None:
        """Leave the script without its COMMIT, so that it makes nothing."""

    def _write(self, text: str) -> None:
        self._out.write(text.encode("utf-8", "surrogateescape"))


def _one_line(title: str) -> str:
    """A title fit for a comment: a name may have line breaks in it (CVE-2025-8715)."""
    return re.sub(r"[\r\n]+", " ", title)
