"""Every error that Replicate raises on purpose, and the exit code it ends the program with.

ReplicateError                1   any other failure
├── UsageError                2   a command line that can't be carried out
├── ConfigError               2   conf.yaml: names file, line and key
├── PartialError              3   some of the work was done, and some was not
├── NotFoundError            10   no such dump, datastore or object
├── ConflictError            11   it exists already, or somebody else changed it first
├── WrongKeyError            12   no key, or a key that doesn't fit
├── CorruptError             13   stored bytes are not what was written
│   └── TooLargeError        13   there are more of them than there can be
├── GuardError               14   refused, to protect a database
├── DatabaseError             1   a source or a destination said no
├── TransformError            1   a value could not be masked: the dump stops
└── DatastoreError            1   a store could not be read or written; may be transient

An interrupt (Ctrl-C, SIGTERM) ends with 130.

The message is one sentence, without a full stop where it ends in a value, fit to be shown as it
is; `hint` says what to do about it. Neither ever holds a secret or a value of a database.
"""

from __future__ import annotations


class ReplicateError(Exception):
    """The root of the tree. `transient` tells a retry wrapper that a second try may succeed."""

    exit_code = 1
    transient = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class UsageError(ReplicateError):
    exit_code = 2


class ConfigError(ReplicateError):
    """Something in conf.yaml is wrong.

    `file` is the path as the user wrote it, `line` counts from 1, `key` is dotted with indexes in
    brackets, such as ``source.transformers[0].table``. They are put in front of the message.
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
        hint: str | None = None,
    ) -> None:
        where = ":".join(str(part) for part in (file, line) if part is not None)
        prefix = ": ".join(part for part in (where, key) if part)
        super().__init__(f"{prefix}: {message}" if prefix else message, hint=hint)
        self.file = file
        self.line = line
        self.key = key


class PartialError(ReplicateError):
    exit_code = 3


class NotFoundError(ReplicateError):
    exit_code = 10


class ConflictError(ReplicateError):
    exit_code = 11


class WrongKeyError(ReplicateError):
    exit_code = 12


class CorruptError(ReplicateError):
    exit_code = 13


class TooLargeError(CorruptError):
    pass


class GuardError(ReplicateError):
    exit_code = 14


class DatabaseError(ReplicateError):
    pass


class TransformError(ReplicateError):
    """`row` counts from 0 in the column that was given to the transformer, where it knows that."""

    def __init__(self, message: str, *, hint: str | None = None, row: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.row = row


class DatastoreError(ReplicateError):
    """`retry_after` is how many seconds the store wants to be left alone, if it says so."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        transient: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.transient = transient
        self.retry_after = retry_after
