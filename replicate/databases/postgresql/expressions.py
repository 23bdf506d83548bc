"""Expressions as PostgreSQL writes them out: the values that they list, the columns they name."""

from __future__ import annotations

import re
from collections.abc import Iterable

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

    So do texts in another case, less what is around them, or with others before or behind them.
    All else may be the same of distinct values, as are their first letters.
    """
    at = 0
    while at < len(expression):
        token = _APART.match(expression, at)
        if token is None or token["name"] in _DECIDING:
            return False
        if token["call"] and token["call"].lower() not in _KEEP_APART:
            return False
        at = token.end()
    return True


_AROUND_TERM = re.compile(r"\bNOT\b|\bCASE\b|#\)* (?:[=<>!]|IS\b)|[=<>] \(*#")


def asked(condition: str, column: str) -> str:
    """What the condition of an index asks of a column: nothing that masking changes, `null` or
    `value`.

    `null` is whether it is NULL, or the empty string, which only that becomes which is masked so.
    That a value is not NULL, it is no more often once it is masked: that is nothing.
    """
    if not mentioned(condition, [column]):
        return ""
    quoted = '"' + column.replace('"', '""') + '"'
    bare = rf"(?:{re.escape(quoted)}|(?<![\w$.\"]){re.escape(column)})"
    name = rf"(?:{bare}|\({bare}\)::[a-z ]+)"
    left = re.sub(rf"\({bare} IS NOT NULL\)", "#", condition)
    rest = re.sub(rf"\((?:{bare} IS NULL|{name} <> ''::[a-z ]+)\)", "#", left)
    if mentioned(rest, [column]) or _AROUND_TERM.search(_STRING.sub("''", rest)):
        return "value"
    return "null" if rest != left else ""


def _names(code: str, column: str) -> bool:
    quoted = '"' + column.replace('"', '""') + '"'
    bare = rf"(?<![\w$]){re.escape(column)}(?![\w$])"
    return quoted in code or re.search(bare, code) is not None


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
