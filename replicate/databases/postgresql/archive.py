"""The table of contents of an archive that ``pg_dump --format=custom --schema-only`` writes.

It tells each object's kind, its SQL, how to drop it, who owns it and what it needs, which an SQL
script doesn't. The format, of the versions 1.14 (PostgreSQL 12) to 1.16 (PostgreSQL 18), as
pg_restore reads it:

- an integer is a byte that is 1 for a negative one, and its magnitude, little end first;
- a string is its length as an integer, -1 for none at all, and its bytes;
- the head is ``PGDMP``, three bytes of version, the sizes of integers and of offsets, the format,
  how data are compressed, the time, the names of the database and of both versions;
- then come the count of entries, and the entries.

Anything that is not as expected is an error: a schema that is read wrongly is restored wrongly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from replicate.databases.postgresql.entries import Entry
from replicate.errors import DatabaseError

PRE_DATA, POST_DATA = 2, 4
"""Values of `Item.section`: what comes before rows, and after."""

_NONE, _DATA = 1, 3

_MAGIC = b"PGDMP"
_CUSTOM = 1
_VERSIONS = ((1, 14), (1, 15), (1, 16))

_OWNED = frozenset({
    "COLLATION", "CONVERSION", "DOMAIN", "EVENT TRIGGER", "FOREIGN DATA WRAPPER", "FOREIGN TABLE",
    "MATERIALIZED VIEW", "PROCEDURAL LANGUAGE", "SCHEMA", "SEQUENCE", "SERVER", "STATISTICS",
    "TABLE", "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TYPE", "VIEW",
})  # fmt: skip
"""Kinds whose owner is set by name."""

_OWNED_BY_SIGNATURE = frozenset({
    "AGGREGATE", "FUNCTION", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "PROCEDURE",
})  # fmt: skip
"""Kinds whose owner is set by what their DROP statement calls them."""

_PRIVILEGES = frozenset({"ACL", "DEFAULT ACL", "ACL LANGUAGE"})


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the table of contents, with pg_dump's names of things.

    `catalog` is the object's catalog and its oid in it; zeros where it has none of its own.
    `section` is `PRE_DATA`, `POST_DATA` or another number for what goes with another entry, such
    as a comment. `table_am` is empty where the default will do, `relkind` where it isn't told.
    """

    id: int
    catalog: tuple[int, int]
    tag: str
    kind: str
    section: int
    sql: str
    drop: str
    schema: str
    table_am: str
    relkind: str
    owner: str
    depends: tuple[int, ...]

    @property
    def owner_sql(self) -> str:
        """The statement that gives the object its owner, or nothing, by pg_restore's rules."""
        if not self.owner or not self.drop:
            return ""
        if self.kind in _OWNED:
            name = quote(self.tag)
            what = f"{self.kind} {f'{quote(self.schema)}.' if self.schema else ''}{name}"
        elif self.kind in _OWNED_BY_SIGNATURE and self.drop.startswith("DROP "):
            what = self.drop.removeprefix("DROP ").rstrip("\n;")
        else:
            return ""
        return f"ALTER {what} OWNER TO {quote(self.owner)};"


def quote(name: str) -> str:
    """The name as an identifier of PostgreSQL's SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """The text as a literal, where standard_conforming_strings is on."""
    return "'" + value.replace("'", "''") + "'"


def read_archive(data: bytes) -> list[Item]:
    """The entries of an archive without data, in the order in which they can be created.

    Text is decoded as UTF-8, with surrogate escapes for what is none. Raises `DatabaseError` for
    what pg_dump can't have written, and for a format that is newer than this.
    """
    reader = _Reader(data)
    version = reader.head()
    items = [reader.item(version) for _ in range(reader.count())]
    reader.end()
    if len({item.id for item in items}) != len(items):
        raise _unreadable("an entry's number is there twice")
    return items


def sections_of(items: Iterable[Item]) -> dict[int, int]:
    """By entry's number, its section: that of what it is about, where it has none of its own."""
    found: dict[int, int] = {}
    here = PRE_DATA
    for item in items:
        if item.section in (PRE_DATA, POST_DATA):
            here = found[item.id] = item.section
        else:
            about = [found[number] for number in item.depends if number in found]
            found[item.id] = max(about, default=here)
    return found


def entry_of(item: Item) -> Entry:
    """The item as an entry of a script, less what takes the other items to know."""
    sql = item.sql.rstrip("\n")
    drop = item.drop.rstrip("\n")
    if item.kind == "SCHEMA" and sql.startswith("--"):
        sql = drop = ""  # the schema public, which is there already
    if item.kind in _PRIVILEGES:
        return Entry(item.id, item.kind, item.schema, item.tag, "", privileges=sql)
    if item.table_am not in ("", "heap"):
        if item.relkind == "p":
            name = f"{quote(item.schema)}.{quote(item.tag)}"
            sql += f"\nALTER TABLE {name} SET ACCESS METHOD {quote(item.table_am)};"
        else:
            sql = (
                f"SET default_table_access_method = {quote(item.table_am)};\n{sql}\n"
                "SET default_table_access_method = heap;"
            )
    return Entry(item.id, item.kind, item.schema, item.tag, sql, drop=drop, owner=item.owner_sql)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._int_size = 4
        self._offset_size = 8

    def head(self) -> tuple[int, int]:
        if self._bytes(len(_MAGIC)) != _MAGIC:
            raise _unreadable("it isn't one")
        major, minor, _ = self._bytes(3)
        if (major, minor) not in _VERSIONS:
            raise DatabaseError(
                f"the archive format {major}.{minor} of this pg_dump is not known here",
                hint="name the folder of another version's programs as pg_bin_path",
            )
        self._int_size = self._byte()
        self._offset_size = self._byte()
        if self._int_size not in (2, 4, 8) or self._offset_size not in (4, 8):
            raise _unreadable("its numbers have an unknown size")
        if self._byte() != _CUSTOM:
            raise _unreadable("it is of another format")
        if minor >= 15:
            self._byte()  # the algorithm that data are compressed with
        else:
            self._int()  # the level that they are
        for _ in range(7):
            self._int()  # the time
        for _ in range(3):
            self._string()  # the database's name, the server's version, pg_dump's
        return major, minor

    def count(self) -> int:
        count = self._int()
        if count < 0:
            raise _unreadable("it has a negative number of entries")
        return count

    def item(self, version: tuple[int, int]) -> Item:
        number = self._int()
        if number <= 0:
            raise _unreadable("an entry has no number")
        if self._int() != 0:
            raise _unreadable("an entry has data")
        catalog = (self._number(), self._number())
        tag, kind = self._text(), self._text()
        section = self._int()
        if not _NONE <= section <= POST_DATA or section == _DATA:
            raise _unreadable(f"an entry is of the section {section}")
        sql, drop = self._text(), self._text()
        self._string()  # how data are copied
        schema = self._text()
        self._string()  # the tablespace
        table_am = self._text()
        relkind = self._int() if version >= (1, 16) else 0
        if not 0 <= relkind < 128:
            raise _unreadable("a relation is of an unknown kind")
        owner = self._text()
        if self._text() != "false":
            raise _unreadable("a table has oids")
        depends = []
        while (text := self._string()) is not None:
            depends.append(_integer(text))
        if self._byte() > 3:  # where its data are, of which there are none
            raise _unreadable("an offset is of an unknown kind")
        self._bytes(self._offset_size)
        return Item(
            id=number,
            catalog=catalog,
            tag=tag,
            kind=kind,
            section=section,
            sql=sql,
            drop=drop,
            schema=schema,
            table_am=table_am,
            relkind=chr(relkind) if relkind else "",
            owner=owner,
            depends=tuple(dict.fromkeys(depends)),
        )

    def end(self) -> None:
        if self._at != len(self._data):
            raise _unreadable("something follows its end")

    def _bytes(self, size: int) -> bytes:
        start = self._at
        self._at = start + size
        if self._at > len(self._data):
            raise _unreadable("it ends too early")
        return self._data[start : self._at]

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _int(self) -> int:
        raw = self._bytes(1 + self._int_size)
        if raw[0] > 1:
            raise _unreadable("a number has an unknown sign")
        value = int.from_bytes(raw, "little") >> 8
        return -value if raw[0] else value

    def _string(self) -> bytes | None:
        length = self._int()
        if length < -1:
            raise _unreadable("a string has a negative length")
        return None if length < 0 else self._bytes(length)

    def _text(self) -> str:
        return (self._string() or b"").decode("utf-8", "surrogateescape")

    def _number(self) -> int:
        return _integer(self._string() or b"")


def _integer(text: bytes) -> int:
    if not text.isdigit() or len(text) > 10:
        raise _unreadable("a number isn't one")
    return int(text)


def _unreadable(why: str) -> DatabaseError:
    return DatabaseError(
        f"pg_dump's archive can't be read: {why}",
        hint="name the folder of another version's programs as pg_bin_path",
    )
