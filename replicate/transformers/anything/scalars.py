"""Values that options give, written as those of a column."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from typing import NoReturn

from replicate.errors import UsageError
from replicate.rows.column import Kind
from replicate.transformers.base import Target

_FORMS = {
    Kind.INTEGER: (re.compile(r"[+-]?[0-9]+"), "an integer"),
    Kind.REAL: (re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"), "a number"),
    Kind.NUMERIC: (re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"), "a number"),
    Kind.BOOLEAN: (re.compile(r"(?i:0|1|t|f|true|false|y|n|yes|no|on|off)"), "true or false"),
    Kind.UUID: (re.compile(r"(?i:[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12})"), "a UUID"),
}
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?")


Scalar = bool | int | float | dt.datetime | dt.date | str


def written(value: Scalar, target: Target, option: str) -> bytes:
    """The value of `option` as that of a column `target`; `UsageError` if it can't be one."""
    try:
        return _text(value, target).encode()
    except _UnfitError as error:
        raise UsageError(f"{option} has to be {error} for this column") from error


class _UnfitError(Exception):
    """What is needed instead."""


def _text(value: Scalar, target: Target) -> str:
    kind = target.kind
    if isinstance(value, bool):
        text = ("true" if value else "false") if kind in _WORDS else str(int(value))
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _unfit("a finite number")
        text = repr(value)
    elif isinstance(value, dt.datetime):
        text = value.isoformat(" ")
    elif isinstance(value, dt.date):
        text = value.isoformat()
    else:
        text = str(value)
    _check_encoding(text)
    _check_form(text, kind)
    if target.limits.labels and text not in target.limits.labels:
        raise _unfit(f"one of {', '.join(target.limits.labels[:12])}")
    return text


_WORDS = frozenset({Kind.TEXT, Kind.ANY, Kind.JSON})


def _check_encoding(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _unfit("text that can be written in UTF-8") from error


def _check_form(text: str, kind: Kind) -> None:
    if kind in _FORMS:
        form, name = _FORMS[kind]
        fits = form.fullmatch(text) is not None
        if fits and kind is Kind.INTEGER:
            fits = len(text) <= 20 and -(2**63) <= int(text) < 2**63
            name = "an integer of 64 bits"
        if not fits:
            raise _unfit(name)
    elif kind is Kind.JSON:
        try:
            json.loads(text, parse_constant=_refuse)
        except ValueError as error:
            raise _unfit("a JSON document") from error
    elif kind is Kind.TIME:
        if not _TIME.fullmatch(text):
            raise _unfit("a time such as 12:30:00")
    elif kind in (Kind.DATE, Kind.TIMESTAMP):
        try:
            dt.datetime.fromisoformat(text)
        except ValueError as error:
            raise _unfit("a date such as 2024-05-31") from error


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)  # NaN and Infinity, which Python takes and JSON doesn't have


def _unfit(needed: str) -> _UnfitError:
    return _UnfitError(needed)
