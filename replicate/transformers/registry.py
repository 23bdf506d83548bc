"""The transformers that a configuration may name."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from replicate.errors import UsageError
from replicate.transformers.base import Draw, Target, Transformer
from replicate.transformers.rule import Rule

_BUILT_IN = {
    "random": "anything.random_value:Random",
    "random-date": "dates.random_date:RandomDate",
    "date-shift": "dates.shift:DateShift",
    "date-noise": "dates.shift:DateNoise",
    "date-truncate": "dates.truncate:DateTruncate",
    "number-noise": "numbers.amounts:NumberNoise",
    "number-range": "numbers.ranges:NumberRange",
    "number-round": "numbers.amounts:NumberRound",
    "boolean": "anything.choices:Boolean",
    "choice": "anything.choices:Choice",
    "first-name": "people.names:FirstName",
    "last-name": "people.names:LastName",
    "full-name": "people.names:FullName",
    "company": "people.work:Company",
    "job": "people.work:Job",
    "street": "places.addresses:Street",
    "postcode": "places.addresses:Postcode",
    "city": "places.places:City",
    "state": "places.places:State",
    "country": "places.places:Country",
    "address": "places.addresses:Address",
    "email": "contact.emails:Email",
    "username": "people.usernames:Username",
    "phone-number": "contact.phones:PhoneNumber",
    "credit-card": "payment.cards:CreditCard",
    "iban": "payment.iban:Iban",
    "uuid": "identifiers.tokens:Uuid",
    "token": "identifiers.tokens:Token",
    "hash": "identifiers.tokens:Hash",
    "ip-address": "networks.network:IpAddress",
    "mac-address": "networks.network:MacAddress",
    "url": "networks.web:Url",
    "domain-name": "networks.web:DomainName",
    "user-agent": "networks.web:UserAgent",
    "password-hash": "identifiers.passwords:PasswordHash",
    "format-preserving": "identifiers.formats:FormatPreserving",
    "keep-first-char": "texts.first_characters:KeepFirstChar",
    "redacted": "texts.first_characters:Redacted",
    "partial-mask": "texts.partial:PartialMask",
    "truncate": "texts.partial:Truncate",
    "lorem": "texts.lorem:Lorem",
    "sentence": "texts.lorem:Sentence",
    "regex-replace": "texts.patterns:RegexReplace",
    "template": "texts.template:Template",
    "json-set": "texts.json_set:JsonSet",
    "shuffle": "anything.shuffle:Shuffle",
    "fixed": "anything.constants:Fixed",
    "null": "anything.constants:Null",
    "transient": "anything.constants:Transient",
    "custom-python": "custom.python:CustomPython",
    "custom-wasm": "custom.wasm:CustomWasm",
    "custom-command": "custom.command:CustomCommand",
}
"""Every transformer by its name: its module in this package, and its class. A module is imported
when one of its transformers is asked for. The order is the documentation's."""

ENTRY_POINTS = "replicate.transformers"
"""The group of entry points by which an installed package brings transformers of its own."""


def names() -> list[str]:
    """The names of all transformers, those of installed packages behind the built-in ones."""
    return [*_BUILT_IN, *(name for name in _installed() if name not in _BUILT_IN)]


def all_transformers() -> list[type[Rule]]:
    """The classes of all built-in transformers, in the order in which documentation lists them."""
    return [find(name) for name in _BUILT_IN]


def build(name: str, options: Mapping[str, Any], *, target: Target, draw: Draw) -> Transformer:
    """The transformer `name` for the column `target`.

    Raises `UsageError`, fit to be shown with the place in the configuration in front, if there is
    no such transformer, if an option is wrong, or if it doesn't fit the column.
    """
    cls = find(name)
    try:
        checked = cls.Options.model_validate(dict(options))
    except ValidationError as error:
        raise _wrong_option(cls, error) from error
    return cls(checked, target=target, draw=draw)


def import_built_in(names: Iterable[str]) -> None:
    """Import those of `names` that are built in, and pass over the others."""
    for name in _BUILT_IN.keys() & names:
        find(name)


def find(name: str) -> type[Rule]:
    """The class of the transformer `name`. Raises `UsageError` if there is none."""
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        found: type[Rule] = getattr(
            importlib.import_module(f"replicate.transformers.{module}"), attribute
        )
        return found
    if (entry := _installed().get(name)) is not None:
        return _load(entry)
    near = difflib.get_close_matches(name, names(), n=1)
    raise UsageError(
        f"there is no transformer {name!r}",
        hint=f"did you mean {near[0]}?" if near else "`replicate transformer list` shows them all",
    )


def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def _load(entry: EntryPoint) -> type[Rule]:
    where = f"the transformer {entry.name} of the installed package"
    try:
        found = entry.load()
    except (Exception, SystemExit) as error:
        raise UsageError(f"{where} can't be loaded: {type(error).__name__}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Rule)):
        raise UsageError(f"{where} is no subclass of replicate.transformers.rule.Rule")
    return found


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
    return UsageError(
        f"the option {option} of the transformer {cls.name}: {_reason(error)}", hint=options
    )


def _reason(error: ValidationError) -> str:
    """What is wrong with the first wrong option, in our words; its value is in none of them."""
    first = error.errors(include_url=False, include_input=False)[0]
    context = first.get("ctx", {})
    if first["type"] == "value_error":  # our own validators'
        return first["msg"].removeprefix("Value error, ")
    words = _REASONS.get(first["type"])
    branches = [each for each in error.errors() if each["loc"][:-1] == first["loc"][:-1]]
    if words is None or (len(first["loc"]) > 1 and len(branches) > 1):
        # Of several types that it could be it is none, so that no single one is to blame.
        words = "it has a value that can't be used"
    expected = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
    words = words.format(**{**context, "expected": expected}, s="" if _bound(context) == 1 else "s")
    place = next((step for step in first["loc"][1:] if isinstance(step, int)), None)
    return words if place is None else f"element {place + 1}{words.removeprefix('it')}"


def _bound(context: Mapping[str, Any]) -> object:
    return context.get("min_length", context.get("max_length", context.get("decimal_places")))


_REASONS = {
    "literal_error": "it has to be one of {expected}",
    "string_type": "it has to be text",
    "string_too_short": "it has to have {min_length} character{s} or more",
    "string_too_long": "it can't have more than {max_length} character{s}",
    "string_pattern_mismatch": "it isn't written as it has to be",
    "string_unicode": "it holds what is no character",
    "too_short": "it has to have {min_length} element{s} or more",
    "too_long": "it can't have more than {max_length} element{s}",
    "tuple_type": "it has to be a list",
    "list_type": "it has to be a list",
    "dict_type": "it has to be a mapping",
    "bool_type": "it has to be true or false",
    "bool_parsing": "it has to be true or false",
    "int_type": "it has to be a whole number",
    "int_parsing": "it has to be a whole number",
    "int_parsing_size": "it is too big a number",
    "int_from_float": "it has to be a whole number",
    "float_type": "it has to be a number",
    "float_parsing": "it has to be a number",
    "decimal_type": "it has to be a number",
    "decimal_parsing": "it has to be a number",
    "finite_number": "it has to be a finite number",
    "greater_than": "it has to be greater than {gt}",
    "greater_than_equal": "it has to be {ge} or greater",
    "less_than": "it has to be less than {lt}",
    "less_than_equal": "it has to be {le} or less",
    "decimal_max_places": "it can't have more than {decimal_places} decimal place{s}",
    "date_type": "it has to be a date, as 2024-12-31",
    "date_parsing": "it has to be a date, as 2024-12-31",
    "date_from_datetime_parsing": "it has to be a date, as 2024-12-31",
    "date_from_datetime_inexact": "it has to be a date without a time, as 2024-12-31",
}
"""What pydantic's errors mean, by their type."""
