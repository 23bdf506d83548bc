"""A WASI command, compiled once and run as often as wanted: bytes in, bytes out.

What it may reach is its own memory, its input and its output: there are no files, no environment,
no network. Input and output are handed over in memory, so that no value is written anywhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import selectors
import signal
import struct
import threading
import time
from collections.abc import Iterator

import wasmtime

_PREVIEW = "wasi_snapshot_preview1"
_BAD_FILE = 8
_FAULT = 21
_INVALID = 28
_NOT_SUPPORTED = 58  # the numbers of WASI's errors

_PAIR = struct.Struct("<II")
_WORD = struct.Struct("<I")
_SUBSCRIPTION = 48
_EVENT = 32
_KIND_OF_EVENT = 8  # where a subscription has its kind

_BEATS = 10
"""How many times a limit of time is looked at before it is over."""

_DEADLINE = _BEATS + 1  # the first may come at once

_ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM})
"""Signals that Python may raise something for, as soon as the module lets it."""

_PIECE = 4096  # bytes, each a signal

_AGAIN = 0.05
"""Seconds until a module that a signal did not stop is stopped anew."""

_GROWTH = 16
"""How many times as long as the input the output may be, if that is more than the memory."""


class CommandError(Exception):
    """Why a run has no outcome, in words that hold nothing of what it was given.

    `answered` is how many lines it had written by then.
    """

    def __init__(self, reason: str, answered: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answered = answered


class UnfitModuleError(Exception):
    """The module can't be run at all; the message tells why."""


class Command:
    """A module that exports `_start`. One thread at a time may use it."""

    def __init__(self, module: bytes, *, memory: int, timeout: int) -> None:
        """For runs in `memory` bytes, that take less than `timeout` seconds from one piece of input
        or output to the next. Raises `UnfitModuleError`.
        """
        self._memory = memory
        self._timeout = timeout
        self._engine = _engine()
        self._streams = _Streams()
        self._signalled = False
        self._lock = threading.Lock()
        try:
            self._module = _compiled(module)
            _check_exports(self._module)
            self._linker = self._linked()
            self._start(())
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            raise UnfitModuleError(str(error).partition("\n")[0]) from None
        finally:
            self._streams.end()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """While it holds, time is taken and signals are heard: `run` is called within it."""
        read, write = os.pipe()
        os.set_blocking(write, False)
        beat = threading.Thread(target=self._beat, args=(read,), daemon=True)
        beat.start()
        try:
            with _woken_by_signals(write):
                yield
        finally:
            os.close(write)  # which ends the beat
            beat.join()

    def run(self, data: bytes, arguments: tuple[str, ...] = ()) -> bytes:
        """What a new instance writes to its output for this input. Raises `CommandError`."""
        out = None
        while out is None:
            with self._lock:
                self._signalled = False
            out = self._run(data, arguments)
        return out

    def _run(self, data: bytes, arguments: tuple[str, ...]) -> bytes | None:
        """None if a signal stopped it: what that raises was raised, unless it is nothing."""
        streams = self._streams
        streams.begin(data, max(self._memory, _GROWTH * len(data)))
        try:
            start, store = self._start(arguments)
            start(store)
        except wasmtime.ExitTrap as error:
            if error.code:
                raise self._failure(f"ended with the exit status {error.code}") from None
        except wasmtime.Trap as error:
            if self._signalled and error.trap_code is wasmtime.TrapCode.INTERRUPT:
                return None
            raise self._failure(self._trapped(error)) from None
        except wasmtime.WasmtimeError:
            raise self._failure("can't be run") from None
        finally:
            out = streams.end()
        return b"".join(out)

    def _start(self, arguments: tuple[str, ...]) -> tuple[wasmtime.Func, wasmtime.Store]:
        """The function `_start` of a new instance, which the streams serve from now on."""
        store = wasmtime.Store(self._engine)
        store.set_limits(memory_size=self._memory)
        wasi = wasmtime.WasiConfig()
        if arguments:
            wasi.argv = ["transformer", *arguments]
        store.set_wasi(wasi)
        store.set_epoch_deadline(_DEADLINE)
        exports = self._linker.instantiate(store, self._module).exports(store)
        memory, start = exports["memory"], exports["_start"]
        if not isinstance(memory, wasmtime.Memory) or not isinstance(start, wasmtime.Func):
            raise UnfitModuleError("its exports are not what they were")
        self._streams.serve(store, memory)
        return start, store

    def _linked(self) -> wasmtime.Linker:
        linker = wasmtime.Linker(self._engine)
        linker.define_wasi()
        linker.allow_shadowing = True
        number = wasmtime.ValType.i32()
        kind = wasmtime.FuncType([number] * 4, [number])
        # The streams know nothing of this object: what is linked would keep both for ever.
        linker.define_func(_PREVIEW, "fd_read", kind, self._streams.read)
        linker.define_func(_PREVIEW, "fd_write", kind, self._streams.write)
        linker.define_func(_PREVIEW, "poll_oneoff", kind, self._streams.poll)
        return linker

    def _beat(self, file: int) -> None:
        """Until `file` ends, from which signals are read: they can't be handled while a module
        runs, so that it is stopped for them.
        """
        interval = self._timeout / _BEATS
        with open(file, "rb", buffering=0) as woken, selectors.DefaultSelector() as selector:
            selector.register(woken, selectors.EVENT_READ)
            beat = time.monotonic() + interval
            while True:
                wait = _AGAIN if self._signalled else max(0.0, beat - time.monotonic())
                if selector.select(wait):
                    came = woken.read(_PIECE)
                    if not came:
                        return
                    self._signalled |= not _ENDING.isdisjoint(came)
                if self._signalled:
                    self._stop()
                elif time.monotonic() >= beat:
                    self._engine.increment_epoch()
                else:
                    continue
                beat = time.monotonic() + interval

    def _stop(self) -> None:
        with self._lock:
            for _ in range(_DEADLINE if self._signalled else 0):
                self._engine.increment_epoch()

    def _failure(self, reason: str) -> CommandError:
        return CommandError(reason, sum(part.count(b"\n") for part in self._streams.out))

    def _trapped(self, error: wasmtime.Trap) -> str:
        code = error.trap_code
        if self._streams.overflowed:
            return "was stopped, as its answer has no end"
        if code is wasmtime.TrapCode.INTERRUPT:
            return f"was stopped after {self._timeout} seconds"
        words = code.name.lower().replace("_", " ") if code is not None else "no reason told"
        return f"failed ({words}), with {self._memory:,} bytes of memory allowed"


class _Streams:
    """Input and output of the instance that runs, and what stands for functions of WASI.

    Their arguments come as signed numbers. Each returns the number of an error, or 0; to reach
    outside of the memory is an error.
    """

    def __init__(self) -> None:
        self.out: list[bytes] = []
        self._input = memoryview(b"")
        self._written = 0
        self._room = 0
        self._store: wasmtime.Store | None = None
        self._memory: wasmtime.Memory | None = None

    @property
    def overflowed(self) -> bool:
        return self._written > self._room

    def begin(self, data: bytes, room: int) -> None:
        """Offer `data`, and take `room` bytes."""
        self._input = memoryview(data)
        self.out = []
        self._written = 0
        self._room = room

    def serve(self, store: wasmtime.Store, memory: wasmtime.Memory) -> None:
        self._store = store
        self._memory = memory

    def end(self) -> list[bytes]:
        """Let go of the instance; returns what it wrote."""
        out, self.out = self.out, []
        self._input = memoryview(b"")
        self._store = self._memory = None
        return out

    def read(self, file: int, vectors: int, count: int, answer: int) -> int:
        if file != 0:
            return _BAD_FILE
        spans = self._spans(vectors, count)
        if spans is None:
            return _FAULT
        read = 0
        for at, size in spans:
            part = self._input[:size]
            if not self._put(at, bytes(part)):
                return _FAULT
            self._input = self._input[len(part) :]
            read += len(part)
        if read:
            self._get_time()
        return 0 if self._put(answer, _WORD.pack(read)) else _FAULT

    def write(self, file: int, vectors: int, count: int, answer: int) -> int:
        if file not in (1, 2):
            return _BAD_FILE
        spans = self._spans(vectors, count)
        if spans is None:
            return _FAULT
        written = 0
        for at, size in spans:
            self._written += size
            if self.overflowed:
                raise wasmtime.Trap("too much")
            part = self._get(at, size)
            if part is None:
                return _FAULT
            written += size
            if file == 1:
                self.out.append(part)
        if written:
            self._get_time()
        return 0 if self._put(answer, _WORD.pack(written)) else _FAULT

    def poll(self, subscriptions: int, events: int, count: int, answer: int) -> int:
        """Whatever is waited for is there at once: input, and any time of day."""
        wanted = self._get(subscriptions, _SUBSCRIPTION * (count & 0xFFFFFFFF))
        if not count or wanted is None:
            return _FAULT if count else _INVALID
        happened = bytearray(_EVENT * (len(wanted) // _SUBSCRIPTION))
        for i in range(len(wanted) // _SUBSCRIPTION):
            at, to = i * _SUBSCRIPTION, i * _EVENT
            happened[to : to + 8] = wanted[at : at + 8]
            happened[to + 10] = wanted[at + _KIND_OF_EVENT]
        if not self._put(events, bytes(happened)):
            return _FAULT
        return 0 if self._put(answer, _WORD.pack(len(happened) // _EVENT)) else _FAULT

    def _get_time(self) -> None:
        if self._store is not None:
            self._store.set_epoch_deadline(_DEADLINE)

    def _spans(self, vectors: int, count: int) -> list[tuple[int, int]] | None:
        listed = self._get(vectors, _PAIR.size * (count & 0xFFFFFFFF))
        return None if listed is None else [(at, size) for at, size in _PAIR.iter_unpack(listed)]

    def _get(self, at: int, size: int) -> bytes | None:
        address = self._address(at, size)
        return None if address is None else ctypes.string_at(address, size)

    def _put(self, at: int, data: bytes) -> bool:
        address = self._address(at, len(data))
        if address is not None:
            ctypes.memmove(address, data, len(data))
        return address is not None

    def _address(self, at: int, size: int) -> int | None:
        """Where ``memory[at : at + size]`` lies, or None where that is not within the memory."""
        memory, store = self._memory, self._store
        at &= 0xFFFFFFFF
        if memory is None or store is None or at + size > memory.data_len(store):
            return None
        return ctypes.addressof(memory.data_ptr(store).contents) + at


@contextlib.contextmanager
def _woken_by_signals(file: int) -> Iterator[None]:
    """Have the number of each signal written to `file` that Python has a handler for."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.set_wakeup_fd(file, warn_on_full_buffer=False)
    if before != -1:
        signal.set_wakeup_fd(before)  # someone else hears them
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)


def _check_exports(module: wasmtime.Module) -> None:
    exports = {export.name: export.type for export in module.exports}
    start = exports.get("_start")
    if not isinstance(start, wasmtime.FuncType) or start.params or start.results:
        raise UnfitModuleError("it is no WASI command: it exports no function _start")
    if not isinstance(exports.get("memory"), wasmtime.MemoryType):
        raise UnfitModuleError("it is no WASI command: it exports no memory")


@functools.cache
def _engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.epoch_interruption = True
    config.parallel_compilation = False  # its threads would outlive the compilation
    return wasmtime.Engine(config)


@functools.lru_cache(maxsize=16)
def _compiled(module: bytes) -> wasmtime.Module:
    """Compiled once in a process, whatever the number of columns."""
    return wasmtime.Module(_engine(), module)
