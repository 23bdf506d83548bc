"""Says what is wrong with conf.yaml in our words, whatever the validation calls it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from replicate.config.fields import kind_of
from replicate.config.mapping import FORMS
from replicate.config.models import Config
from replicate.config.positions import STRANGE_KEY, Positions, join, join_all, shown
from replicate.errors import ConfigError

_Step = str | int


def describe(
    failure: ValidationError, positions: Positions, broken: Iterable[str]
) -> list[ConfigError]:
    """One error for each of the failure's, except for keys that are `broken` already."""
    known = frozenset(broken)
    errors = [
        (error, [step for step in error["loc"] if step not in FORMS])
        for error in failure.errors(include_url=False)
    ]
    misspelt = {
        (*steps[:-1], _nearest(str(steps[-1]), steps[:-1]))
        for error, steps in errors
        if error["type"] == "extra_forbidden"
    }
    return [
        _describe_one(error, steps, positions)
        for error, steps in errors
        if known.isdisjoint(_prefixes(steps))
        # A key that is there under a wrong name is not missing too.
        and not (error["type"] == "missing" and tuple(steps) in misspelt)
    ]


def _prefixes(steps: list[_Step]) -> list[str]:
    return [join_all(steps[:end]) for end in range(1, len(steps) + 1)]


def _describe_one(error: ErrorDetails, steps: list[_Step], positions: Positions) -> ConfigError:
    key = join_all(steps)
    parent = join_all(steps[:-1])
    kind: str = error["type"]
    if kind == "config":
        return positions.error(key, error["ctx"]["message"], error["ctx"]["hint"] or None)
    if kind == "extra_forbidden":
        return positions.error(key, *_unknown_key(str(steps[-1]), steps[:-1]))
    if kind == "missing":
        if key in positions.lines:
            return positions.error(key, "has no value")
        name = shown(str(steps[-1]))
        return positions.error(parent, f"the key `{name}` is missing")
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        keys = _keys(steps)
        wanted = f"a mapping of {', '.join(keys)}" if keys else "a mapping"
        return positions.error(key, f"expected {wanted}, found {kind_of(error['input'])}")
    if kind == "list_type":
        hint = "begin each entry with `- `" if isinstance(error["input"], dict) else None
        return positions.error(key, f"expected a list, found {kind_of(error['input'])}", hint)
    return positions.error(key, "has a value that can't be used")


def _unknown_key(name: str, where: list[_Step]) -> tuple[str, str]:
    keys = _keys(where)
    place = "here" if where else "at the top"
    message = f"unknown key {place}"
    if shown(name) == STRANGE_KEY:
        message += ", which is not shown because it is no plain word"
    near = _nearest(name, where)
    if near:
        return message, f"did you mean `{near}`?"
    elsewhere = _places_of(name)
    if elsewhere:
        return message, f"its place is `{elsewhere[0]}`"
    return message, f"the keys {place} are {', '.join(keys)}"


def _nearest(name: str, where: list[_Step]) -> str | None:
    """The key of the mapping at `where` that was meant by `name`, if one is near enough."""
    word = name.lower().replace("-", "_")
    return next(iter(difflib.get_close_matches(word, _keys(where), n=1)), None)


def _keys(steps: Iterable[_Step]) -> list[str]:
    """The keys of the mapping at `steps`; none where any are allowed."""
    model = _model_at(steps)
    return list(model.model_fields) if model is not None else []


def _model_at(steps: Iterable[_Step]) -> type[BaseModel] | None:
    model: type[BaseModel] | None = Config
    for step in steps:
        if isinstance(step, str):
            field = model.model_fields.get(step) if model is not None else None
            model = _model_in(field.annotation) if field is not None else None
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The one model that an annotation mentions, as an element or as a branch."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        model = _model_in(argument)
        if model is not None:
            return model
    return None


def _places_of(name: str) -> list[str]:
    """Where else in the file a key of this name belongs."""
    found: list[str] = []

    def look(model: type[BaseModel], key: str) -> None:
        for field_name, field in model.model_fields.items():
            here = join(key, field_name)
            if field_name == name:
                found.append(here)
            inner = _model_in(field.annotation)
            if inner is not None:
                look(inner, here)

    look(Config, "")
    return found
