"""The transformer that replaces what a regular expression matches: regex-replace."""

from __future__ import annotations

import re
from typing import ClassVar, Literal, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from replicate.errors import TransformError, UsageError
from replicate.rows.arrays import contents, strings
from replicate.rows.column import KEEP, Column, Replacement
from replicate.rows.spans import gather
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.joined import packed
from replicate.transformers.columnar.pools import Assembly, check_size
from replicate.transformers.rule import TEXTUAL, Rule
from replicate.transformers.texts.utf8 import invalid, shortened

_COVER = b"*" * 10
_HINT = "let it match, or set unmatched to redact"
_SIZE = "the replacements of one block of rows exceed 2 GiB"

# Simple patterns of which it is plain that a match has a character; those that this doesn't know
# take a little longer.
_ATOM = r"(?:\[\^?[^\[\]\\^]+\]|\\[dDwWsS.]|[A-Za-z0-9_ @#%&=:;,/<>~\"'!-]|\.)"
_CONSUMING = re.compile(rf"\^?(?:{_ATOM}(?:\+|\{{[1-9][0-9]*(?:,[0-9]*)?\}})?)+\$?")


class RegexReplaceOptions(base.Options):
    """What is replaced, and what by."""

    pattern: str = Field(
        min_length=1, max_length=1000, description="a regular expression, as RE2 writes them"
    )
    replacement: str = Field(
        max_length=1000,
        description=r"what every match becomes; \1 is its first group, \0 all of it",
    )
    unmatched: Literal["fail", "redact", "keep"] = Field(
        default="fail",
        description="what becomes of a value without a match: it ends the dump, is covered as a "
        "whole, or stays as it is",
    )


class RegexReplace(Rule):
    r"""Every match of `pattern` in a value becomes `replacement`, and what lies between them stays.

    So a value is hidden only as far as the pattern reaches: one that is to match values as a whole
    begins with ``^`` and ends in ``$``. A value without any match, or with none but empty ones,
    would stay readable and therefore ends the dump, unless `unmatched` says otherwise: ``redact``
    makes it ten asterisks, and ``keep`` leaves it as it is.

    The expressions are those of RE2, which takes time in proportion to the length of a value,
    whatever the pattern is. It knows classes such as ``\d`` and ``\p{L}``, groups and ``(?i)``, and
    has neither lookahead nor references to groups within the pattern. ``.`` is any character but a
    line break; ``(?s).`` any at all. In YAML a pattern stands best in single quotes.

    A value that is not valid UTF-8 is refused. What is too long for the column is cut off.
    """

    name = "regex-replace"
    summary = "Replaces what a regular expression matches"
    examples = (
        Example("INV-2024-00815", {"pattern": "[0-9]{5}$", "replacement": "00000"}),
        Example(
            "Jane Roe <jane@mail.test>",
            {"pattern": "^(.).*<(.).*>$", "replacement": r"\1. <\2@example.com>"},
        ),
        Example("none", {"pattern": "[0-9]", "replacement": "0", "unmatched": "redact"}),
        Example("none", {"pattern": "[0-9]", "replacement": "0"}),
    )
    kinds = TEXTUAL
    refuses = "values that the pattern doesn't match, or that are not valid UTF-8"
    Options: ClassVar[type[base.Options]] = RegexReplaceOptions

    def __init__(self, options: RegexReplaceOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._pattern, self._replacement = options.pattern, options.replacement
        self._unmatched = options.unmatched
        self._consumes = _CONSUMING.fullmatch(options.pattern) is not None
        self._covered = strings([_COVER[: target.limits.max_chars]])
        self._check()

    def _check(self) -> None:
        try:
            self._replaced(pa.array([""], pa.string()), self._replacement)
        except pa.ArrowInvalid as error:
            # What stands behind the second colon is of the option itself, which may hold anything.
            reason = ": ".join(str(error).split(": ")[:2])
            raise UsageError(
                f"regex-replace: {reason[:1].lower()}{reason[1:]}",
                hint="expressions are those of RE2: no lookahead, and no references within them",
            ) from error

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.MAY_COLLIDE, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        data = gather(column.data, column.start, column.length)
        wrong = invalid(data, np.cumsum(column.length) - column.length, column.length)
        if wrong.size:
            raise TransformError("a value is not valid UTF-8", row=int(wrong[0]))
        values = cast(pa.StringArray, packed(data, column.length)[0].view(pa.string()))
        unmatched = np.flatnonzero(~self._has_match(values, column) & (column.length > 0))
        if unmatched.size and self._unmatched == "fail":
            raise TransformError(
                "a value doesn't match the pattern of regex-replace",
                hint=_HINT,
                row=int(unmatched[0]),
            )
        result = Assembly(column)
        made = self._replaced(values, self._replacement)
        pool, index = shortened(made, self.target.limits.max_chars)
        index[unmatched] = KEEP
        result.put(None, pool, index)
        if unmatched.size and self._unmatched == "redact":
            result.put(unmatched, self._covered, np.zeros(len(unmatched), np.int32))
        return result.replacement()

    def _has_match(self, values: pa.StringArray, column: Column) -> npt.NDArray[np.bool_]:
        """The rows with a match of at least one character: others stay readable as a whole."""
        if self._consumes:
            found = pc.match_substring_regex(values, self._pattern)
            return found.to_numpy(zero_copy_only=False).astype(np.bool_)
        left = contents(self._replaced(values, ""))[0]
        return np.not_equal(np.diff(left), column.length)

    def _replaced(self, values: pa.StringArray, by: str) -> pa.BinaryArray:
        try:
            made = pc.replace_substring_regex(values, self._pattern, by)
        except pa.ArrowCapacityError as error:
            raise TransformError(_SIZE) from error
        check_size(made.nbytes)
        return cast(pa.BinaryArray, made.view(pa.binary()))
