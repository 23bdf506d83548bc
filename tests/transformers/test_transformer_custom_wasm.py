"""custom-wasm: what a module is fed, what it may do, and what becomes of one that does ill."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.column import KEEP, Column, Kind
from replicate.transformers.base import Draw, Target, Transformer, Uniqueness
from replicate.transformers.custom import wasi
from replicate.transformers.custom.wasi import Command
from replicate.transformers.registry import build
from tests.support.masking import KEYED, OTHER, RANDOM

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom-wasm"
COVER = str(EXAMPLE / "cover.wasm")
SECRET = b"hunter2"

PREFACE = """
(import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
(memory (export "memory") 1)
"""
# At 0 lies a span of 8000 bytes at 1000, and behind it the number of bytes that were read. `echo`
# reads once, and writes what it got.
ECHO = """
(func $fill
  (i32.store (i32.const 0) (i32.const 1000)) (i32.store (i32.const 4) (i32.const 8000))
  (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
  (i32.store (i32.const 4) (i32.load (i32.const 8))))
(func $put (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
(func $echo (call $fill) (call $put))
"""

Wat = Callable[..., str]


@pytest.fixture
def wat(tmp_path: Path) -> Wat:
    """Writes module.wasm, whose `_start` is the text; its path."""

    def write(start: str, *, more: str = "", preface: str = PREFACE + ECHO) -> str:
        path = tmp_path / "module.wasm"
        text = f'(module {preface} {more} (func (export "_start") {start}))'
        path.write_bytes(wasmtime.wat2wasm(text))
        return str(path)

    return write


def make(kind: Kind = Kind.TEXT, /, *, draw: Draw = KEYED, **options: Any) -> Transformer:
    return build("custom-wasm", options, target=Target(kind), draw=draw)


def mask(values: list[bytes | None], kind: Kind = Kind.TEXT, **options: Any) -> list[bytes | None]:
    answer = make(kind, **options).transform(Column.of(values, kind))
    pool = answer.pool.to_pylist()
    return [
        values[i] if index == KEEP else pool[index] for i, index in enumerate(answer.index.tolist())
    ]


def fails(values: list[bytes | None], **options: Any) -> TransformError:
    with pytest.raises(TransformError) as caught:
        make(**options).transform(Column.of(values))
    shown = f"{caught.value.message} {caught.value.hint}"
    assert SECRET.decode() not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


def test_the_example_is_what_its_text_says() -> None:
    built = wasmtime.wat2wasm((EXAMPLE / "cover.wat").read_text())
    assert bytes(built) == (EXAMPLE / "cover.wasm").read_bytes()


@pytest.mark.parametrize("batch", ["none", "lines"])
def test_the_example_covers_all_but_the_first_character(batch: str) -> None:
    values: list[bytes | None] = [b"Jane", None, b"", b"x", "ZoéÄ".encode(), "é€😀".encode()]
    expected = [b"J***", None, b"", b"x", b"Z***", "é**".encode()]
    assert mask(values, path=COVER, batch=batch) == expected
    assert mask([None, b""], path=COVER, batch=batch) == [None, b""]


@pytest.mark.parametrize("batch", ["none", "lines"])
def test_long_values(batch: str) -> None:
    long = b"a" * 1_000_000
    values: list[bytes | None] = [b"b", long, "é".encode() * 300_000, b"c"]
    expected = [b"b", b"a" + b"*" * 999_999, "é".encode() + b"*" * 299_999, b"c"]
    assert mask(values, path=COVER, batch=batch) == expected


TEXT = st.text(st.characters(codec="utf-8", categories=["L", "N", "S"]), min_size=1, max_size=20)


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.one_of(TEXT, st.none()), min_size=1, max_size=12))
def test_lines_make_no_difference(values: list[str | None]) -> None:
    encoded = [None if each is None else each.encode() for each in values]
    expected = [
        None if each is None else each[0].encode() + b"*" * (len(each) - 1) for each in values
    ]
    assert mask(encoded, path=COVER) == expected
    assert mask(encoded, path=COVER, batch="lines") == expected


def test_a_value_comes_with_a_newline_and_its_answer_is_stripped(wat: Wat) -> None:
    # A zero behind what was read would be seen, if it were written: it is not.
    path = wat("""
        (i32.store8 (i32.const 999) (i32.const 32))
        (call $fill)
        (i32.store (i32.const 0) (i32.const 999))
        (i32.store (i32.const 4) (i32.add (i32.load (i32.const 4)) (i32.const 1)))
        (i32.store8 (i32.add (i32.const 998) (i32.load (i32.const 4))) (i32.const 63))
        (call $put)""")
    # The newline became a question mark, and the blank in front is gone.
    assert mask([b"a", b" b\n", b"c\r"], path=path) == [b"a?", b"b\n?", b"c\r?"]


def test_a_value_that_holds_a_newline_goes_alone_among_lines(wat: Wat) -> None:
    path = wat("(call $echo)")
    values: list[bytes | None] = [b"a", b"two\nlines", b"\n", b" b ", None]
    assert mask(values, path=path, batch="lines") == values
    assert mask([b"a", b" b "], path=path, batch="lines") == [b"a", b" b "]
    assert mask([b" b "], path=path) == [b"b"]


LINES = st.text(st.sampled_from("aé\n"), min_size=1, max_size=6)


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.one_of(LINES, st.none()), min_size=1, max_size=12))
def test_values_of_several_lines_among_others(values: list[str | None]) -> None:
    encoded = [None if each is None else each.encode() for each in values]
    covered = [
        None
        if each is None
        else "\n".join(line[:1] + "*" * len(line[1:]) for line in each.split("\n")).encode()
        for each in values
    ]
    assert mask(encoded, path=COVER, batch="lines") == covered


def test_a_value_of_two_lines_does_not_keep_others_from_going_together(
    wat: Wat, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[bytes] = []
    plain = Command.run

    def run(self: Command, data: bytes, arguments: tuple[str, ...] = ()) -> bytes:
        runs.append(data)
        return plain(self, data, arguments)

    monkeypatch.setattr(Command, "run", run)
    values: list[bytes | None] = [b"a", b"two\nlines", None, b"b", b"\n", b"c"]
    assert mask(values, path=wat("(call $echo)"), batch="lines") == values
    assert sorted(runs) == [b"\n\n", b"a\nb\nc\n", b"two\nlines\n"]


def test_errors_beside_a_value_of_two_lines_tell_the_row(wat: Wat) -> None:
    values: list[bytes | None] = [b"x\ny", b"a", None, b"b"]
    path = wat("(call $fill) (i32.store (i32.const 4) (i32.const 2)) (call $put) unreachable")
    assert fails(values, path=path, batch="lines").row == 3
    path = wat("(call $fill) (i32.store (i32.const 4) (i32.const 2)) (call $put)")
    error = fails(values, path=path, batch="lines")
    assert ("answered 2 values with 1" in error.message, error.row) == (True, 3)


def test_nothing_is_no_answer_to_a_value_of_two_lines(wat: Wat) -> None:
    values: list[bytes | None] = [None, b"x\ny"]
    error = fails(values, path=wat("(call $fill)"), batch="lines")
    assert "answered a value with nothing" in error.message
    assert error.row == 1
    newline = "(call $fill) (i32.store8 (i32.const 1000) (i32.const 10))"
    path = wat(newline + "(i32.store (i32.const 4) (i32.const 1)) (call $put)")
    assert mask(values, path=path, batch="lines") == [None, b""]


def test_an_interrupt_ends_a_module_that_runs_on(wat: Wat, monkeypatch: pytest.MonkeyPatch) -> None:
    path = wat("(loop $again (br $again))")

    begins, ended, late = threading.Event(), threading.Event(), []
    plain = Command.run

    def run(self: Command, data: bytes, arguments: tuple[str, ...] = ()) -> bytes:
        begins.set()
        return plain(self, data, arguments)

    monkeypatch.setattr(Command, "run", run)

    def interrupt() -> None:
        begins.wait()
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)
        if not ended.wait(30):
            late.append("it runs on, and is stopped otherwise")
            for _ in range(100):
                wasi._engine().increment_epoch()

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    with pytest.raises(KeyboardInterrupt):
        mask([b"a"], path=path, timeout=3600)
    ended.set()
    interrupting.join()
    assert not late
    assert signal.set_wakeup_fd(-1) == -1


def test_a_signal_that_raises_nothing_makes_no_difference(wat: Wat) -> None:
    # It runs for a moment before it answers.
    path = wat(
        """
        (loop $again
          (global.set $left (i32.sub (global.get $left) (i32.const 1)))
          (br_if $again (global.get $left)))
        (call $echo)""",
        more="(global $left (mut i32) (i32.const 300000000))",
    )
    came: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: came.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert mask([b"a"], path=path, timeout=3600) == [b"a"]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_every_value_meets_a_new_instance(wat: Wat) -> None:
    counting = """
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (i32.store8 (i32.const 1000) (i32.add (i32.const 48) (global.get $count)))
        (i32.store (i32.const 0) (i32.const 1000)) (i32.store (i32.const 4) (i32.const 1))
        (call $put)"""
    path = wat(counting, more="(global $count (mut i32) (i32.const 0))")
    assert mask([b"a", b"b", b"c"], path=path) == [b"1", b"1", b"1"]


SEED = """
(import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "environ_sizes_get" (func $env (param i32 i32) (result i32)))
"""


def test_a_seed_belongs_to_its_value(wat: Wat) -> None:
    path = wat(
        """
        (drop (call $sizes (i32.const 100) (i32.const 104)))
        (if (i32.ne (i32.load (i32.const 100)) (i32.const 2)) (then (call $exit (i32.const 9))))
        (drop (call $args (i32.const 200) (i32.const 300)))
        (i32.store (i32.const 0) (i32.load (i32.const 204)))
        (i32.store (i32.const 4) (i32.const 32))
        (call $put)""",
        preface=SEED + PREFACE + ECHO,
    )
    once = mask([b"a", None, b"b", b"a"], path=path, seed=True)
    assert once[0] == once[3] != once[2]
    assert len(bytes.fromhex((once[0] or b"").decode())) == 16
    other = mask([b"a"], path=path, seed=True, draw=OTHER)
    by_chance = mask([b"a", b"a"], path=path, seed=True, draw=RANDOM)
    assert len({once[0], other[0], *by_chance}) == 4
    assert "exit status 9" in fails([b"a"], path=path).message


def test_there_is_no_environment_and_no_file(wat: Wat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCRYPTION_KEY", "secret")
    path = wat(
        """
        (drop (call $env (i32.const 100) (i32.const 104)))
        (if (i32.load (i32.const 100)) (then (call $exit (i32.const 7))))
        ;; No directory is open for it, and there is no fourth file.
        (if (i32.eqz (call $prestat (i32.const 3) (i32.const 100)))
          (then (call $exit (i32.const 8))))
        (if (i32.eqz (call $read (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 8)))
          (then (call $exit (i32.const 9))))
        (if (i32.eqz (call $write (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 8)))
          (then (call $exit (i32.const 10))))
        (call $echo)""",
        preface=SEED
        + '(import "wasi_snapshot_preview1" "fd_prestat_get"'
        + " (func $prestat (param i32 i32) (result i32)))"
        + PREFACE
        + ECHO,
    )
    assert mask([b"a"], path=path) == [b"a"]


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("(call $echo) unreachable", "failed (unreachable)"),
        ("(call $echo) (call $exit (i32.const 3))", "ended with the exit status 3"),
        ("(call $echo) (loop $again (br $again))", "was stopped after 1 seconds"),
        (
            "(i32.store (i32.const 4) (i32.const 50000)) (loop $again (call $put) (br $again))",
            "as its answer has no end",
        ),
        ("(drop (i32.load (i32.const -8)))", "failed (memory out of bounds)"),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", "failed (integer division by zero)"),
        ("(call $again)", "failed (stack overflow)"),
        (
            "(if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable))",
            "failed (unreachable), with 1,048,576 bytes of memory allowed",
        ),
        (
            "(call $fill) (i32.store8 (i32.const 1000) (i32.const 255)) (call $put)",
            "not valid UTF-8",
        ),
    ],
)
@pytest.mark.parametrize("batch", ["none", "lines"])
def test_a_module_that_does_ill_is_told_of(wat: Wat, start: str, message: str, batch: str) -> None:
    path = wat(start, more="(func $again (call $again))")
    error = fails([None, SECRET], path=path, batch=batch, timeout=1, memory=1 << 20)
    assert "custom-wasm" in error.message
    assert message in error.message
    # Of lines, one had been answered where the module had written it.
    assert error.row == 1


def test_lines_that_are_missing_or_too_many(wat: Wat) -> None:
    path = wat("(call $fill) (i32.store (i32.const 4) (i32.const 4)) (call $put)")
    assert mask([b"a", b"b"], path=path, batch="lines") == [b"a", b"b"]
    error = fails([b"a", None, b"b", SECRET], path=path, batch="lines")
    assert "answered 3 values with 2" in error.message
    assert error.row == 3
    path = wat("(call $fill) (call $put) (call $put)")
    assert "answered 1 values with 2" in fails([SECRET], path=path, batch="lines").message


def test_the_row_is_the_first_without_an_answer(wat: Wat) -> None:
    path = wat("(call $fill) (i32.store (i32.const 4) (i32.const 2)) (call $put) unreachable")
    assert fails([b"a", None, b"b", b"c"], path=path, batch="lines").row == 2


def test_what_lies_outside_of_the_memory_is_not_touched(wat: Wat) -> None:
    fault = """
        (i32.store (i32.const 0) (i32.const {at})) (i32.store (i32.const 4) (i32.const {size}))
        (if (i32.ne (call ${call} (i32.const {file}) (i32.const {spans}) (i32.const {count})
                          (i32.const {answer})) (i32.const 21))
          (then (call $exit (i32.const 9))))"""
    usual = {"at": 1000, "size": 8, "spans": 0, "count": 1, "answer": 8}
    odd: list[dict[str, int]] = [
        {"at": -1},
        {"at": 65_530},
        {"spans": -4},
        {"count": -1},
        {"count": 9000},
        {"answer": 65_533},
    ]
    start = "".join(
        fault.format(call=call, file=file, **usual | each)
        for call, file in (("read", 0), ("write", 2))
        for each in odd
    )
    assert mask([b"a long value"], path=wat(start)) == [b""]


def test_an_exit_status_of_0_and_the_standard_error_are_no_matter(wat: Wat) -> None:
    path = wat("""
        (call $echo)
        (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $exit (i32.const 0))""")
    assert mask([b"a", b"bc"], path=path) == [b"a", b"bc"]
    assert mask([b"a", b"bc"], path=path, batch="lines") == [b"a", b"bc"]


def test_input_and_output_in_pieces(wat: Wat) -> None:
    # Three spans of 2, 0 and 100 bytes are read, and written in the opposite order.
    path = wat("""
        (i32.store (i32.const 100) (i32.const 2000)) (i32.store (i32.const 104) (i32.const 2))
        (i32.store (i32.const 108) (i32.const 0)) (i32.store (i32.const 112) (i32.const 0))
        (i32.store (i32.const 116) (i32.const 1000)) (i32.store (i32.const 120) (i32.const 100))
        (drop (call $read (i32.const 0) (i32.const 100) (i32.const 3) (i32.const 8)))
        (i32.store (i32.const 120) (i32.sub (i32.load (i32.const 8)) (i32.const 2)))
        (i32.store (i32.const 124) (i32.const 2000)) (i32.store (i32.const 128) (i32.const 2))
        (drop (call $write (i32.const 1) (i32.const 116) (i32.const 2) (i32.const 8)))""")
    assert mask([b"abcdef", b"xyz"], path=path) == [b"cdef\nab", b"z\nxy"]


def test_to_wait_takes_no_time(wat: Wat) -> None:
    poll = '(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32)'
    path = wat(
        """
        ;; For an hour, by the clock: 48 bytes at 2000, of which the time is at 24.
        (i64.store (i32.const 2000) (i64.const 77))
        (i64.store (i32.const 2024) (i64.const 3600000000000))
        (drop (call $poll (i32.const 2000) (i32.const 3000) (i32.const 1) (i32.const 4000)))
        (if (i32.ne (i32.load (i32.const 4000)) (i32.const 1)) (then (call $exit (i32.const 1))))
        (if (i64.ne (i64.load (i32.const 3000)) (i64.const 77)) (then (call $exit (i32.const 2))))
        (if (i32.load16_u (i32.const 3008)) (then (call $exit (i32.const 3))))
        (call $echo)""",
        preface=poll + " (result i32)))" + PREFACE + ECHO,
    )
    assert mask([b"a"], path=path, timeout=60) == [b"a"]


MEMORY = '(memory (export "memory") 1)'
START = '(func (export "_start"))'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "exports no function _start"),
        (START, "exports no memory"),
        (f'(memory (export "memory") 17) {START}', "memory"),
        (f'{MEMORY} (func (export "_start") (param i32))', "exports no function _start"),
        (f'(import "env" "f" (func)) {MEMORY} {START}', "env::f"),
        (f"{MEMORY} {START} (func $f unreachable) (start $f)", "can't be run"),
    ],
)
def test_a_module_that_can_t_be_used(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "module.wasm"
    path.write_bytes(wasmtime.wat2wasm(f"(module {text})"))
    with pytest.raises(UsageError) as caught:
        make(path=str(path), memory=1 << 20)
    assert message in caught.value.message
    assert "WASI command" in (caught.value.hint or "")


def test_options_that_are_wrong(tmp_path: Path) -> None:
    (tmp_path / "text.wasm").write_bytes(b"\0no module")
    (tmp_path / "component.wasm").write_bytes(wasmtime.wat2wasm("(component)"))
    for options, message in (
        ({"path": "no/such.wasm"}, "no/such.wasm can't be read: No such file"),
        ({"path": str(tmp_path / "text.wasm")}, "text.wasm can't be run"),
        ({"path": str(tmp_path / "component.wasm")}, "component.wasm can't be run"),
        ({"path": COVER, "seed": True, "batch": "lines"}, "seed goes with a run for each value"),
        ({"path": COVER, "memory": "1KiB"}, "the option memory"),
        ({"path": COVER, "timeout": 0}, "the option timeout"),
        ({"path": COVER, "batch": "line"}, "the option batch"),
        ({}, "needs the option path"),
    ):
        with pytest.raises(UsageError) as caught:
            make(**options)
        assert message in caught.value.message
        told = "working directory" in (caught.value.hint or "")
        assert told is ("No such file" in message)


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    monkeypatch.delitem(sys.modules, "replicate.transformers.custom.wasi", raising=False)
    monkeypatch.delattr("replicate.transformers.custom.wasi", raising=False)
    with pytest.raises(UsageError, match="needs the package wasmtime") as caught:
        make(path=COVER)
    assert caught.value.hint == "pip install 'replicate[wasm]'"


def test_answers_have_to_fit_the_column(wat: Wat) -> None:
    assert mask([b"1", b"-23"], Kind.INTEGER, path=wat("(call $echo)")) == [b"1", b"-23"]
    for batch in ("none", "lines"):
        with pytest.raises(TransformError, match="no integer that the column takes") as caught:
            mask([b"1", b"-23"], Kind.INTEGER, path=COVER, batch=batch)
        assert caught.value.row == 1


def test_the_promise_of_distinct_answers_is_held_to() -> None:
    made = make(path=COVER, batch="lines", unique=True)
    assert made.effects.uniqueness is Uniqueness.PRESERVES
    with pytest.raises(TransformError, match="against the option unique") as caught:
        made.transform(Column.of([b"ab", b"cd", b"ab", b"ax"]))
    assert caught.value.row == 3


def test_what_is_no_text_is_refused() -> None:
    for batch in ("none", "lines"):
        error = fails([b"a", b"\xc3", b"\xa9"], path=COVER, batch=batch)
        assert (error.message, error.row) == ("custom-wasm: the value is not valid UTF-8", 1)
