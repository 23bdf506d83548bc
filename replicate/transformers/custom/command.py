"""The transformer custom-command: a program of the user's own, fed line by line."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import weakref
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NoReturn

import numpy as np
from pydantic import Field, WithJsonSchema, field_validator

from replicate.config.fields import Seconds
from replicate.errors import TransformError, UsageError
from replicate.rows.arrays import contents, from_offsets
from replicate.rows.column import Column, Replacement
from replicate.rows.grammar import NULL_FIELD, escape, needs_escape
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.custom.program import Program, ProgramError
from replicate.transformers.custom.values import FROM_WHERE, KINDS, NEWLINE, REFUSES, Answers, Given
from replicate.transformers.rule import Rule

Words = Annotated[
    tuple[str, ...],
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "minItems": 1, "items": {"type": "string"}},
            ]
        }
    ),
]
"""A line that is split as a shell would, or a list of words."""


class CommandOptions(base.Options):
    """`command` is the program and its arguments. `format` tells how a value is a line. `timeout`
    is in seconds. `keep_running` has one process for all blocks of rows. `unique` promises that
    distinct values get distinct answers. `makes_null` allows NULL as an answer.
    """

    command: Words = Field(
        min_length=1, description="the program and its arguments; no shell sees them"
    )
    format: Literal["json", "text"] = Field(
        default="json", description="`json` writes a value as a JSON string, `text` as it is"
    )
    timeout: Seconds = Field(
        default=60, description="seconds in which it neither reads nor answers anything"
    )
    keep_running: bool = Field(
        default=False, description="one process for all rows, of a program that answers every line"
    )
    unique: bool = Field(
        default=False, description="the promise that distinct values get distinct answers"
    )
    makes_null: bool = Field(default=False, description="whether NULL is an answer")

    @field_validator("command", mode="before")
    @classmethod
    def _split(cls, command: object) -> object:
        if isinstance(command, list | tuple):
            return [str(word) if type(word) is int else word for word in command]
        if not isinstance(command, str):
            return command
        try:
            return shlex.split(command)
        except ValueError as error:
            raise ValueError(str(error).lower()) from None

    @field_validator("command")
    @classmethod
    def _is_a_program(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if not command[0] or any("\0" in word for word in command):
            raise ValueError("a program is needed, and no NUL within its arguments")
        return command


class CustomCommand(Rule):
    """A program gets the values that are neither NULL nor empty on its standard input, one a line,
    and answers on its standard output with as many lines, in the same order.

    - `format: json`: a line is a JSON string, in which a newline is `\\n`, and so is the answer. It
      may also be a number, a boolean, or `null` for NULL with `makes_null: true`.
    - `format: text`: a line is the value as it is, but for a newline, a carriage return, a tab and
      a backslash, which are `\\n`, `\\r`, `\\t` and `\\\\`; answers are read in the same way, and
      `\\N` is NULL. The format for sed, awk and tr.

    The program is started for each block of some thousands of rows, and its input then ends. With
    `keep_running: true` there is one process in each worker for all of them: it has to answer every
    line at once, so it must not keep its output in a buffer.

    It runs with your rights, in the directory and environment of the dump, and its standard error
    goes nowhere, since it may tell a value. The dump stops where it ends with an exit status other
    than 0, answers too few lines or too many, or does nothing for `timeout` seconds.

    Answers have to be values that the column takes. Distinct values are only taken to stay distinct
    where `unique: true` says so. That is checked within each block of rows.

    In a foreign key that takes texts for equal that differ in case, say, and in columns that join
    with it, all of them are given in one spelling: in lower case, without spaces at the end. An
    answer that equals it leaves the value as it is.
    """

    name = "custom-command"
    summary = "Runs a program of your own, which answers line by line"
    examples = (
        Example("+1-202-418-1440", {"command": ["sed", "s/....$/0000/"], "format": "text"}),
    )
    kinds = KINDS
    refuses = REFUSES
    Options: ClassVar[type[base.Options]] = CommandOptions

    def __init__(self, options: CommandOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        first, *arguments = options.command
        found = shutil.which(first)
        if found is None:
            raise UsageError(
                f"custom-command: there is no program {first}",
                hint=(
                    f"it has to be executable, and {FROM_WHERE}"
                    if "/" in first
                    else "give its path, or see that it is in PATH and may be executed"
                ),
            )
        self._who = f"custom-command {Path(first).name}"
        self._as_json = options.format == "json"
        self._answers = Answers(
            self._who, target, makes_null=options.makes_null, unique=options.unique
        )
        self._effects = Effects(
            Uniqueness.PRESERVES if options.unique else Uniqueness.MAY_COLLIDE,
            makes_null=options.makes_null,
        )
        self._program = Program(
            [str(Path(found).absolute()), *arguments],
            timeout=options.timeout,
            keep_running=options.keep_running,
        )
        # Nobody closes what was only made to be looked at.
        weakref.finalize(self, self._program.close)

    @property
    def effects(self) -> Effects:
        return self._effects

    def transform(self, column: Column) -> Replacement:
        given = Given(column, self.name)
        if not len(given):
            return self._answers.of_objects(given, [])
        lines = _json_lines(given) if self._as_json else _text_lines(given)
        try:
            out = self._program.ask(lines, len(given))
        except ProgramError as error:
            row = int(given.rows[error.answered]) if error.answered < len(given) else None
            message = f"{self._who} {error.reason}"
            raise TransformError(message, hint=error.hint, row=row) from None
        if self._as_json:
            return self._answers.of_objects(given, self._read_json(given, out))
        if b"\\" not in out:
            return self._answers.of_lines(given, out)
        return self._answers.of_objects(given, self._read_text(given, out))

    def close(self) -> None:
        self._program.close()

    def _read_json(self, given: Given, out: bytes) -> list[object]:
        answers: list[object] = []
        try:
            for line in _split(out):
                answer = _DECODE(line.decode())
                if isinstance(answer, list | dict):
                    raise self._misread(given, len(answers))
                answers.append(answer)
        except (ValueError, RecursionError):
            raise self._misread(given, len(answers)) from None
        return answers

    def _misread(self, given: Given, at: int) -> TransformError:
        return TransformError(
            f"{self._who} answered with a line that is no JSON string, number, boolean or null",
            hint="format: text is for programs that know nothing of JSON",
            row=int(given.rows[at]) if at < len(given) else None,
        )

    def _read_text(self, given: Given, out: bytes) -> list[str | None]:
        answers: list[str | None] = []
        try:
            for line in _split(out):
                answer = None if line == NULL_FIELD else _unescaped(line.decode())
                answers.append(answer)
        except KeyError:
            reason = "a backslash that is no part of \\n, \\r, \\t, \\\\ or \\N"
        except UnicodeDecodeError:
            reason = "what is not valid UTF-8"
        else:
            return answers
        at = len(answers)
        raise TransformError(
            f"{self._who} answered with {reason}",
            row=int(given.rows[at]) if at < len(given) else None,
        )


_MEANINGS = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
_ESCAPE = re.compile(r"\\(.?)")


def _unescaped(line: str) -> str:
    """Raises KeyError for an escape that isn't written: what damages one may make up another."""
    return _ESCAPE.sub(lambda match: _MEANINGS[match[1]], line)


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)  # NaN and Infinity, which Python takes and JSON doesn't have


_DECODE = json.JSONDecoder(parse_constant=_refuse).decode
_ENCODE = json.JSONEncoder(ensure_ascii=False).encode


def _split(out: bytes) -> list[bytes]:
    lines = out.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _json_lines(given: Given) -> bytes:
    return "".join([f"{_ENCODE(text)}\n" for text in given.texts()]).encode()


def _text_lines(given: Given) -> bytes:
    """The values, escaped; only what stands between them are newlines."""
    data = np.frombuffer(given.lines, np.uint8)
    between = np.ones(data.size, np.bool_)
    between[given.ends] = False
    values = data[between]
    if not needs_escape(values):
        return given.lines
    offsets = np.zeros(len(given) + 1, np.int32)
    offsets[1:] = given.ends - np.arange(len(given))
    offsets, data = contents(escape(from_offsets(offsets, values)))
    return np.insert(data, offsets[1:] - offsets[0], NEWLINE).tobytes()
