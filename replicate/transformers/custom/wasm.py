"""The transformer custom-wasm: a WebAssembly module of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from replicate.config.fields import Seconds, Size
from replicate.errors import TransformError, UsageError
from replicate.rows.column import Column, Replacement
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.custom.values import (
    FROM_WHERE,
    KINDS,
    REFUSES,
    Answers,
    Given,
    Integers,
)
from replicate.transformers.rule import Rule

if TYPE_CHECKING:
    from replicate.transformers.custom.wasi import Command


class WasmOptions(base.Options):
    """`path` is the module. `batch` tells how it is fed: `none` runs it for each value, `lines`
    feeds it many values, each a line. `seed` gives it the value's seed as its first argument.
    `timeout` is in seconds. `memory` is what an instance may have. `unique` promises that distinct
    values get distinct answers.
    """

    path: str = Field(min_length=1, description="the .wasm file, a WASI command")
    batch: Literal["none", "lines"] = Field(
        default="none", description="`lines` feeds it many values at once, each a line"
    )
    seed: bool = Field(
        default=False, description="whether its first argument is a seed that the value decides"
    )
    timeout: Seconds = Field(
        default=5, description="seconds from one piece of input or output to the next"
    )
    memory: Size = Field(default=64 << 20, description="the memory that it may have")
    unique: bool = Field(
        default=False, description="the promise that distinct values get distinct answers"
    )

    @model_validator(mode="after")
    def _has_one_seed(self) -> WasmOptions:
        if self.seed and self.batch == "lines":
            raise ValueError("seed goes with a run for each value, and so not with batch: lines")
        return self


class CustomWasm(Rule):
    """A WASI command gets each value that is neither NULL nor empty on its standard input, with a
    newline behind it; what it writes to its standard output, without white space around it, is the
    replacement. Every value meets a new instance.

    With `batch: lines` one instance gets many values, each a line, and answers each with a line.
    That is hundreds of times as fast. A value that holds a newline is given to an instance of its
    own; its replacement is all that this one writes, without a newline at the end.

    With `seed: true` the first argument of the command is 32 hexadecimal digits that belong to the
    value: the same ones wherever it occurs, or fresh ones with `consistent: false`.

    The module has no files, no environment, no network, and no time to sleep. The dump stops where
    it ends with an exit status other than 0, fails, asks for more than `memory` and gives up, or
    does nothing for `timeout` seconds. The error tells which, and nothing of the value.

    Answers have to be values that the column takes. Distinct values are only taken to stay distinct
    where `unique: true` says so. That is checked within each block of rows.

    In a foreign key that takes texts for equal that differ in case, say, and in columns that join
    with it, all of them are given in one spelling: in lower case, without spaces at the end. An
    answer that equals it leaves the value as it is.

    Needs `pip install 'replicate[wasm]'`.
    """

    name = "custom-wasm"
    summary = "Runs a WebAssembly module of your own, shut off from all else"
    examples = (
        Example("Jane Roe", {"path": "examples/custom-wasm/cover.wasm", "batch": "lines"}),
        Example("Jane Roe", {"path": "examples/custom-wasm/cover.wasm"}),
    )
    kinds = KINDS
    refuses = REFUSES
    Options: ClassVar[type[base.Options]] = WasmOptions

    def __init__(self, options: WasmOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._who = f"custom-wasm {Path(options.path).name}"
        self._command = _command(options)
        self._in_lines = options.batch == "lines"
        self._seeded = options.seed
        self._answers = Answers(self._who, target, makes_null=False, unique=options.unique)
        self._uniqueness = Uniqueness.PRESERVES if options.unique else Uniqueness.MAY_COLLIDE

    @property
    def effects(self) -> Effects:
        return Effects(self._uniqueness)

    def transform(self, column: Column) -> Replacement:
        given = Given(column, self.name)
        with self._command.running():
            if not self._in_lines:
                return self._answers.of_objects(given, self._one_by_one(given))
            alone = given.holding_newlines()
            if not alone.size:
                return self._answers.of_lines(given, self._many(given))
            return self._answers.of_objects(given, self._both(given, alone))

    def _both(self, given: Given, alone: Integers) -> list[str]:
        """The values `alone` each by itself, and all others as lines."""
        together = np.setdiff1d(np.arange(len(given)), alone, assume_unique=True)
        answers = [""] * len(given)
        others = given.only(together)
        for i, text in zip(together, self._answers.texts(others, self._many(others)), strict=True):
            answers[i] = text
        for i, text in zip(alone, self._one_by_one(given.only(alone)), strict=True):
            answers[i] = text
        return answers

    def _many(self, given: Given) -> bytes:
        from replicate.transformers.custom.wasi import CommandError  # noqa: PLC0415 - an extra

        try:
            return self._command.run(given.lines) if len(given) else b""
        except CommandError as error:
            row = given.rows[min(error.answered, len(given) - 1)]
            raise TransformError(f"{self._who} {error.reason}", row=int(row)) from None

    def _one_by_one(self, given: Given) -> list[str]:
        from replicate.transformers.custom.wasi import CommandError  # noqa: PLC0415 - an extra

        seeds = self.draw(given.column)[given.rows] if self._seeded else None
        answers: list[str] = []
        begin = 0
        try:
            for i, end in enumerate(given.ends.tolist()):
                arguments = () if seeds is None else (seeds[i].tobytes().hex(),)
                out = self._command.run(given.lines[begin : end + 1], arguments)
                begin = end + 1
                if self._in_lines and not out:
                    raise CommandError("answered a value with nothing, not even an empty line")
                answers.append(
                    (out.removesuffix(b"\n") if self._in_lines else out.strip()).decode()
                )
        except CommandError as error:
            reason = error.reason
        except UnicodeDecodeError:
            reason = "answered with what is not valid UTF-8"
        else:
            return answers
        raise TransformError(f"{self._who} {reason}", row=int(given.rows[len(answers)]))


def _command(options: WasmOptions) -> Command:
    try:
        from replicate.transformers.custom import wasi  # noqa: PLC0415 - wasmtime is an extra
    except ModuleNotFoundError as error:
        if error.name != "wasmtime":
            raise
        raise UsageError(
            "custom-wasm needs the package wasmtime", hint="pip install 'replicate[wasm]'"
        ) from None
    where = f"custom-wasm: {options.path}"
    try:
        module = Path(options.path).read_bytes()
    except OSError as error:
        hint = FROM_WHERE if isinstance(error, FileNotFoundError) else None
        raise UsageError(f"{where} can't be read: {error.strerror}", hint=hint) from None
    try:
        return wasi.Command(module, memory=options.memory, timeout=options.timeout)
    except wasi.UnfitModuleError as error:
        raise UsageError(
            f"{where} can't be run: {error}",
            hint="a WASI command is needed, of WASI preview 1; no component, and no library",
        ) from None
