"""Puts rules into the user's conf.yaml: proven first, and then in one step."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from replicate.config import Config, load_config
from replicate.config.insertion import NewRules, insert_rules
from replicate.errors import ConfigError, ConflictError, ReplicateError


def write_rules(
    path: str | Path, rules: Sequence[NewRules], prove: Callable[[Config], object]
) -> None:
    """Insert the rules into the file at `path`, whose other bytes and mode stay as they are.

    The new text is loaded as a configuration, and `prove` has to accept that, before it takes the
    file's place. Raises `ConfigError` where the rules can't be put in or the result does not hold,
    `ConflictError` where somebody else changed the file meanwhile, and `ReplicateError` where it
    is write-protected or the disk says no; it is then as it was.
    """
    # A link stays one: what it leads to is replaced.
    file = Path(os.path.realpath(path))
    try:
        before = file.read_bytes()
        mark = b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b""
        text = before[len(mark) :].decode("utf-8")
        after = mark + insert_rules(text, rules, file=str(path)).encode("utf-8")
        _replace(file, before, after, lambda new: _proof(new, path, prove))
    except OSError as error:
        raise ReplicateError(f"{path} can't be written: {error.strerror}") from error


def _replace(file: Path, before: bytes, after: bytes, check: Callable[[Path], None]) -> None:
    status = file.stat()
    # To put another file in its place would take no more than the right to write to the folder.
    if not status.st_mode & 0o222 or not os.access(file, os.W_OK):
        raise PermissionError(errno.EACCES, "it is write-protected", str(file))
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(after)
            stream.flush()
            os.fsync(stream.fileno())
            with contextlib.suppress(OSError):
                os.fchown(stream.fileno(), status.st_uid, status.st_gid)
            os.fchmod(stream.fileno(), status.st_mode & 0o7777)
        check(new)
        if file.read_bytes() != before:
            raise ConflictError(
                f"{file} was changed by somebody else meanwhile", hint="run the command again"
            )
        new.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


def _proof(new: Path, path: str | Path, prove: Callable[[Config], object]) -> None:
    try:
        prove(load_config(new, sections=["source"]))
    except ConfigError as error:
        message = str(error).replace(str(new), str(path))
        raise ConfigError(
            f"nothing was written, because the result would not hold: {message}", hint=error.hint
        ) from error
