"""What a condition compares: columns and constants, and whether the two go together."""

from __future__ import annotations

from dataclasses import dataclass

from replicate.errors import UsageError
from replicate.rows.column import Kind
from replicate.transformers.wrapping.comparisons import SORTS, Sort, Values, as_uuid, is_comparable


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


def sort_of(column: Named, other: Operand) -> Sort:
    """As what the two are compared."""
    if column.kind is Kind.ANY and isinstance(other, Constant):
        return SORTS[other.kind]
    sort = SORTS.get(column.kind)
    if sort is None:
        raise UsageError(
            f"the column {column.name} holds {column.kind.value} values, which can't be compared",
            hint="is [not] null is all that can be asked of it",
        )
    if isinstance(other, Constant):
        return sort
    beside = SORTS.get(other.kind)
    both = {sort, beside}
    if len(both) == 1:
        return sort
    if both == {Sort.NUMBER, Sort.FLOAT}:
        return Sort.FLOAT
    if both == {Sort.DAY, Sort.MOMENT}:
        return Sort.MOMENT
    raise UsageError(
        f"the column {column.name} can't be compared with {other.name}: one holds "
        f"{column.kind.value} values, the other {other.kind.value} values"
    )


def fitting(column: Named, constant: Constant, sort: Sort) -> Values:
    """The constant in the form that `column` compares with."""
    text = constant.text
    if sort is Sort.UUID:
        try:
            text = as_uuid(text)
        except ValueError:
            text = ""
    quoted = constant.kind is Kind.TEXT
    textual = sort in (Sort.TEXT, Sort.LABEL)
    fits = quoted or not textual
    if sort is not Sort.FLAG and constant.kind is Kind.BOOLEAN:
        fits = False
    if not fits or not is_comparable(text.encode(), sort):
        raise UsageError(
            f"the column {column.name} is compared with a constant that doesn't fit",
            hint=f"give {sort.value}" + (", in single quotes" if textual else ""),
        )
    return Values.constant(text.encode())
