"""The transformer custom-python: a function or a class of the user's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, ClassVar, NoReturn

from pydantic import Field, model_validator

from replicate.errors import TransformError, UsageError
from replicate.rows.column import Column, Replacement
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.custom.loading import is_interrupt, line_of, load
from replicate.transformers.custom.quiet import QUIET
from replicate.transformers.custom.values import KINDS, REFUSES, Answers, Given
from replicate.transformers.draw import LANE
from replicate.transformers.rule import Rule

Row = Mapping[str, str | None]


class PythonOptions(base.Options):
    """`path` is a file and `module` a dotted name; one of them is given. `name` is the function or
    class in it, and `options` are what a class is made with. `columns` are those that a parameter
    `row` has. `unique` promises that distinct values get distinct answers. `makes_null` allows
    None as an answer.
    """

    path: str | None = Field(
        default=None, min_length=1, description="the Python file that the code is in"
    )
    module: str | None = Field(
        default=None,
        pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*$",
        description="the installed module that the code is in",
    )
    name: str = Field(default="transform", description="the function or class in it")
    options: dict[str, Any] = Field(
        default_factory=dict, description="the keyword arguments that the class is made with"
    )
    columns: tuple[str, ...] = Field(
        default=(), description="the columns that the parameter `row` has, as the source has them"
    )
    unique: bool = Field(
        default=False, description="the promise that distinct values get distinct answers"
    )
    makes_null: bool = Field(default=False, description="whether None, for NULL, is an answer")

    @model_validator(mode="after")
    def _has_one_place(self) -> PythonOptions:
        if self.path is None and self.module is None:
            raise ValueError("one of path and module is needed")
        if self.path is not None and self.module is not None:
            raise ValueError("path and module are both given, and the code is in one place")
        return self


class CustomPython(Rule):
    """A function that you write is called for each value that is neither NULL nor empty.

        def transform(value: str) -> str:
            return value[:2].upper() + "…"

    The names of its parameters tell what it wants:

    - The first one gets the value, as text. Is it called `values`, the function gets all the values
      of a block of rows as a list, and returns a list of as many answers.
    - `seed` gets 16 bytes that belong to the value: the same ones wherever it occurs, or fresh ones
      with `consistent: false`. With `values` it is `seeds`, a list.
    - `row` gets other columns of the row, those that the option `columns` names: a read-only
      mapping of their values in the source. With `values` it is `rows`, a list.

    A class is made once in each worker, with `options` as its keyword arguments. Its method
    `transform` is the function; its method `close`, if it has one, is called at the end.

    Answers are text, numbers, booleans, dates or UUIDs, or None for NULL with `makes_null: true`.
    They have to be values that the column takes. What the function raises stops the dump; the
    error names the line and the type of the exception, and neither its message nor the value.

    Distinct values are only taken to stay distinct where `unique: true` says so. That is checked
    within each block of rows.

    In a foreign key that takes texts for equal that differ in case, say, and in columns that join
    with it, all of them are given in one spelling: in lower case, without spaces at the end. An
    answer that equals it leaves the value as it is.
    """

    name = "custom-python"
    summary = "Calls a Python function or class of your own"
    examples = (
        Example("Jane Roe, 1984", {"path": "examples/custom-python/masks.py"}),
        Example(
            "Jane Roe, 1984",
            {
                "path": "examples/custom-python/masks.py",
                "name": "Labels",
                "options": {"prefix": "customer"},
            },
        ),
    )
    kinds = KINDS
    refuses = REFUSES
    Options: ClassVar[type[base.Options]] = PythonOptions

    def __init__(self, options: PythonOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._promises = Effects(
            Uniqueness.PRESERVES if options.unique else Uniqueness.MAY_COLLIDE,
            makes_null=options.makes_null,
        )
        for column in options.columns:
            if column not in target.columns:
                raise UsageError(f"custom-python: the table has no column {column} beside this one")
        self._columns = options.columns
        with QUIET:
            module = load(path=options.path, module=options.module)
            self._file = getattr(module, "__file__", None)
            self._who = f"custom-python {options.name}()"
            if self._file:
                self._who += f" in {Path(self._file).name}"
            self._made: object = None
            self._function = self._found(module, options)
            self._wants = _wants(self._function, self._who, row=bool(options.columns))
        self._answers = Answers(
            self._who, target, makes_null=options.makes_null, unique=options.unique
        )

    @property
    def effects(self) -> Effects:
        return self._promises

    @property
    def reads(self) -> frozenset[str]:
        return frozenset(self._columns)

    def transform(self, column: Column) -> Replacement:
        given = Given(column, self.name)
        values = given.texts()
        seeds = self._seeds(given) if self._wants.seed else None
        rows = self._rows(given) if self._wants.row else None
        with QUIET:
            if self._wants.block:
                answers = self._block(values, seeds, rows)
            else:
                answers = self._one_by_one(given, values, seeds, rows)
            try:
                return self._answers.of_objects(given, answers)
            except TransformError:
                raise
            except BaseException as error:  # noqa: BLE001 - answers may be of classes of the user
                self._fail(error, None)

    def close(self) -> None:
        made, self._made = self._made, None
        with QUIET:
            try:
                close = getattr(made, "close", None)
                if callable(close):
                    close()
            except BaseException as error:  # what it held it has to give back by itself
                if is_interrupt(error):
                    raise

    def _block(
        self, values: list[str], seeds: list[bytes] | None, rows: list[Row] | None
    ) -> list[Any]:
        more = {"seeds": seeds, "rows": rows}
        given = {name: each for name, each in more.items() if each is not None}
        try:
            answers = self._function(values, **given)
            if isinstance(answers, list | tuple):
                return list(answers)
        except BaseException as error:  # noqa: BLE001 - whatever the user's code may raise
            self._fail(error, None)
        raise TransformError(
            f"{self._who} answered with a {type(answers).__name__}",
            hint="a function of `values` returns a list",
        )

    def _one_by_one(
        self,
        given: Given,
        values: list[str],
        seeds: list[bytes] | None,
        rows: list[Row] | None,
    ) -> list[Any]:
        answers: list[Any] = []
        try:
            if seeds is None and rows is None:
                for value in values:
                    answers.append(self._function(value))  # noqa: PERF401 - counts up to an error
            else:
                for value, more in zip(values, _each(seeds, rows), strict=True):
                    answers.append(self._function(value, **more))
        except BaseException as error:  # noqa: BLE001 - likewise
            self._fail(error, int(given.rows[len(answers)]))
        return answers

    def _fail(self, error: BaseException, row: int | None) -> NoReturn:
        if is_interrupt(error):
            raise error
        # Not chained: the exception may hold a value.
        raise TransformError(self._failed(error), row=row) from None

    def _seeds(self, given: Given) -> list[bytes]:
        drawn = self.draw(given.column)[given.rows].tobytes()
        return [drawn[at : at + LANE] for at in range(0, len(drawn), LANE)]

    def _rows(self, given: Given) -> list[Row]:
        beside = [given.beside(name) for name in self._columns]
        return [
            MappingProxyType(dict(zip(self._columns, values, strict=True)))
            for values in zip(*beside, strict=True)
        ]

    def _found(self, module: ModuleType, options: PythonOptions) -> Callable[..., Any]:
        found = getattr(module, options.name, None)
        if found is None:
            raise UsageError(
                f"custom-python: {Path(self._file or module.__name__).name} has no {options.name}",
                hint="the option `name` tells the function or class",
            )
        if not isinstance(found, type):
            if options.options:
                raise UsageError(f"{self._who} takes no `options`: it is no class")
            if not callable(found):
                raise UsageError(f"{self._who} is neither a function nor a class")
            function: Callable[..., Any] = found
            return function
        try:
            self._made = found(**options.options)
        except BaseException as error:
            if is_interrupt(error):
                raise
            # Without the message: options may hold a secret.
            raise UsageError(self._failed(error), hint="it is made with the `options`") from None
        method = getattr(self._made, "transform", None)
        if not callable(method):
            raise UsageError(f"{self._who} has no method transform")
        return method  # type: ignore[no-any-return]  # what a class of others has is not known

    def _failed(self, error: BaseException) -> str:
        return f"{self._who} raised {type(error).__name__}{line_of(error, self._file)}"


@dataclass(frozen=True, slots=True)
class _Wants:
    """What a function is called with: all values of a block, seeds, other columns."""

    block: bool = False
    seed: bool = False
    row: bool = False


def _wants(function: Callable[..., Any], who: str, *, row: bool) -> _Wants:
    """By the names of the function's parameters; `row` tells whether columns were named."""
    if any(map(_is_async, (function, getattr(function, "__call__", None)))):  # noqa: B004 - its own
        raise UsageError(
            f"{who} is async, and nothing awaits its answers",
            hint="define it by `def`; within it, asyncio.run() runs what is async",
        )
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []  # of a function written in C nothing is known
    block = bool(parameters) and parameters[0].name == "values"
    known = {"seeds" if block else "seed", "rows" if block else "row"}
    wanted = {each.name for each in parameters[1:]} & known
    for each in parameters[1:]:
        optional = each.default is not each.empty or each.kind in (
            each.VAR_POSITIONAL,
            each.VAR_KEYWORD,
        )
        if each.name not in known and not optional:
            raise UsageError(
                f"{who} wants a parameter {each.name}, which nothing is known of",
                hint=f"behind the first one there may be {' and '.join(sorted(known))}",
            )
    wants = _Wants(block, bool(wanted & {"seed", "seeds"}), bool(wanted & {"row", "rows"}))
    if wants.row and not row:
        raise UsageError(
            f"{who} wants other columns of the row", hint="name them in the option `columns`"
        )
    if row and not wants.row:
        raise UsageError(
            f"{who} has no parameter for the option `columns`",
            hint=f"call it {'rows' if block else 'row'}",
        )
    return wants


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _each(seeds: list[bytes] | None, rows: list[Row] | None) -> Sequence[dict[str, Any]]:
    if seeds is None:
        return [{"row": row} for row in rows or []]
    if rows is None:
        return [{"seed": seed} for seed in seeds]
    return [{"seed": seed, "row": row} for seed, row in zip(seeds, rows, strict=True)]
