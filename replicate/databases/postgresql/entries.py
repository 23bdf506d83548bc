"""A schema section as a list of entries, and as the SQL script that a dump holds.

pg_dump knows what it writes object by object: kind, name, dependencies, how to drop it. A restore
needs all of that, to leave a table out, to build indexes side by side or to clear the way; and a
script tells none of it to who doesn't parse SQL. So each object's SQL stands in the script behind
a comment with the rest, which psql ignores:

    \\restrict 5f3a…
    --@ {"id":214,"kind":"TABLE","schema":"public","name":"users","size":187,…}
    CREATE TABLE public.users (
    …
    \\unrestrict 5f3a…

`size` counts the UTF-8 bytes of the SQL, which a newline follows; so a reader never has to find out
where a statement ends. Statements that run on request alone, such as GRANT, stand in the comment.
What `\\restrict` is for: PostgreSQL's documentation of psql, and CVE-2025-8714.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from replicate.errors import CorruptError

SETTINGS = "SETTINGS"
"""The kind of the entry that every session runs first: character set, search path and the like."""

_MARK = "--@ "
_RESTRICT = re.compile(r"\\(?:un)?restrict [0-9A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a schema, or one statement about it.

    `kind` is pg_dump's word for it (``TABLE``, ``FK CONSTRAINT``), or one of ours. `depends` holds
    the ids of the entries that come first; ids are of one dump, both its sections together. `table`
    is the (schema, name) of the table that an index, a constraint, a trigger, … belongs to.
    `sql` may be several statements, or empty. `drop` removes the object. `owner` and `privileges`
    are run only by a restore that keeps them.
    """

    id: int
    kind: str
    schema: str
    name: str
    sql: str
    depends: tuple[int, ...] = ()
    table: tuple[str, str] | None = None
    drop: str = ""
    owner: str = ""
    privileges: str = ""

    @property
    def title(self) -> str:
        """The object in a few words, for messages: ``index public.users_email_key``."""
        name = f"{self.schema}.{self.name}" if self.schema else self.name
        return f"{self.kind.lower()} {name}"


def write_script(entries: Iterable[Entry]) -> str:
    """The entries as a script that psql runs, and `read_script` reads."""
    token = secrets.token_hex(16)
    parts = [f"\\restrict {token}\n"]
    for entry in entries:
        about: dict[str, Any] = {
            "id": entry.id,
            "kind": entry.kind,
            "schema": entry.schema,
            "name": entry.name,
            "size": len(entry.sql.encode("utf-8", "surrogateescape")),
        }
        if entry.table is not None:
            about["table"] = list(entry.table)
        for key in ("depends", "drop", "owner", "privileges"):
            if value := getattr(entry, key):
                about[key] = value
        parts.append(f"{_MARK}{json.dumps(about, separators=(',', ':'))}\n{entry.sql}\n")
    parts.append(f"\\unrestrict {token}\n")
    return "".join(parts)


def read_script(script: str) -> list[Entry]:
    """The entries of a section. Raises `CorruptError` for what `write_script` can't have written.

    The scripts of several chunks may follow one another.
    """
    data = script.encode("utf-8", "surrogateescape")
    entries = []
    at = 0
    while at < len(data):
        end = data.find(b"\n", at)
        end = end if end >= 0 else len(data)
        line = data[at:end].decode("utf-8", "surrogateescape")
        at = end + 1
        if line.startswith(_MARK):
            entry, size = _read_entry(line[len(_MARK) :], data, at)
            entries.append(entry)
            at += size + 1
        elif not _RESTRICT.fullmatch(line):
            raise _damaged("a line belongs to no entry")
    return entries


def _read_entry(line: str, data: bytes, at: int) -> tuple[Entry, int]:
    try:
        about = json.loads(line)
        size = _number(about["size"])
        table = about.get("table")
        schema_and_name = None if table is None else (_text(table[0]), _text(table[1]))
        entry = Entry(
            id=_number(about["id"]),
            kind=_text(about["kind"]),
            schema=_text(about["schema"]),
            name=_text(about["name"]),
            sql=_text(data[at : at + size].decode("utf-8", "surrogateescape")),
            depends=tuple(_number(number) for number in about.get("depends", ())),
            table=schema_and_name,
            drop=_text(about.get("drop", "")),
            owner=_text(about.get("owner", "")),
            privileges=_text(about.get("privileges", "")),
        )
    except (
        ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError
    ) as error:  # fmt: skip
        raise _damaged(f"an entry can't be read ({type(error).__name__})") from None
    if data[at + size : at + size + 1] != b"\n":
        raise _damaged(f"the SQL of {entry.title} is not where it should end")
    return entry, size


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    # No statement can hold a NUL: the client library would send what is before it, and no more.
    if b"\0" in value.encode("utf-8", "surrogateescape"):
        raise ValueError
    return value


def _damaged(why: str) -> CorruptError:
    return CorruptError(f"a schema section of the dump is not as PostgreSQL's are: {why}")
