"""What a condition compares: columns and constants."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date

from replicate.errors import UsageError
from replicate.rows.column import Kind
from replicate.rows.comparing import Reading
from replicate.transformers.wrapping.forms import Sort, Values

_WORDS = {"true": "t", "false": "f"}


@dataclass(frozen=True, slots=True)
class Named:
    """A column in a condition."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant: its text, and whether it was written as a number, a string or true or false."""

    text: str
    kind: Kind  # NUMERIC, TEXT or BOOLEAN


Operand = Named | Constant


def fitting(
    column: Named, constant: Constant, sort: Sort, reading: Reading | None = None
) -> Values:
    """The constant in the form that `column`, which has that reading, compares with."""
    text = written = constant.text
    if constant.kind is Kind.BOOLEAN:
        text = "1" if text == "true" else "0"
    elif sort is Sort.FLAG:
        text = _WORDS.get(text.lower(), text.lower())
    elif sort is Sort.UUID:
        try:
            text = str(uuid.UUID(text))  # its one spelling
        except ValueError:
            text = ""
    textual = sort in (Sort.TEXT, Sort.LABEL)
    fits = constant.kind is Kind.TEXT or not textual
    if constant.kind is Kind.BOOLEAN and sort is not Sort.FLAG and column.kind is not Kind.ANY:
        fits = False
    if not fits or not is_comparable(text.encode(), sort):
        raise UsageError(
            f"the column {column.name} is compared with a constant that doesn't fit",
            hint=f"give {sort.value}" + (", in single quotes" if textual else ""),
        )
    # Without quotes it is a number of its own type; with them it is what the column is.
    takes_after = reading if constant.kind is Kind.TEXT else None
    return Values.constant(text.encode(), written.encode(), takes_after)


def is_comparable(value: bytes, sort: Sort) -> bool:
    """Whether a constant can be compared as `sort`."""
    if sort in (Sort.DAY, Sort.MOMENT):
        day = value[: len("2024-12-31")]
        try:
            date.fromisoformat(day.decode())
        except ValueError:
            return False
        if sort is Sort.DAY and value != day:
            return False
    # A text with a NUL fits, and compares with nothing.
    return sort is Sort.TEXT or bool(Values.constant(value).form(sort)[1][0])
