"""The scalar types of conf.yaml: what each accepts, and what it says of anything else.

A value that stands in the file has to have its own type: text for text, a number for a number.
Text that came from the environment is read as whatever is wanted. `Unjudged` text passes
everywhere; a stand-in takes its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from replicate.config.connection import ConnectionURI
from replicate.config.document import resolve_scalar
from replicate.config.environment import FromEnvironment, Unjudged

KIB, MIB, GIB = 1024, 1024**2, 1024**3
MIN_CHUNK_SIZE, MAX_CHUNK_SIZE = 64 * KIB, GIB

_VARIABLE = {"type": "string", "pattern": r"^.*\$.*"}
_SIZE = re.compile(r"([0-9]{1,12}) ?([A-Za-z]*)\Z")
_UNITS = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": KIB,
    "mib": MIB,
    "gib": GIB,
}
_STAND_IN_URI = ConnectionURI("sqlite:")


def wrong(message: str, hint: str | None = None) -> PydanticCustomError:
    """An error whose message is ours, word for word."""
    return PydanticCustomError("config", "{message}", {"message": message, "hint": hint or ""})


def unexpected(expected: str, value: object, hint: str | None = None) -> PydanticCustomError:
    return wrong(f"expected {expected}, found {kind_of(value)}", hint)


def kind_of(value: object) -> str:
    """What `value` is, in words that don't tell it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, FromEnvironment):
        return "other text in the environment"
    if isinstance(value, str):
        return "text" if value else "empty text"
    return "a list" if isinstance(value, list) else "a mapping"


def _quoting_hint(value: object) -> str | None:
    if isinstance(value, bool):
        return "put it in quotes: bare yes, no, on and off mean true and false"
    return "put it in quotes" if isinstance(value, int | float) else None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise unexpected("text", value, _quoting_hint(value))
    return str(value)


def filled_text(value: object) -> str:
    text = _text(value)
    if not text:
        raise wrong("is empty", "fill it in, or leave the key out")
    return text


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value) or None


def _secret(value: object) -> SecretStr:
    return value if isinstance(value, SecretStr) else SecretStr(filled_text(value))


def _optional_secret(value: object) -> SecretStr | None:
    if value is None or isinstance(value, SecretStr):
        return value
    return SecretStr(text) if (text := _text(value).strip()) else None


def _uri(value: object) -> ConnectionURI | str:
    if isinstance(value, ConnectionURI):
        return value
    return _STAND_IN_URI if isinstance(value, Unjudged) else _text(value)


def _web_address(value: object) -> str:
    text = filled_text(value).strip()
    if isinstance(value, Unjudged):
        return text
    scheme, separator, rest = text.partition("://")
    if scheme.lower() not in {"http", "https"} or not separator or rest[:1] in {"", "/"}:
        raise wrong("expected an address that begins with https:// or http://")
    return f"{scheme.lower()}://{rest}"


def _number(number: float, given: object) -> str:
    """A number for a message; not shown where it came from the environment."""
    return "another number" if isinstance(given, FromEnvironment) else str(number)


def parse_switch(value: object, expected: str) -> bool:
    """True or false, as YAML or as text of the environment."""
    if isinstance(value, Unjudged):
        return False
    meant = resolve_scalar(value) if isinstance(value, FromEnvironment) else value
    if not isinstance(meant, bool):
        raise unexpected(expected, value)
    return meant


def _switch(value: object) -> bool:
    return parse_switch(value, "true or false")


def _whole_number(low: int, high: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if isinstance(value, Unjudged):
            return low
        meant = resolve_scalar(value) if isinstance(value, FromEnvironment) else value
        expected = f"a whole number from {low} to {high}"
        if isinstance(meant, float):
            raise wrong(f"expected {expected}, found {_number(meant, value)}")
        if isinstance(meant, bool) or not isinstance(meant, int):
            hint = "remove the quotes" if str(value).isdecimal() else None
            raise unexpected(expected, value, hint)
        if not low <= meant <= high:
            raise wrong(f"expected {expected}, found {_number(meant, value)}")
        return meant

    return check


def one_of(*texts: str) -> Callable[[object], str]:
    """Takes one of `texts` and nothing else."""

    def check(value: object) -> str:
        if isinstance(value, Unjudged):
            return texts[0]
        if not isinstance(value, str) or value not in texts:
            raise unexpected(" or ".join(texts), value)
        return str(value)

    return check


def _size(value: object) -> int:
    if isinstance(value, Unjudged):
        return MIN_CHUNK_SIZE
    expected = "a size such as 16MiB, from 64KiB to 1GiB"
    size = value
    if isinstance(value, str):
        match = _SIZE.match(value.strip())
        unit = _UNITS.get(match[2].lower()) if match else None
        if match is None or unit is None:
            raise unexpected(expected, value)
        size = int(match[1]) * unit
    if isinstance(size, bool) or not isinstance(size, int):
        raise unexpected(expected, value)
    if not MIN_CHUNK_SIZE <= size <= MAX_CHUNK_SIZE:
        raise wrong(f"expected {expected}, found {_number(size, value)}")
    return size


def _number_schema(low: int, high: int) -> dict[str, Any]:
    return {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, _VARIABLE]}


_TEXT_SCHEMA = WithJsonSchema({"type": "string"})
SWITCH_SCHEMA = WithJsonSchema({"anyOf": [{"type": "boolean"}, _VARIABLE]})

Text = Annotated[str, BeforeValidator(_text), _TEXT_SCHEMA]
"""Any text, the empty one too: databases have such names."""

FilledText = Annotated[
    str, BeforeValidator(filled_text), WithJsonSchema({"type": "string", "minLength": 1})
]

TransformerName = Annotated[
    str, BeforeValidator(filled_text), WithJsonSchema({"type": ["string", "null"]})
]
"""An editor's YAML takes the name of the transformer `null` for nothing; ours doesn't."""

OptionalText = Annotated[str | None, BeforeValidator(_optional_text), _TEXT_SCHEMA]
"""Text, where an empty value (of a variable, say) means none."""

Secret = Annotated[
    SecretStr, BeforeValidator(_secret), WithJsonSchema({"type": "string", "minLength": 1})
]

OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_optional_secret), _TEXT_SCHEMA]
"""Without whitespace around it: files that hold a secret often end in a line break."""

URI = Annotated[ConnectionURI, BeforeValidator(_uri)]

WebAddress = Annotated[
    str,
    BeforeValidator(_web_address),
    WithJsonSchema({"type": "string", "pattern": r"^[hH][tT][tT][pP][sS]?://.|\$"}),
]

Switch = Annotated[bool, BeforeValidator(_switch), SWITCH_SCHEMA]

Jobs = Annotated[int, BeforeValidator(_whole_number(1, 64)), WithJsonSchema(_number_schema(1, 64))]

Attempts = Annotated[
    int, BeforeValidator(_whole_number(1, 100)), WithJsonSchema(_number_schema(1, 100))
]

Seconds = Annotated[
    int, BeforeValidator(_whole_number(1, 3600)), WithJsonSchema(_number_schema(1, 3600))
]

Level = Annotated[int, BeforeValidator(_whole_number(1, 19)), WithJsonSchema(_number_schema(1, 19))]

Percent = Annotated[
    int, BeforeValidator(_whole_number(0, 100)), WithJsonSchema(_number_schema(0, 100))
]

Size = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": MIN_CHUNK_SIZE, "maximum": MAX_CHUNK_SIZE},
                {"type": "string", "pattern": r"^[0-9]+ ?([kKmMgG]i?)?[bB]?$|\$"},
            ]
        }
    ),
]
"""Bytes: a number, or text with a unit (kB, MB, GB of 1000; KiB, MiB, GiB of 1024)."""
