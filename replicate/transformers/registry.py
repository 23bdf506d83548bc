"""The transformers that a configuration may name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from replicate.errors import UsageError
from replicate.rows.column import Kind
from replicate.transformers.base import Draw, Transformer
from replicate.transformers.cards import CreditCard
from replicate.transformers.constants import Fixed, Null, Transient
from replicate.transformers.contacts import Email, PhoneNumber
from replicate.transformers.dates import RandomDate
from replicate.transformers.names import FirstName, LastName
from replicate.transformers.random_value import Random
from replicate.transformers.rule import Rule
from replicate.transformers.text import KeepFirstChar, Redacted

_CLASSES: tuple[type[Rule], ...] = (
    Random,
    RandomDate,
    FirstName,
    LastName,
    Email,
    PhoneNumber,
    CreditCard,
    KeepFirstChar,
    Redacted,
    Fixed,
    Null,
    Transient,
)
_BY_NAME = {cls.name: cls for cls in _CLASSES}

_UNSUPPORTED = {"custom-wasm": "use one of the built-in transformers"}


def all_transformers() -> list[type[Rule]]:
    """Every transformer's class, in the order in which documentation lists them."""
    return list(_CLASSES)


def build(name: str, options: Mapping[str, Any], *, kind: Kind, draw: Draw) -> Transformer:
    """The transformer `name` for a column of `kind`.

    Raises `UsageError`, fit to be shown with the place in the configuration in front, if there is
    no such transformer, if an option is wrong, or if it doesn't fit the kind.
    """
    cls = _find(name)
    try:
        checked = cls.Options.model_validate(dict(options))
    except ValidationError as error:
        raise _wrong_option(cls, error) from error
    return cls(checked, kind=kind, draw=draw)


def _find(name: str) -> type[Rule]:
    found = _BY_NAME.get(name)
    if found is not None:
        return found
    if name in _UNSUPPORTED:
        raise UsageError(
            f"the transformer {name} is not supported by this version yet",
            hint=_UNSUPPORTED[name],
        )
    near = difflib.get_close_matches(name, _BY_NAME, n=1)
    raise UsageError(
        f"there is no transformer {name!r}",
        hint=f"did you mean {near[0]}?" if near else f"there are: {', '.join(_BY_NAME)}",
    )


def _wrong_option(cls: type[Rule], error: ValidationError) -> UsageError:
    # Only the first is told, and never the value: it may be anything, a secret as well.
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    option = str(first["loc"][0]) if first["loc"] else "transformer_options"
    known = list(cls.Options.model_fields)
    options = f"its options: {', '.join(known)}" if known else "it takes no options"
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(option, known, n=1)
        return UsageError(
            f"the transformer {cls.name} has no option {option}",
            hint=f"did you mean {near[0]}?" if near else options,
        )
    if first["type"] == "missing":
        return UsageError(f"the transformer {cls.name} needs the option {option}", hint=options)
    reason = first["msg"].removeprefix("Value error, ")
    return UsageError(f"the option {option} of the transformer {cls.name}: {reason}", hint=options)
