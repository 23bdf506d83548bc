"""What a CREATE TABLE says of its columns that no pragma tells: lists of values, and expressions.

Nothing here understands SQL as a whole: what isn't one of a few simple forms says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from replicate.databases.sqlite.sql import Token, tokens
from replicate.rows.column import in_both

_DEPTH = {"(": 1, ")": -1}
_CASES = ("lower", "upper")


def listed_values(sql: str, columns: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """By column, the only values that its CHECK constraints take, where they list them.

    A list is one of strings or integers: ``x IN ('a', 'b')``, ``x = 1``, or several of these with
    OR between them. Of two lists for a column it is what is in both.
    """
    spelt = _by_lower_case(columns)
    found: dict[str, tuple[str, ...]] = {}
    for definition in definitions(sql):
        for body in _behind("CHECK", definition):
            terms = [_term(_bare(part), spelt) for part in _split(_bare(body), "OR")]
            names = {term[0] for term in terms if term is not None}
            if len(names) != 1 or None in terms:
                continue
            [name] = names
            labels = tuple(dict.fromkeys(label for term in terms if term for label in term[1]))
            found[name] = in_both(found.get(name, ()), labels)
    return found


def computed_from(sql: str, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """By generated column, the columns that its expression is of in the end, in their order."""
    spelt = _by_lower_case(columns)
    direct: dict[str, set[str]] = {}
    for definition in definitions(sql):
        name = spelt.get(definition[0].name.lower())
        for body in _behind("AS", definition):
            if name is not None:
                mentioned = (spelt.get(token.name.lower()) for token in body if is_name(token))
                direct[name] = {each for each in mentioned if each is not None}
    return {name: _expanded(name, direct, columns) for name in direct}


def formulas(sql: str, columns: Iterable[str]) -> dict[str, list[Token]]:
    """By generated column, the tokens of its expression."""
    spelt = _by_lower_case(columns)
    return {
        spelt[definition[0].name.lower()]: body
        for definition in definitions(sql)
        for body in _behind("AS", definition)
        if definition[0].name.lower() in spelt
    }


def collations(sql: str, columns: Iterable[str]) -> dict[str, str]:
    """By column, the name of its collation in capitals, where it declares one."""
    spelt = _by_lower_case(columns)
    found: dict[str, str] = {}
    for definition in definitions(sql):
        depth = 0
        for token, after in pairwise(definition):
            depth += _DEPTH.get(token.text, 0)
            name = spelt.get(definition[0].name.lower())
            if not depth and token.keyword == "COLLATE" and name is not None:
                found[name] = after.name.upper()
    return found


def _expanded(
    name: str, direct: Mapping[str, Iterable[str]], columns: Sequence[str]
) -> tuple[str, ...]:
    """The columns that are no keys of `direct` which `name` leads to, itself if it is none."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            waiting.extend(direct.get(each, ()))
    return tuple(column for column in columns if column in seen and column not in direct)


def is_name(token: Token) -> bool:
    """Whether it may be the name of a column, in an expression."""
    return token.kind in ("word", "quoted")


def _by_lower_case(columns: Iterable[str]) -> dict[str, str]:
    return {column.lower(): column for column in columns}


def definitions(sql: str) -> Iterator[list[Token]]:
    """The definitions of columns and the constraints on the table, each as its tokens."""
    depth = 0
    found: list[Token] = []
    for token in tokens(sql):
        opening = token.text == "(" and not depth
        depth += _DEPTH.get(token.text, 0)
        if depth and not opening and (depth > 1 or token.text != ","):
            found.append(token)
        elif found:
            yield found
            found = []
        if not depth and token.text == ")":
            return


def _behind(keyword: str, definition: list[Token]) -> Iterator[list[Token]]:
    """What is in the parentheses behind each `keyword` that is in none itself."""
    depth, start = 0, None
    for i, token in enumerate(definition):
        before = depth
        depth += _DEPTH.get(token.text, 0)
        if start is None:
            if not before and depth and i and definition[i - 1].keyword == keyword:
                start = i + 1
        elif not depth:
            yield definition[start:i]
            start = None


def _split(body: list[Token], separator: str) -> list[list[Token]]:
    """The parts between the separators (a keyword, or a character) that are in no parentheses."""
    depth = 0
    parts: list[list[Token]] = [[]]
    for token in body:
        depth += _DEPTH.get(token.text, 0)
        if not depth and separator in (token.keyword, token.text):
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _bare(body: list[Token]) -> list[Token]:
    """Without the parentheses around all of it."""
    while len(body) > 1 and body[0].text == "(" and body[-1].text == ")":
        depth = 0
        for token in body[:-1]:
            depth += _DEPTH.get(token.text, 0)
            if not depth:
                return body
        body = body[1:-1]
    return body


def _term(term: list[Token], spelt: Mapping[str, str]) -> tuple[str, list[str]] | None:
    """The column that a comparison is about, and the values that it lists; None if it is other."""
    if not term:
        return None
    if len(term) > 3 and term[0].name.lower() in _CASES and term[1].text == "(":
        term = term[1:]  # a value in that case is one that the list takes
    if len(term) > 3 and term[0].text == "(" and term[2].text == ")":
        term = [term[1], *term[3:]]
    name = spelt.get(term[0].name.lower()) if is_name(term[0]) else None
    if name is None or len(term) < 2:
        return None
    # A comparison sign of two characters is two tokens.
    verb, rest = term[1].keyword or term[1].text, term[2:]
    if verb == "ISNULL" or (verb == "IS" and [t.keyword for t in rest] == ["NULL"]):
        return (name, []) if verb == "IS" or not rest else None
    if verb == "=" and rest and rest[0].text == "=":
        rest = rest[1:]
    if verb in ("=", "IS"):
        values = [_value(rest, spelt)]
    elif verb == "IN" and len(rest) > 2 and rest[0].text == "(" and _bare(rest) != rest:
        values = [_value(_bare(part), spelt) for part in _split(rest[1:-1], ",")]
    else:
        return None
    labels = [value for value in values if value is not None]
    return (name, labels) if len(labels) == len(values) else None


def _value(literal: list[Token], spelt: Mapping[str, str]) -> str | None:
    """The text of a string or an integer; None if it is anything else."""
    sign = ""
    if len(literal) == 2 and literal[0].text in ("-", "+"):
        sign, literal = literal[0].text, literal[1:]
    if len(literal) != 1:
        return None
    [token] = literal
    if token.text.isascii() and token.text.isdigit():
        return str(int(sign + token.text))
    # What is in double quotes and names no column is a string to SQLite.
    loose = token.text.startswith('"') and token.name.lower() not in spelt
    return token.name if not sign and (token.kind == "string" or loose) else None
