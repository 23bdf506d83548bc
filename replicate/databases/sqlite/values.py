"""SQLite's values as fields of the row grammar, and fields as values again.

SQLite keeps a storage class with every value, whatever its column was declared as. A field stands
for value and class, by rules that hold for the encoder and the decoder alike. Bare text has the
class that the column's affinity gives it; where the value has another, a class tag stands in
front: ``\\I`` integer, ``\\R`` real, ``\\T`` text, ``\\B`` blob.

============================  ==========================  =======================================
affinity                      a bare field is             tagged are
============================  ==========================  =======================================
TEXT, BLOB, none, STRICT ANY  text                        integers, reals, blobs
INTEGER, NUMERIC              an integer or a real where  blobs, text that looks like a number,
                              it is written as one (see   reals written like an integer
                              below), else text
REAL                          a real where it is written  blobs, text that looks like a number,
                              as a number, else text      integers
============================  ==========================  =======================================

- An integer is written in decimal digits. A real is written in the shortest form that reads back
  as the same 64 bits, or ``inf`` or ``-inf``.
- A bare field is a number where it is what SQLite itself takes for one, less the white space that
  SQLite allows around it: a sign, digits with at most one point among them, an exponent. What
  has only digits, and at most a minus before them, is an integer if 64 bits hold it.
- Text looks like a number where SQLite would take it for one, or where it is written as infinity
  is. No ordinary database holds such text in a column of these affinities.
- Text is UTF-8 and may be invalid. A database in UTF-16 has its text as generalised UTF-8, in
  which a surrogate without its partner keeps the three bytes that its code point would have.
- A blob is written as hexadecimal digits in lower case.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from itertools import repeat
from types import NoneType
from typing import Any, Final, cast

import pyarrow as pa
import pyarrow.compute

from replicate.errors import CorruptError, DatabaseError
from replicate.rows.arrays import contents, strings
from replicate.rows.grammar import NULL_FIELD, escape, unescape_value

# The stubs of pyarrow know too few of the signatures of its kernels.
pc: Any = pyarrow.compute


class Affinity(Enum):
    """What a column does to the values that are stored in it."""

    INTEGER = "integer"
    NUMERIC = "numeric"
    REAL = "real"
    TEXT = "text"
    NONE = "none"


_WHOLE: Final = frozenset({Affinity.INTEGER, Affinity.NUMERIC})
_TEXTUAL: Final = frozenset({Affinity.TEXT, Affinity.NONE})


def affinity_of(declared: str, *, strict: bool = False) -> Affinity:
    """The affinity of a column by its declared type, by SQLite's rules, in their order."""
    name = declared.upper()
    if strict and name == "ANY":
        return Affinity.NONE
    if "INT" in name:
        return Affinity.INTEGER
    if "CHAR" in name or "CLOB" in name or "TEXT" in name:
        return Affinity.TEXT
    if "BLOB" in name or not name:
        return Affinity.NONE
    if "REAL" in name or "FLOA" in name or "DOUB" in name:
        return Affinity.REAL
    return Affinity.NUMERIC


CODECS: Final = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}
"""Python's names for the encodings of a database, by SQLite's."""


class RawText:
    """Text that can't be bound as a string: its bytes, in generalised UTF-8 or invalid."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RawText) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)


Value = None | int | float | str | bytes | RawText
"""A decoded value: `str` and `RawText` are text, `bytes` a blob."""

_SPACE = r"[ \t\n\v\f\r]*"
_NUMBER_TEXT = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_CONVERTED = re.compile(rf"{_SPACE}{_NUMBER_TEXT}{_SPACE}")
_LOOKS_NUMERIC = rf"\A(?:{_SPACE}{_NUMBER_TEXT}{_SPACE}|-?inf)\z"  # RE2: \z is the very end
_INTEGER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(rf"{_NUMBER_TEXT}|-?inf", re.ASCII)
_ONLY_NUMBERS = re.compile(r"[0-9+\-.eE\n]*")
_INT64 = range(-(2**63), 2**63)


# Values to fields


def encode_rows(columns: Iterable[Sequence[object]], affinities: Sequence[Affinity]) -> bytes:
    """The lines of rows whose values are given by column.

    Values are as SQLite hands them out with ``text_factory = bytearray``: bytearray is text,
    bytes a blob. Raises `DatabaseError` for rows that take more than 2 GiB.
    """
    try:
        fields = list(map(_encode_column, columns, affinities))
        fields[-1] = cast(pa.BinaryArray, pc.binary_join_element_wise(fields[-1], _EMPTY, _NEWLINE))
        lines = cast(pa.BinaryArray, pc.binary_join_element_wise(*fields, _TAB))
    except pa.ArrowException as error:
        raise DatabaseError(
            "a row is too big to be dumped: it takes more than 2 GiB as text"
        ) from error
    # What the array holds, one value after another, is the text.
    return contents(lines)[1].tobytes()


def _scalar(value: bytes) -> pa.BinaryScalar:
    return pa.scalar(value, pa.binary())


_TAB, _NEWLINE, _EMPTY, _NULL = map(_scalar, (b"\t", b"\n", b"", NULL_FIELD))
_TAGS: Final = {letter: _scalar(b"\\" + letter.encode()) for letter in "IRTB"}


def _encode_column(values: Sequence[Any], affinity: Affinity) -> pa.BinaryArray:
    classes = set(map(type, values))
    nullable = NoneType in classes
    classes.discard(NoneType)
    if not classes:
        return strings([NULL_FIELD] * len(values))
    if len(classes) == 1:
        fields = _ENCODERS[classes.pop()](values, affinity)
        return cast(pa.BinaryArray, pc.fill_null(fields, _NULL)) if nullable else fields
    parts = (
        encode([value if type(value) is kind else None for value in values], affinity)
        for kind, encode in _ENCODERS.items()
        if kind in classes
    )
    return cast(pa.BinaryArray, pc.coalesce(*parts, _NULL))


def _encode_integers(values: Sequence[Any], affinity: Affinity) -> pa.BinaryArray:
    fields = _as_text(pa.array(values, pa.int64()))
    return fields if affinity in _WHOLE else _tag("I", fields)


def _encode_reals(values: Sequence[Any], affinity: Affinity) -> pa.BinaryArray:
    fields = _as_text(pa.array(values, pa.float64()))
    if affinity in _TEXTUAL:
        return _tag("R", fields)
    if affinity is Affinity.REAL:
        return fields
    return _tag("R", fields, where=pc.match_substring_regex(fields, pattern=r"\A-?[0-9]+\z"))


def _encode_text(values: Sequence[Any], affinity: Affinity) -> pa.BinaryArray:
    text = pa.array(values, pa.binary())
    fields = escape(text)
    if affinity in _TEXTUAL:
        return fields
    return _tag("T", fields, where=pc.match_substring_regex(text, pattern=_LOOKS_NUMERIC))


def _encode_blobs(values: Sequence[Any], affinity: Affinity) -> pa.BinaryArray:
    del affinity  # a blob is never converted
    digits = [None if value is None else binascii.hexlify(value) for value in values]
    return _tag("B", pa.array(digits, pa.binary()))


def _as_text(numbers: pa.Int64Array | pa.DoubleArray) -> pa.BinaryArray:
    text: pa.Array[Any] = numbers.cast(pa.string()).cast(pa.binary())
    return cast(pa.BinaryArray, text)


def _tag(
    letter: str, fields: pa.BinaryArray, *, where: pa.BooleanArray | None = None
) -> pa.BinaryArray:
    """`fields` with a tag before each, or before those that `where` selects; nulls stay null."""
    if where is not None and not pc.any(where).as_py():
        return fields
    tag = _TAGS[letter] if where is None else pc.if_else(where, _TAGS[letter], _EMPTY)
    return cast(pa.BinaryArray, pc.binary_join_element_wise(tag, fields, _EMPTY))


_ENCODERS: Final[dict[type, Callable[[Sequence[Any], Affinity], pa.BinaryArray]]] = {
    int: _encode_integers,
    float: _encode_reals,
    bytearray: _encode_text,
    bytes: _encode_blobs,
}


# Fields to values


class Storing(Enum):
    """What becomes of a tagged value that its column would store as one of another class.

    No ordinary row has such a value, but one that was there before its column was given another
    type, in an edited schema, does.
    """

    REFUSED = "a ClassChangedError"
    CONVERTED = "the column converts it, as it converts what a masker put there"
    UNCHANGED = "the column has no type for now, so it converts nothing"


class ClassChangedError(DatabaseError):
    """A value has a storage class that the column would change."""

    def __init__(self) -> None:
        super().__init__(
            "a value has a storage class that its column's type does not allow",
            hint="in the source, `UPDATE … SET column = column` converts such values, and "
            "`PRAGMA integrity_check` finds them",
        )


class Decoder:
    """Turns the text of rows into values to bind, by column.

    An integer of a column that has INTEGER or NUMERIC affinity stays a string: SQLite converts
    it, exactly, as it stores it. Only where it is stored unchanged it becomes a number here.
    """

    def __init__(
        self,
        affinities: Sequence[Affinity],
        *,
        utf16: bool = False,
        storing: Storing = Storing.REFUSED,
    ) -> None:
        self._affinities = tuple(affinities)
        self._storing = storing
        # SQLite changes these two code points when it turns UTF-8 into UTF-16.
        self._unsafe = ("\ufffe", "\uffff") if utf16 else ()

    def decode(self, text: bytes) -> tuple[int, list[list[Value]], bool]:
        """The number of rows, their values by column, and whether any value is a `RawText`.

        Raises `CorruptError` for a row with another number of fields, and for a field that the
        grammar does not allow.
        """
        try:
            decoded, invalid = text.decode(), False
        except UnicodeDecodeError:
            decoded, invalid = text.decode("utf-8", "surrogateescape"), True
        lines = decoded.split("\n")
        if lines.pop():
            raise CorruptError("the last row is not ended by a newline")
        width = len(self._affinities)
        if lines and set(map(str.count, lines, repeat("\t"))) != {width - 1}:
            raise CorruptError(f"a row does not have {width} fields")
        flat = "\t".join(lines).split("\t") if width > 1 else lines
        split = [flat[index::width] for index in range(width)]
        # NULLs are told from other escapes by number alone: one backslash each.
        backslashes = decoded.count("\\")
        nulls = [fields.count("\\N") for fields in split] if backslashes else [0] * width
        escaped = sum(nulls) != backslashes
        columns = [
            self._escaped(fields, affinity)
            if escaped or self._storing is Storing.UNCHANGED
            else _unescaped(fields, affinity, count)
            for fields, affinity, count in zip(split, self._affinities, nulls, strict=True)
        ]
        if escaped or invalid or any(map(decoded.__contains__, self._unsafe)):
            return len(lines), columns, self._mark_raw(columns)
        return len(lines), columns, False

    def _escaped(self, fields: list[str], affinity: Affinity) -> list[Value]:
        """The values of a column in a block that holds more escapes than those of its NULLs."""
        if self._storing is Storing.UNCHANGED:
            return [self._special(field, affinity) for field in fields]
        if "\\" not in "".join(fields):
            return _bare(fields, affinity)
        return [
            self._special(field, affinity) if "\\" in field else _one_bare(field, affinity)
            for field in fields
        ]

    def _special(self, field: str, affinity: Affinity) -> Value:
        """The value of one field that may hold a backslash."""
        if field == "\\N":
            return None
        if not (field[:1] == "\\" and field[1:2] in _TAGS):
            text = _unescape(field)
            if self._storing is Storing.UNCHANGED and affinity in _WHOLE and _is_int64(text):
                return int(text)
            return _one_bare(text, affinity)
        value = _tagged(field[1], field[2:])
        if self._storing is Storing.REFUSED and not _is_kept(value, affinity):
            raise ClassChangedError
        return value

    def _mark_raw(self, columns: list[list[Value]]) -> bool:
        """Put a `RawText` in the place of every string that can't be bound as it is."""
        found = False
        for index, values in enumerate(columns):
            strings = "".join(value for value in values if type(value) is str)
            if not self._is_raw(strings):
                continue
            found = True
            columns[index] = [
                RawText(value.encode("utf-8", "surrogateescape"))
                if type(value) is str and self._is_raw(value)
                else value
                for value in values
            ]
        return found

    def _is_raw(self, text: str) -> bool:
        if text.isascii():
            return False
        if any(map(text.__contains__, self._unsafe)):
            return True
        try:
            text.encode()
        except UnicodeEncodeError:
            return True
        return False


def _unescaped(fields: list[str], affinity: Affinity, nulls: int) -> list[Value]:
    """The values of a column whose fields hold no backslash but those of `nulls` NULLs."""
    if not nulls:
        return _bare(fields, affinity)
    if affinity in _TEXTUAL:
        return [None if field == "\\N" else field for field in fields]
    present = iter(_bare([field for field in fields if field != "\\N"], affinity))
    return [None if field == "\\N" else next(present) for field in fields]


def _bare(fields: list[str], affinity: Affinity) -> list[Value]:
    """The values of fields without a backslash."""
    # A string is a value: where nothing is to be converted, the list is given back as it came.
    values = cast("list[Value]", fields)
    if affinity in _TEXTUAL:
        return values
    joined = "\n".join(fields)
    if affinity is Affinity.REAL:
        if _ONLY_NUMBERS.fullmatch(joined):
            try:
                return list(map(float, fields))
            except ValueError:
                pass  # an empty string, perhaps, or a lone sign: text
    elif not any(map(joined.__contains__, ".eEn")):
        return values  # no real among them, and integers stay as they are
    return [_one_bare(field, affinity) for field in fields]


def _one_bare(field: str, affinity: Affinity) -> Value:
    if affinity in _TEXTUAL or not _NUMBER.fullmatch(field):
        return field
    if affinity is not Affinity.REAL and _INTEGER.fullmatch(field):
        return field
    return float(field)


def _tagged(letter: str, field: str) -> Value:
    """The value that stands behind a tag."""
    if letter == "B":
        try:
            return binascii.unhexlify(field)
        except ValueError:
            raise CorruptError("a blob is not written as pairs of hexadecimal digits") from None
    if letter == "I":
        if not _is_int64(field):
            raise CorruptError("an integer is not written as digits that 64 bits hold")
        return int(field)
    if letter == "R":
        if not _NUMBER.fullmatch(field):
            raise CorruptError("a real is not written as a number")
        return float(field)
    return _unescape(field)


def _is_int64(text: str) -> bool:
    return bool(_INTEGER.fullmatch(text)) and len(text) <= 20 and int(text) in _INT64


def _unescape(field: str) -> str:
    if "\\" not in field:
        return field
    value = unescape_value(field.encode("utf-8", "surrogateescape"))
    return value.decode("utf-8", "surrogateescape")


def _is_kept(value: Value, affinity: Affinity) -> bool:
    """Whether a column of this affinity stores the value as it is, without converting it."""
    if affinity is Affinity.NONE or not isinstance(value, (int, float, str)):
        return True
    if affinity is Affinity.TEXT:
        return isinstance(value, str)
    if isinstance(value, str):
        return not _CONVERTED.fullmatch(value)
    if affinity is Affinity.REAL:
        return isinstance(value, float)
    return isinstance(value, int) or not value.is_integer() or int(value) not in _INT64
