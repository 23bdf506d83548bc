"""Reading JSON that came from a store: every value has to be of the type and range expected.

A field that is not known is passed over, which lets a later minor version add one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn

from replicate.errors import CorruptError, ReplicateError

MAX_NUMBER = 2**63 - 1

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}\Z")
BASE64 = re.compile(r"[A-Za-z0-9+/]{4,4096}={0,2}\Z")


class UnsupportedFormatError(ReplicateError):
    """Written by a later major version, whose meaning this one can't know."""

    def __init__(self, what: str, version: int) -> None:
        super().__init__(
            f"{what} is of format version {version}, and this program reads version 1",
            hint="upgrade replicate",
        )


class Fields:
    """One JSON object. Errors are `CorruptError`s that name `what` and the field."""

    __slots__ = ("_path", "_values", "_what")

    def __init__(self, what: str, values: object, path: str = "") -> None:
        self._what = what
        self._path = path
        if type(values) is not dict:
            self.fail("" if path else "its content", "not an object")
        self._values: dict[str, Any] = values

    def number(self, name: str, maximum: int = MAX_NUMBER) -> int:
        """An integer from 0 to `maximum`; True and 1.0 are none."""
        value = self._get(name)
        if type(value) is not int or not 0 <= value <= maximum:
            self.fail(name, "not a number in its range")
        return value

    def text(self, name: str, pattern: re.Pattern[str] | None = None) -> str:
        """A string that `pattern`, if given, matches to its end."""
        value = self._get(name)
        if type(value) is not str or (pattern is not None and not pattern.match(value)):
            self.fail(name, "not what it should look like")
        return value

    def word(self, name: str) -> str:
        """A short string that is safe to show: letters, digits and ``.+_-``."""
        return self.text(name, WORD)

    def texts(self, name: str) -> list[str]:
        values = self._list(name)
        if not all(type(value) is str for value in values):
            self.fail(name, "not a list of strings")
        return values

    def text_map(self, name: str) -> dict[str, str]:
        values = self.mapping(name)
        if not all(type(value) is str for value in values.values()):
            self.fail(name, "not an object of strings")
        return values

    def mapping(self, name: str) -> dict[str, Any]:
        """An object of whatever it holds."""
        value = self._get(name)
        if type(value) is not dict:
            self.fail(name, "not an object")
        return value

    def object(self, name: str) -> Fields:
        return Fields(self._what, self._get(name), self._at(name))

    def optional(self, name: str) -> Fields | None:
        """An object, or None where the field is null."""
        return None if self._get(name) is None else self.object(name)

    def objects(self, name: str) -> Iterator[Fields]:
        path = self._at(name)
        for i, value in enumerate(self._list(name)):
            yield Fields(self._what, value, f"{path}[{i}]")

    def rows(self, name: str, width: int) -> list[list[int]]:
        """A list of lists of `width` numbers each."""
        values = self._list(name)
        for row in values:
            if (
                type(row) is not list
                or len(row) != width
                or not all(type(value) is int and 0 <= value <= MAX_NUMBER for value in row)
            ):
                self.fail(name, f"not a list of {width} numbers each")
        return values

    def fail(self, name: str, why: str) -> NoReturn:
        raise CorruptError(f"{self._what} is damaged: {self._at(name)} is {why}")

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path and name else self._path or name

    def _get(self, name: str) -> Any:  # noqa: ANN401 - JSON, checked by the callers
        try:
            return self._values[name]
        except KeyError:
            self.fail(name, "missing")

    def _list(self, name: str) -> list[Any]:
        value = self._get(name)
        if type(value) is not list:
            self.fail(name, "not a list")
        return value
