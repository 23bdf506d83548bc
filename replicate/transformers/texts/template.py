"""Values made after a template, of the replacements of other columns and of random characters."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from replicate.errors import UsageError
from replicate.rows.arrays import contents
from replicate.rows.column import KEEP, Column, Replacement
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target
from replicate.transformers.columnar.handles import BITS, base32, check_unique, uniqueness
from replicate.transformers.columnar.joined import packed
from replicate.transformers.columnar.lots import DIGITS, Bytes, digits
from replicate.transformers.columnar.picks import joined
from replicate.transformers.columnar.pools import check_size, fixed_width, pick
from replicate.transformers.draw import LANE, stream
from replicate.transformers.rule import TEXTUAL, Rule
from replicate.transformers.texts.letter_case import Text, lower, slug, upper
from replicate.transformers.texts.utf8 import readable, shortened

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[^{}]+")
_FILTERS: dict[str, Callable[[Text], Text]] = {"lower": lower, "upper": upper, "slug": slug}
_DRAWN = {"token": LANE, "digits": DIGITS}  # how many characters one draw gives of each
_BITS = {"token": BITS, "digits": 3.3}  # a little less than log2(10)
_MOST_BITS = 96  # that several draws have together, since all are made of one


@dataclass(frozen=True, slots=True)
class _Piece:
    """A literal, `size` characters of `token` or `digits`, or `column`; `text` is the literal, or
    the column's name. What it makes goes through `filters`, one after the other.
    """

    field: str
    text: str = ""
    size: int = 0
    filters: tuple[str, ...] = ()


def _parse(template: str) -> tuple[_Piece, ...]:
    """The pieces of a template. Raises ValueError, with a message for the user."""
    pieces: list[_Piece] = []
    end = 0
    for found in _PIECE.finditer(template):
        if found.start() != end:
            break
        end = found.end()
        if found[1] is not None:
            pieces.append(_field(found[1]))
        else:
            pieces.append(_Piece("", found[0][0] if found[0] in ("{{", "}}") else found[0]))
    if end != len(template):
        raise ValueError("a brace of the template has no partner; write {{ or }} for one itself")
    if not any(piece.field for piece in pieces):
        raise ValueError("the template has no field such as {first_name}; use fixed for that")
    return tuple(pieces)


def _field(text: str) -> _Piece:
    what, *filters = (part.strip() for part in text.split("|"))
    for each in filters:
        if each not in _FILTERS:
            raise ValueError("the filters of a template are lower, upper and slug")
    name, colon, rest = what.partition(":")
    if name in _DRAWN:
        most = _DRAWN[name]
        size = int(rest) if re.fullmatch(r"[0-9]{1,3}", rest) else 0 if colon else most
        if not 1 <= size <= most:
            raise ValueError(f"{{{name}:N}} has 1 to {most} characters")
        return _Piece(name, size=size, filters=tuple(filters))
    column = rest if colon and name == "column" else what
    if not column:
        raise ValueError("a field of the template has no name")
    return _Piece("column", column, filters=tuple(filters))


class TemplateOptions(base.Options):
    """What values are made of."""

    template: str = Field(
        min_length=1,
        max_length=1000,
        description="text with fields: {NAME} for another column's replacement, {token:N}, "
        "{digits:N}; each may have filters, such as {NAME|lower}",
    )
    fill_null: bool = Field(default=False, description="make a value where there is NULL, too")

    @field_validator("template")
    @classmethod
    def _is_template(cls, template: str) -> str:
        if "\0" in template:
            raise ValueError("not every database takes a NUL")
        _parse(template)
        return template


class Template(Rule):
    """Any value but NULL and the empty string becomes what `template` says.

    So it goes together with the rest of its row: with the name that the row gets, say. The fields:

    - ``{first_name}`` is the replacement of the column of that name. NULL gives nothing at all, and
      a column that isn't masked gives what it has. ``{column:NAME}`` is the same, for columns that
      are called token or digits.
    - ``{token:N}`` is N letters and digits in lower case, up to 16, drawn for the value, and
      ``{digits:N}`` as many digits, up to 32.

    Filters change what a field gives: ``{email|lower}``, ``{city|upper}``, and ``{title|slug}``,
    which leaves small letters and digits, without accents, and dashes between words. ``{{`` and
    ``}}`` are braces. The value itself can't be had, since it would be disclosed.

    What is too long for the column is cut off at its end. Values stay distinct where there are 75
    random bits, such as ``{token:15}`` has; in a column of limited length the token has to stand
    where nothing can push it out: in front of all columns. Everywhere else values may collide, and
    a column whose values have to stay distinct is refused.

    With `fill_null` NULL becomes such a value as well; random characters are then the same for all
    that were NULL, unless they are drawn anew for every row.
    """

    name = "template"
    summary = "Makes a value of the replacements of other columns"
    examples = (
        Example(
            "jroe",
            {"template": "{first_name|slug}.{last_name|slug}.{token:15}"},
            row={"first_name": "Zoë", "last_name": "van der Berg"},
        ),
        Example(
            "Jane Roe <jane@mail.test>",
            {"template": "{first_name} {last_name} <{email|lower}>"},
            row={"first_name": "Ida", "last_name": "Weber", "email": "Ida@example.com"},
        ),
        Example("K-4711", {"template": "K-{digits:4}"}),
    )
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = TemplateOptions

    def __init__(self, options: TemplateOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._pieces = _parse(options.template)
        self._fill_null = options.fill_null
        self._columns = frozenset(piece.text for piece in self._pieces if piece.field == "column")
        for name in sorted(self._columns - set(target.columns)):
            raise _unknown(name, target)
        bits = 0.0 if options.fill_null else self._random_bits(target.limits.max_chars)
        hint = "let {token:16} stand in front of all columns"
        check_unique("template", target, bits, hint=f"{hint}, and leave out fill_null")
        self._uniqueness = uniqueness(bits)

    def _random_bits(self, most: int | None) -> float:
        """How many are sure to be within the first `most` characters."""
        left = float("inf") if most is None else float(most)
        bits, draws = 0.0, 0
        for piece in self._pieces:
            if piece.field == "column" and most is not None:
                break  # it may take up all that is left
            size = piece.size or len(piece.text) * (not piece.field)
            if piece.size:
                bits += _BITS[piece.field] * min(size, left)
                draws += 1
            left = max(left - size, 0)
        return bits if draws <= 1 else min(bits, _MOST_BITS)

    @property
    def effects(self) -> Effects:
        return Effects(self._uniqueness, TEXTUAL)

    @property
    def reads_masked(self) -> frozenset[str]:
        return self._columns

    def transform(self, column: Column) -> Replacement:
        masked = {name: readable(column.masked[name]) for name in self._columns}
        lanes = self._lanes(column)
        parts: list[pa.BinaryArray | bytes] = []
        size = 0
        for piece in self._pieces:
            part = self._part(piece, masked, lanes)
            parts.append(part)
            size += len(part) * len(column) if isinstance(part, bytes) else contents(part)[1].size
        check_size(size)
        pool, index = shortened(joined(*parts)[0], self.target.limits.max_chars)
        if not self._fill_null:
            return pick(column, pool, index)
        empty = (column.length == 0) & ~column.null
        return Replacement(pool, np.where(empty, np.int32(KEEP), index))

    def _lanes(self, column: Column) -> Iterator[Bytes]:
        """A draw for each piece that takes one: uint8 (rows, 16)."""
        count = sum(piece.size > 0 for piece in self._pieces)
        if not count:
            return iter(())
        lanes = stream(self.draw, self.draw(column), np.full(len(column), count, np.int64))
        return iter(lanes.reshape(len(column), count, LANE).transpose(1, 0, 2))

    def _part(
        self, piece: _Piece, masked: dict[str, Text], lanes: Iterator[Bytes]
    ) -> pa.BinaryArray | bytes:
        """What a piece becomes: one value a row, or one for all."""
        if not piece.field:
            return piece.text.encode()
        if piece.field == "column":
            data, length = masked[piece.text]
        else:
            drawn = np.ascontiguousarray(next(lanes))
            made = base32(drawn) if piece.field == "token" else digits(drawn)
            made = np.ascontiguousarray(made[:, : piece.size])
            if not piece.filters:
                return fixed_width(made)[0]
            data, length = made.reshape(-1), np.full(len(made), piece.size)
        for name in piece.filters:
            data, length = _FILTERS[name]((data, length))
        return packed(data, length)[0]


def _unknown(name: str, target: Target) -> UsageError:
    if name == "value":
        hint = "a value can't be part of its own replacement"
    elif near := difflib.get_close_matches(name, target.columns, n=3):
        hint = f"did you mean {' or '.join(near)}?"
    else:
        hint = f"it has {', '.join(list(target.columns)[:12]) or 'none'}"
    return UsageError(
        f"the template names the column {name!r}, which the table doesn't have", hint=hint
    )
