"""Values as the code of a user takes them, and its answers as a column takes them.

Such code is given text, and only what there is to mask: neither NULL nor the empty string. What it
answers is checked here, since nobody knows what it does.
"""

from __future__ import annotations

import copy
import datetime as dt
import functools
import json
import re
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from replicate.errors import TransformError
from replicate.rows.arrays import from_offsets
from replicate.rows.column import KEEP, NULL, Column, Kind, Replacement
from replicate.rows.spans import gather
from replicate.transformers.base import Target
from replicate.transformers.columnar.pools import check_size
from replicate.transformers.rule import EVERY, TEXTUAL

KINDS = EVERY - {Kind.BINARY, Kind.ARRAY}
"""Every column that is written as text. Of an array it is the elements that are masked."""

REFUSES = "text that is not valid UTF-8, and blobs"

FROM_WHERE = "a relative path starts at the working directory, where `replicate` was started"
"""The hint where a file isn't found."""

NEWLINE = 10

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


class Given:
    """The values of a column that are neither NULL nor empty, in valid UTF-8.

    `rows`, int64 (values,), tells where they stand. `lines` has them one after the other, each with
    a newline behind it: value i is ``lines[ends[i - 1] + 1 : ends[i]]``; it may hold newlines too.
    """

    def __init__(self, column: Column, who: str) -> None:
        """Raises `TransformError`, in the name of `who`, for what is no text."""
        self.column = column
        self.rows: Integers = np.flatnonzero(column.length)
        if column.kind is Kind.BINARY and self.rows.size:
            raise TransformError(
                f"{who} masks text, and the value is a blob",
                hint="use random, null or fixed",
                row=int(self.rows[0]),
            )
        start, length = column.start[self.rows], column.length[self.rows]
        self.lines, self.ends = _lines(column, start, length)
        _check_encoding(self.lines, self.ends, self.rows, f"{who}: the value")

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, chosen: Integers) -> Given:
        """Those of the values, numbered from 0, in ascending order."""
        part = copy.copy(self)
        starts = np.append(0, self.ends + 1)[chosen]
        sizes = self.ends[chosen] + 1 - starts
        part.rows = self.rows[chosen]
        part.ends = np.cumsum(sizes) - 1
        part.lines = gather(np.frombuffer(self.lines, np.uint8), starts, sizes).tobytes()
        return part

    def holding_newlines(self) -> Integers:
        """Which of the values do, ascending."""
        newlines = np.flatnonzero(np.frombuffer(self.lines, np.uint8) == NEWLINE)
        owners = np.searchsorted(self.ends, newlines)
        return np.unique(owners[self.ends[owners] != newlines])

    def texts(self) -> list[str]:
        return _texts(self.lines, self.ends)

    def beside(self, name: str) -> list[str | None]:
        """What the column `name` has in the same rows, in the source."""
        other = self.column.beside[name]
        length = other.length[self.rows]
        lines, ends = _lines(other, other.start[self.rows], length)
        _check_encoding(lines, ends, self.rows, f"the value of {name} beside it")
        null = other.null[self.rows].tolist()
        pairs = zip(_texts(lines, ends), null, strict=True)
        return [None if is_null else text for text, is_null in pairs]


def _lines(column: Column, start: Integers, length: Integers) -> tuple[bytes, Integers]:
    # The byte behind each value is taken along, and becomes a newline.
    data = gather(column.data, start, length + 1)
    ends = np.cumsum(length + 1) - 1
    data[ends] = NEWLINE
    return data.tobytes(), ends


def _check_encoding(lines: bytes, ends: Integers, rows: Integers, what: str) -> None:
    # A newline ends every value, so that no two of them make up a character.
    if lines.isascii():
        return
    try:
        lines.decode()
    except UnicodeDecodeError as error:
        row = int(rows[np.searchsorted(ends, error.start)])
    else:
        return
    raise TransformError(f"{what} is not valid UTF-8", hint="use random, null or fixed", row=row)


def _texts(lines: bytes, ends: Integers) -> list[str]:
    bounds = ends.tolist()
    starts = [0, *(end + 1 for end in bounds[:-1])]
    if lines.isascii():
        text = lines.decode()
        return [text[start:end] for start, end in zip(starts, bounds, strict=False)]
    return [lines[start:end].decode() for start, end in zip(starts, bounds, strict=False)]


class Answers:
    """What may be answered for a column, and the replacement that is made of it.

    `who` is what errors call the code that answered. `makes_null` allows None, which makes NULL;
    `unique` is the promise that distinct values get distinct answers, held to in each block.
    """

    def __init__(self, who: str, target: Target, *, makes_null: bool, unique: bool) -> None:
        self._who = who
        self._target = target
        self._makes_null = makes_null
        self._unique = unique
        self._textual = target.kind in TEXTUAL

    def of_objects(self, given: Given, answers: Sequence[object]) -> Replacement:
        """One answer for each value: text, None, or a number, boolean, date or UUID."""
        self._check_count(given, len(answers))
        rows = given.rows.tolist()
        written = [
            answer if type(answer) is str else self._written(answer, row)
            for answer, row in zip(answers, rows, strict=True)
        ]
        return self._replacement(given, written)

    def of_lines(self, given: Given, out: bytes) -> Replacement:
        """The answers as the lines of `out`, one for each value; the last newline may be missing.

        Raises `TransformError` where they are not as many, or no text.
        """
        out, ends = self._lines(given, out)
        data = np.frombuffer(out, np.uint8)
        if not self._textual or self._unique:
            return self._replacement(given, list(_texts(out, ends)))
        offsets = np.zeros(len(ends) + 1, np.int64)
        offsets[1:] = ends - np.arange(len(ends))
        return _pooled(given, data[data != NEWLINE], offsets)

    def texts(self, given: Given, out: bytes) -> list[str]:
        """The same answers, as texts."""
        return _texts(*self._lines(given, out))

    def _lines(self, given: Given, out: bytes) -> tuple[bytes, Integers]:
        if out and not out.endswith(b"\n"):
            out += b"\n"
        ends: Integers = np.flatnonzero(np.frombuffer(out, np.uint8) == NEWLINE)
        self._check_count(given, len(ends))
        _check_encoding(out, ends, given.rows, f"the answer of {self._who}")
        return out, ends

    def _check_count(self, given: Given, count: int) -> None:
        if count == len(given):
            return
        row = int(given.rows[count]) if count < len(given) else None
        raise TransformError(
            f"{self._who} answered {len(given):,} values with {count:,}",
            hint="there has to be one answer for each value, in the same order",
            row=row,
        )

    def _written(self, answer: object, row: int) -> str | None:
        if answer is None:
            if self._makes_null:
                return None
            raise TransformError(
                f"{self._who} answered with NULL",
                hint="allow it by the option makes_null: true",
                row=row,
            )
        if isinstance(answer, str):
            return answer
        if isinstance(answer, bool):
            return ("true" if answer else "false") if self._spelled else str(int(answer))
        if isinstance(answer, dt.datetime):
            return answer.isoformat(" ")
        if isinstance(answer, dt.date | dt.time):
            return answer.isoformat()
        if isinstance(answer, int | float | Decimal | uuid.UUID):
            return str(answer)
        raise TransformError(
            f"{self._who} answered with a {type(answer).__name__}, which is no value of a column",
            hint="text, a number, a boolean, a date, a UUID or None is one",
            row=row,
        )

    @property
    def _spelled(self) -> bool:
        """Whether a boolean is a word in this column, and no digit."""
        return self._textual or self._target.kind is Kind.JSON

    def _replacement(self, given: Given, answers: list[str | None]) -> Replacement:
        if not self._textual:
            for answer, row in zip(answers, given.rows.tolist(), strict=True):
                if answer is not None and not fits(answer, self._target):
                    raise TransformError(
                        f"{self._who} answered with what is no {_NAMES[self._target.kind]} "
                        "that the column takes",
                        row=row,
                    )
        if self._unique:
            self._check_distinct(given, answers)
        null = np.array([answer is None for answer in answers], np.bool_)
        texts = [answer or "" for answer in answers]
        whole = "".join(texts)
        if whole.isascii():
            data, length = whole.encode(), [len(text) for text in texts]
        else:
            encoded = self._encoded(given, texts)
            data, length = b"".join(encoded), [len(each) for each in encoded]
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum(length, out=offsets[1:])
        return _pooled(given, np.frombuffer(data, np.uint8), offsets, null)

    def _encoded(self, given: Given, texts: list[str]) -> list[bytes]:
        encoded: list[bytes] = []
        try:
            for text in texts:
                encoded.append(text.encode())  # noqa: PERF401 - counts up to an error
        except UnicodeEncodeError:
            row = int(given.rows[len(encoded)])
        else:
            return encoded
        raise TransformError(f"{self._who} answered with half of a surrogate pair", row=row)

    def _check_distinct(self, given: Given, answers: list[str | None]) -> None:
        values = given.texts()
        if len(set(answers)) >= len(set(values)):
            return
        taken: dict[str | None, str] = {}
        for value, answer, row in zip(values, answers, given.rows.tolist(), strict=True):
            if taken.setdefault(answer, value) != value:
                raise TransformError(
                    f"{self._who} gave two values the same answer, against the option unique",
                    row=row,
                )


def _pooled(
    given: Given, data: Bytes, offsets: Integers, null: npt.NDArray[np.bool_] | None = None
) -> Replacement:
    check_size(data.size)
    index = np.full(len(given.column), KEEP, np.int32)
    chosen = np.arange(len(given), dtype=np.int32)
    if null is not None:
        chosen[null] = NULL
    index[given.rows] = chosen
    return Replacement(from_offsets(offsets.astype(np.int32), data), index)


_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|[+-]?Infinity")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_WORDS = frozenset(["0", "1", "t", "f", "true", "false", "y", "n", "yes", "no", "on", "off"])
_FORMS = {Kind.REAL: _NUMBER, Kind.NUMERIC: _NUMBER, Kind.INTEGER: _INTEGER}
_NAMES = {kind: kind.value for kind in Kind} | {
    Kind.REAL: "number",
    Kind.NUMERIC: "number",
    Kind.UUID: "UUID",
    Kind.ENUM: "label",
    Kind.JSON: "JSON document",
}


def fits(text: str, target: Target) -> bool:
    """Whether `text` is written as a value of the column's kind.

    What only a database can tell, such as whether a date is one, it will.
    """
    kind = target.kind
    if kind in _FORMS and not _FORMS[kind].fullmatch(text):
        return False
    if kind is Kind.INTEGER:
        bound = 1 << (target.limits.bits or 64) - 1
        return -bound <= int(text) < bound
    if kind is Kind.BOOLEAN:
        return text.lower() in _WORDS
    if kind is Kind.ENUM and target.limits.labels:
        return text in target.limits.labels
    if kind is Kind.UUID:
        return _parses(uuid.UUID, text)
    if kind is Kind.JSON:
        return _parses(functools.partial(json.loads, parse_constant=_refuse), text)
    return True


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)  # NaN and Infinity, which Python takes and JSON doesn't have


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except (ValueError, RecursionError):
        return False
    return True
