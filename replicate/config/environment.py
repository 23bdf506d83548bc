"""Environment variables in the values of conf.yaml.

``$NAME`` and ``${NAME}`` stand for a variable, ``${NAME:-default}`` for the default where the
variable is unset or empty, ``$$`` for one dollar sign; anywhere in a string. A dollar sign that
neither a name nor a brace follows stands for itself, as in ``$5``. What a variable holds is taken
as it is: dollar signs in it mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from replicate.config.document import Value
from replicate.config.positions import Positions, join
from replicate.errors import ConfigError

MAX_NESTING = 8

_PLAIN = re.compile(r"[^$}]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"\$(\$|\{|[A-Za-z_])")

LITERAL_KEYS = frozenset({"database", "table", "name", "passthrough_tables", "transformer_options"})
"""Keys of `source` whose values are taken as they are written: names, and what transformers get."""


class FromEnvironment(str):
    """Text that holds the value of a variable, and so may be meant as a number or a switch."""

    __slots__ = ()


class Unjudged(str):
    """Text with a dollar sign in a section that is not asked for: whatever it means is accepted."""

    __slots__ = ()


def holds_reference(text: str) -> bool:
    """Whether a variable is named in `text`."""
    return any(match[1] != "$" for match in _REFERENCE.finditer(text))


def expand(text: str, environ: Mapping[str, str]) -> str:
    """`text` with its variables replaced: a `FromEnvironment` where it names any.

    Raises `ConfigError`, without a place, for a variable that is not set and for braces that
    can't be understood.
    """
    if "$" not in text:
        return text
    expanded = _Expansion(text, environ).run(depth=0, live=True)
    return FromEnvironment(expanded) if holds_reference(text) else expanded


def expand_sections(
    data: Mapping[str, Any],
    sections: Collection[str],
    environ: Mapping[str, str],
    positions: Positions,
) -> tuple[dict[str, Any], list[ConfigError]]:
    """The data of a document, ready to be validated, and what could not be expanded.

    Strings of `sections` are expanded; strings with a dollar sign in the others are marked as
    `Unjudged`.
    """
    problems: list[ConfigError] = []

    def judged(text: str, key: str) -> str:
        try:
            return expand(text, environ)
        except ConfigError as error:
            problems.append(positions.error(key, error.message, error.hint))
            return Unjudged(text)

    def unjudged(text: str, _key: str) -> str:
        return Unjudged(text) if "$" in text else text

    prepared = {
        name: _walk(value, join("", name), judged if name in sections else unjudged)
        for name, value in data.items()
    }
    return prepared, problems


def _walk(value: Value, key: str, apply: Callable[[str, str], str]) -> Value:
    if isinstance(value, str):
        return apply(value, key)
    if isinstance(value, list):
        return [_walk(item, join(key, index), apply) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {
            name: item if name in LITERAL_KEYS else _walk(item, join(key, name), apply)
            for name, item in value.items()
        }
    return value


class _Expansion:
    """One pass over one string, from left to right."""

    def __init__(self, text: str, environ: Mapping[str, str]) -> None:
        self._text = text
        self._environ = environ
        self._at = 0

    def run(self, *, depth: int, live: bool) -> str:
        """Expand up to the end, or up to the brace that ends a default at `depth`.

        A default that is not needed is not `live`: it is read, and its variables need not be set.
        """
        parts: list[str] = []
        while self._at < len(self._text):
            if plain := _PLAIN.match(self._text, self._at):
                parts.append(plain[0])
                self._at = plain.end()
            elif self._text[self._at] == "}":
                if depth:
                    return "".join(parts)
                parts.append("}")
                self._at += 1
            else:
                self._at += 1
                parts.append(self._dollar(depth, live))
        if depth:
            raise _bad_braces("a `${` is not closed")
        return "".join(parts)

    def _dollar(self, depth: int, live: bool) -> str:
        if self._text.startswith("$", self._at):
            self._at += 1
            return "$"
        if self._text.startswith("{", self._at):
            self._at += 1
            return self._braces(depth, live)
        name = _NAME.match(self._text, self._at)
        if name is None:
            return "$"
        self._at = name.end()
        return self._variable(name[0]) if live else ""

    def _braces(self, depth: int, live: bool) -> str:
        name = _NAME.match(self._text, self._at)
        if name is None:
            raise _bad_braces("a `${` is not followed by the name of a variable")
        self._at = name.end()
        if self._text.startswith("}", self._at):
            self._at += 1
            return self._variable(name[0]) if live else ""
        if not self._text.startswith(":-", self._at):
            raise _bad_braces("only ${NAME} and ${NAME:-default} are understood")
        if depth == MAX_NESTING:
            raise _bad_braces("defaults are nested too deep")
        self._at += 2
        given = bool(self._environ.get(name[0]))
        default = self.run(depth=depth + 1, live=live and not given)
        self._at += 1
        return self._variable(name[0]) if live and given else default

    def _variable(self, name: str) -> str:
        value = self._environ.get(name)
        if value is None:
            raise ConfigError(
                f"the environment variable {name} is not set",
                hint="set it, or write $$ where a dollar sign is meant",
            )
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            raise ConfigError(f"the environment variable {name} is not UTF-8 text")
        return value


def _bad_braces(message: str) -> ConfigError:
    return ConfigError(message, hint="write $$ where a dollar sign is meant")
