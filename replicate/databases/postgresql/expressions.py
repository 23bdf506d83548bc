"""Expressions as PostgreSQL writes them out: the values that they list, the columns they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

_LITERAL = r"\(?(?:'(?:[^']|'')*'|-?[0-9]+)\)?(?:::[^,\[\]()':=]+)?"
_NAME = r"\(*(?:(?:lower|upper)\(\(?)?(?P<name>\"(?:[^\"]|\"\")+\"|\w+)\)?(?:::[a-z ]+)?\)?"
_ARRAY = rf"ANY \(+ARRAY\[{_LITERAL}(?:, {_LITERAL})*\]\)*(?:::[a-z ]+\[\])?\)*"
_TERM = re.compile(rf"{_NAME} (?:IS NULL|= (?P<values>{_ARRAY}|{_LITERAL}))\)*(?: OR |\Z)")
_STRING = re.compile(r"'(?:[^']|'')*'")
_VALUE = re.compile(r"'((?:[^']|'')*)'|(?<![\w'])(-?[0-9]+)(?!\w)")


def listed(expression: str, name: str) -> tuple[str, ...]:
    """The labels of a constraint such as ``(state = ANY (ARRAY['new'::text, 'old'::text]))``.

    Strings or integers that the column `name` is compared with, with OR between the comparisons;
    none of any other expression. `name` is VALUE for a domain.
    """
    labels: dict[str, None] = {}
    at = 0
    while at < len(expression):
        term = _TERM.match(expression, at)
        if term is None or _unquoted(term["name"]) != name:
            return ()
        for text, number in _VALUE.findall(term["values"] or ""):
            labels[number or text.replace("''", "'")] = None
        at = term.end()
    return tuple(labels)


def mentioned(expression: str, columns: Iterable[str]) -> set[str]:
    """Those of the columns that it names, or all of them where it is of a row as a whole."""
    code = _STRING.sub("''", expression)
    return {name for name in columns if ".*" in code or _names(code, name)}


_APART = re.compile(
    r"""
      (?:'(?:[^']|'')*'|[0-9]+|\(-?[0-9]+\))(?:::[a-z ]+)?(?![\w(\[])
    | ::"?(?:text|character\ varying|citext|bpchar)"?(?![\w(\[])
    | (?P<call>[A-Za-z]\w*)\(
    | COLLATE\ (?:(?:"(?:[^"]|"")+"|\w+)\.)?(?:"(?:[^"]|"")+"|\w+)
    | (?:"(?:[^"]|"")+"|(?P<name>[^\W\d]\w*))(?![\w.(])
    | \|\| | [(),\ ]
    """,
    re.VERBOSE,
)
_KEEP_APART = frozenset({"lower", "upper", "trim", "btrim", "ltrim", "rtrim", "coalesce", "md5"})
_DECIDING = frozenset({"CASE", "IS", "NOT", "AND", "OR", "IN", "LIKE", "BETWEEN", "SIMILAR", "AT"})


def keeps_apart(expression: str) -> bool:
    """Whether it differs wherever a column in it becomes another of a great many random values.

    So do texts in another case, less the blanks around them, or with others before or behind them.
    All else may be the same of distinct values, as are their first letters.
    """
    at = 0
    while at < len(expression):
        token = _APART.match(expression, at)
        if token is None or token["name"] in _DECIDING:
            return False
        if token["call"] and token["call"].lower() not in _KEEP_APART:
            return False
        if token["call"] and "trim" in token["call"].lower():
            within = _until_closed(expression[token.end() :])
            if within is None or not _TRIMS_BLANKS.fullmatch(within):
                return False
        at = token.end()
    return True


_BLANKS = r"' *'::(?:text|bpchar|character varying)"
_ALONE = rf"(?:{_STRING.pattern}|\"(?:[^\"]|\"\")*\"|[^,'\"])*"
_TRIMS_BLANKS = re.compile(
    rf"(?:(?:BOTH|LEADING|TRAILING) (?:{_BLANKS} )?FROM )?(?!BOTH |LEADING |TRAILING ){_ALONE}"
    rf"|(?!BOTH |LEADING |TRAILING ){_ALONE}, {_BLANKS}",
    re.DOTALL,
)
_PIECE = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\w+|.", re.DOTALL)
_DEPTH = {"(": 1, ")": -1}


def split(expression: str, separators: Sequence[str]) -> list[str]:
    """The parts between the separators (a word, or a character) that are in no parentheses."""
    depth = 0
    parts = [""]
    for piece in _PIECE.findall(expression):
        depth += _DEPTH.get(piece, 0)
        if not depth and piece in separators:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts]


def _until_closed(code: str) -> str | None:
    """What is before the parenthesis that closes one in front of it."""
    depth = 1
    for piece in _PIECE.finditer(code):
        depth += _DEPTH.get(piece[0], 0)
        if not depth:
            return code[: piece.start()]
    return None


def is_lower(expression: str, column: str) -> bool:
    """Whether it is lower() of the column, which is no text itself, and nothing more."""
    return re.fullmatch(rf"lower\(\({_bare(column)}\)::text\)", expression) is not None


def asked(condition: str, column: str) -> str:
    """What the condition of an index asks of a column: nothing that masking changes, `null` or
    `value`.

    `null` is whether it is NULL, or the empty string, which only that becomes which is masked so.
    That a value is not NULL, it is no more often once it is masked: that is nothing. All this
    holds of conditions that are tests joined by AND and OR; any other asks for the value.
    """
    if not mentioned(condition, [column]):
        return ""
    bare = _bare(column)
    name = rf"(?:{bare}|\({bare}\)::[a-z ]+)"
    # To characters of a fixed length, blanks are equal to the empty string.
    empty = r"''::(?:text|citext|character varying)"
    found = {""}
    for term in _terms(condition):
        if re.fullmatch(rf"{bare} IS NULL|{name} <> {empty}", term):
            found.add("null")
        elif mentioned(term, [column]) and not re.fullmatch(rf"{bare} IS NOT NULL", term):
            return "value"
    return max(found)


def _terms(condition: str) -> Iterator[str]:
    """What AND and OR join, at any depth."""
    body = condition
    while len(parts := split(body, ("AND", "OR"))) == 1 and body.startswith("("):
        if _until_closed(body[1:]) != body[1:-1]:
            break
        body = body[1:-1]
    if len(parts) == 1 or re.search(r"\b(?:CASE|BETWEEN)\b", body):
        yield body
        return
    for part in parts:
        yield from _terms(part)


def _bare(column: str) -> str:
    """A pattern of its name, in quotes or without."""
    quoted = '"' + column.replace('"', '""') + '"'
    return rf"(?:{re.escape(quoted)}|{re.escape(column)})"


def _names(code: str, column: str) -> bool:
    quoted = '"' + column.replace('"', '""') + '"'
    bare = rf"(?<![\w$]){re.escape(column)}(?![\w$])"
    return quoted in code or re.search(bare, code) is not None


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
