"""SQL text for SQLite: names and values written out, scripts cut into statements, statements read.

Nothing here understands SQL as a whole. A statement is read as far as its tokens tell what it
creates, on which table, and which names it mentions.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from math import frexp, isinf
from typing import Final

from replicate.errors import DatabaseError

_TOKEN: Final = re.compile(
    r"""
      (?P<skip> [ \t\n\f\r]+ | --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<string> '(?:[^']|'')*' )
    | (?P<quoted> "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] )
    | (?P<word> [A-Za-z_\u0080-\U0010FFFF][A-Za-z0-9_$\u0080-\U0010FFFF]* )
    | (?P<other> [0-9][A-Za-z0-9_.]* | . )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its kind (string, quoted, word or other), its text, and what that stands for."""

    kind: str
    text: str
    start: int

    @property
    def name(self) -> str:
        """The text without its quotes."""
        if self.kind in ("string", "quoted"):
            close = self.text[-1]
            inner = self.text[1:-1]
            return inner if close == "]" else inner.replace(close * 2, close)
        return self.text

    @property
    def keyword(self) -> str:
        """The text in capitals if it may be a keyword, else nothing."""
        return self.text.upper() if self.kind == "word" else ""


def tokens(sql: str) -> Iterator[Token]:
    """The tokens of `sql`, without white space and comments."""
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or "other"
        if kind != "skip":
            yield Token(kind, match.group(), match.start())


def quote(name: str) -> str:
    """`name` as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """`value` as a literal; it must hold no NUL and no surrogate."""
    return "'" + value.replace("'", "''") + "'"


def raw_text_literal(data: bytes) -> str:
    """Text that is exactly these bytes, in the encoding of the database."""
    return f"CAST(X'{data.hex()}' AS TEXT)"


_SHORT_REAL: Final = re.compile(r"-?(?=[0-9.]{1,16}\Z)[0-9]+\.[0-9]{1,4}")
"""Up to 15 digits, 4 of them behind the point: read without an error by every SQLite."""


def real_literal(value: float) -> str:
    """An expression that every SQLite evaluates to `value`, to the last bit.

    SQLite reads long decimals with an error of a unit in the last place at times. So a number
    that isn't short is written as an integer scaled by powers of two, where nothing is rounded.
    """
    if isinf(value):
        return "9e999" if value > 0 else "-9e999"
    if not value:
        return repr(value)
    if _SHORT_REAL.fullmatch(text := repr(value)):
        return text
    fraction, power = frexp(abs(value))
    whole, power = int(fraction * 2**53), power - 53
    while power < 0 and not whole % 2:
        whole, power = whole // 2, power + 1
    steps = [f"{'*' if power > 0 else '/'}(1<<{min(62, left)})" for left in _steps(abs(power))]
    return f"{'-' if value < 0 else ''}{whole}*1.0" + "".join(steps)


def _steps(power: int) -> Iterator[int]:
    while power > 0:
        yield power
        power -= 62


def literal(value: object, codec: str = "utf-8") -> str:
    """A value as SQLite's own driver hands it out (`str` for text, `bytes` for a blob).

    `codec` is Python's name of the database's encoding.
    """
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return real_literal(value)
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if not isinstance(value, str):
        raise TypeError("not a value of SQLite")
    # A client that reads line by line may drop a carriage return, and a NUL would end the script.
    if "\0" in value or "\r" in value:
        return raw_text_literal(value.encode(codec))
    return text_literal(value)


def split_statements(script: str) -> Iterator[str]:
    """The statements of a script, each with the semicolon that ends it.

    Raises `DatabaseError` where the script ends inside a statement.
    """
    start = end = 0
    while (end := script.find(";", end) + 1) > 0:
        statement = script[start:end]
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            start = end
    if next(tokens(script[start:]), None) is not None:
        raise DatabaseError("the script ends inside a statement")


@dataclass(frozen=True, slots=True)
class Statement:
    """What a statement of a schema section is about.

    `verb` is what it does, such as CREATE TABLE, INSERT INTO or PRAGMA; `name` what it creates,
    fills or sets; `table` the table that it is for: of an index or a trigger the one that it is
    on, of a row of SQLite's own tables the one that the row tells of. `mentions` holds every name
    and string in it, in lower case.
    """

    sql: str
    verb: str
    name: str
    table: str
    mentions: frozenset[str]


_TELLING: Final = {"sqlite_schema": 1, "sqlite_sequence": 0, "sqlite_stat1": 0}
"""By SQLite's own table, which string of a statement on its rows is the name of a table."""


def describe(sql: str) -> Statement:
    """Read as much of a statement as tells what it is about."""
    found = list(tokens(sql))
    words = iter(found)
    first = next(words, None)
    verb = first.keyword if first else ""
    name = table = ""
    if verb == "CREATE":
        kind = next((t.keyword for t in words if t.keyword != "UNIQUE"), "")
        verb = f"{verb} {kind}"
        name = next((t.name for t in words), "")
        if verb in ("CREATE INDEX", "CREATE TRIGGER"):
            table = next((next(words, t).name for t in words if t.keyword == "ON"), "")
    elif verb in ("INSERT", "DELETE"):
        into = next((t for t in words if t.keyword in ("INTO", "FROM")), None)
        verb = f"{verb} {into.keyword if into else ''}"
        name = table = next((t.name for t in words), "")
        if name.lower() in _TELLING:
            strings = [t.name for t in words if t.kind == "string"]
            table = next(iter(strings[_TELLING[name.lower()] :]), "")
    elif verb:
        name = next((t.name for t in words), "")
    mentions = frozenset(t.name.lower() for t in found if t.kind != "other")
    return Statement(sql[first.start :] if first else "", verb, name, table, mentions)


@dataclass(frozen=True, slots=True)
class VirtualDeclaration:
    """``CREATE VIRTUAL TABLE name USING module(arguments)``, the arguments as they stand."""

    module: str
    arguments: tuple[str, ...]

    def option(self, key: str) -> str | None:
        """The value of the last argument ``key = value``, unquoted; None where there is none.

        FTS5 takes any beginning of an option's name for the option, so this does as well.
        """
        value = None
        for argument in self.arguments:
            words = list(tokens(argument))
            if len(words) < 2 or words[1].text != "=":
                continue
            if key.startswith(words[0].text.lower()):
                value = words[2].name if len(words) > 2 else ""
        return value


def virtual_declaration(sql: str) -> VirtualDeclaration | None:
    """Read the declaration of a virtual table; None where it can't be read."""
    found = list(tokens(sql))
    using = next((i for i, token in enumerate(found) if token.keyword == "USING"), None)
    if using is None or using + 1 >= len(found):
        return None
    module = found[using + 1].name.lower()
    arguments: list[str] = []
    depth, start = 0, 0
    for token in found[using + 2 :]:
        if token.text == "(":
            depth += 1
            start = start or token.start + 1
        elif token.text == ")":
            depth -= 1
        if start and ((token.text == "," and depth == 1) or depth == 0):
            arguments.append(sql[start : token.start].strip())
            start = token.start + 1
        if depth == 0:
            break
    return VirtualDeclaration(module, tuple(arguments))
