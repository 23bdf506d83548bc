"""The user's Python code, found and executed, and what is told of its failures."""

from __future__ import annotations

import functools
import importlib
import multiprocessing
import sys
import traceback
import types
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from replicate.errors import UsageError
from replicate.transformers.custom.values import FROM_WHERE


def load(*, path: str | None, module: str | None) -> ModuleType:
    """The file, or else the module, executed. Raises `UsageError` with nothing of what was raised
    but its type and line.
    """
    file = None if path is None else Path(path).absolute()
    try:
        if file is None:
            return importlib.import_module(module or "")
        status = file.stat()
        return _executed(file, status.st_mtime_ns, status.st_size)
    except BaseException as error:
        if is_interrupt(error):
            raise
        if file is not None and isinstance(error, OSError) and error.filename == str(file):
            reason = error.strerror or type(error).__name__
            hint = FROM_WHERE if isinstance(error, FileNotFoundError) else None
            message = f"custom-python: {path} can't be read: {reason}"
            raise UsageError(message, hint=hint) from None
        line = _line_of_module(error, module or "") if file is None else line_of(error, str(file))
        raise _unimportable(path or module or "", line, error) from None


def is_interrupt(error: BaseException) -> bool:
    """Whether it is to end the program: all else that code may raise is a failure of that code.

    Signals raise nothing in a worker process; there, the code has done it.
    """
    return isinstance(error, KeyboardInterrupt) and multiprocessing.parent_process() is None


def line_of(error: BaseException, file: str | None) -> str:
    """The innermost line of the user's own code, which may have called others."""
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == file
    ]
    return f" in line {lines[-1]}" if lines else ""


def _unimportable(where: str, line: str, error: BaseException) -> UsageError:
    if isinstance(error, SyntaxError) and _is_of(error.filename, where):
        line = f" in line {error.lineno}"
    # Without the message: what is executed may read anything.
    return UsageError(
        f"custom-python: {where} can't be imported: {type(error).__name__}{line}",
        hint="what it imports has to be installed" if isinstance(error, ImportError) else None,
    )


def _is_of(file: object, where: str) -> bool:
    """Whether `file` is that of `where`, a path or a dotted name, and no other that it imports."""
    names = {Path(where).stem, where.rpartition(".")[2]}
    return isinstance(file, str) and Path(file).stem in names


def _line_of_module(error: BaseException, name: str) -> str:
    """The innermost line of the package that `name` is of."""
    package = name.partition(".")[0]
    lines = [
        f" in line {line} of {Path(frame.f_code.co_filename).name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package
    ]
    return lines[-1] if lines else ""


class _Uncached(SourceFileLoader):
    """Compiles the source each time, and leaves no compiled file beside it."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - a loader loads one module
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


@functools.lru_cache(maxsize=64)
def _executed(path: Path, _changed: int, _size: int) -> ModuleType:
    """The module that the file is, executed once in a process for as long as it is unchanged."""
    name = f"{path.stem} ({path.parent})"  # no import statement can mean it
    module = types.ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # where dataclasses, and others, look for what a class is made of
    try:
        _Uncached(name, str(path)).exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module
