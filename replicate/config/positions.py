"""Where in the file each key stands, so that an error can name file, line and key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from replicate.errors import ConfigError

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,40}\Z")
_LAST_STEP = re.compile(r"(\.[^.\[]*|\[\d+\])\Z")

STRANGE_KEY = "<key>"
"""Stands for a key that is no plain word: it may be a value in the wrong place, even a secret."""


@dataclass(frozen=True, slots=True)
class Positions:
    """The lines of one file's keys, such as ``source.transformers[0].table``; lines count from 1.

    `file` is the path as the user wrote it, or None for a configuration that is in no file.
    """

    file: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict)

    def line(self, key: str | None) -> int | None:
        """The line of `key`, or of the nearest part of the file that would hold it."""
        while key:
            if key in self.lines:
                return self.lines[key]
            key = _LAST_STEP.sub("", key) if _LAST_STEP.search(key) else ""
        return None

    def error(self, key: str | None, message: str, hint: str | None = None) -> ConfigError:
        """A `ConfigError` about `key`, to be raised by the caller."""
        return ConfigError(message, file=self.file, line=self.line(key), key=key or None, hint=hint)


def shown(name: str) -> str:
    """A key of the file as it may stand in a message."""
    return name if _PLAIN_KEY.match(name) else STRANGE_KEY


def join(parent: str, step: str | int) -> str:
    """The key of an entry of the mapping or list at `parent`; the empty string is the top."""
    if isinstance(step, int):
        return f"{parent}[{step}]"
    return f"{parent}.{shown(step)}" if parent else shown(step)


def join_all(steps: Iterable[str | int]) -> str:
    key = ""
    for step in steps:
        key = join(key, step)
    return key
