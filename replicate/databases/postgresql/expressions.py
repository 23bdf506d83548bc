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


def _names(code: str, column: str) -> bool:
    quoted = '"' + column.replace('"', '""') + '"'
    bare = rf"(?<![\w$]){re.escape(column)}(?![\w$])"
    return quoted in code or re.search(bare, code) is not None


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
