"""custom-command: what a program is fed, and what becomes of one that does ill."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.column import KEEP, NULL, Column, Kind
from replicate.transformers.base import Target, Transformer, Uniqueness
from replicate.transformers.custom import program as programs
from replicate.transformers.registry import build
from tests.support.masking import KEYED

SECRET = b"hunter2"

Program = Callable[[str], list[str]]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Writes program.py; the command that runs it."""

    def write(text: str) -> list[str]:
        path = tmp_path / "program.py"
        path.write_text(dedent(text))
        return [sys.executable, "-S", str(path)]

    return write


def make(kind: Kind = Kind.TEXT, /, **options: Any) -> Transformer:
    return build("custom-command", options, target=Target(kind), draw=KEYED)


def run(made: Transformer, values: list[bytes | None], kind: Kind = Kind.TEXT) -> list[Any]:
    answer = made.transform(Column.of(values, kind))
    pool = answer.pool.to_pylist()
    return [
        values[i] if index == KEEP else None if index == NULL else pool[index]
        for i, index in enumerate(answer.index.tolist())
    ]


def mask(values: list[bytes | None], kind: Kind = Kind.TEXT, **options: Any) -> list[Any]:
    return run(make(kind, **options), values, kind)


def fails(values: list[bytes | None], **options: Any) -> TransformError:
    with pytest.raises(TransformError) as caught:
        make(**options).transform(Column.of(values))
    shown = f"{caught.value.message} {caught.value.hint}"
    assert SECRET.decode() not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


def children() -> set[int]:
    """The processes that this one has started and not yet waited for."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
            found.update(map(int, path.read_text().split()))
    return found


def count_silence_from(monkeypatch: pytest.MonkeyPatch, begun: Callable[[], bool]) -> None:
    """The time to start is none in which a program is silent, however busy the machine is."""

    class Patient(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            while True:
                seen = begun()  # what was written before then is ready below
                ready = super().select(timeout)
                if ready or seen or not timeout:
                    return ready

    monkeypatch.setattr(selectors, "DefaultSelector", Patient)


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_text_lines_for_the_tools_of_a_shell() -> None:
    values: list[bytes | None] = [b"+1-202-418-1440", None, b"", "Zoë".encode(), b"1440"]
    expected = [b"+1-202-418-0000", None, b"", "Zoë".encode(), b"0000"]
    assert mask(values, command=["sed", "s/[0-9]\\{4\\}$/0000/"], format="text") == expected
    assert mask(values, command="sed 's/[0-9]\\{4\\}$/0000/'", format="text") == expected
    assert mask([None, b""], command="false", format="text") == [None, b""]


def test_no_shell_sees_the_command() -> None:
    command = ["echo", "$HOME; *", 1]
    assert mask([b"x"], command=command, format="text") == [b"$HOME; * 1"]
    assert mask([b"x"], command="echo '$HOME;' '*'", format="text") == [b"$HOME; *"]


def test_json_lines(program: Program) -> None:
    command = program("""
        import json, sys
        for line in sys.stdin.buffer:
            value = json.loads(line)
            assert isinstance(value, str) and value
            print(json.dumps({"number": 7, "real": 1.5, "yes": True, "null": None}.get(value, value * 2)))
    """)  # noqa: E501 - a line of the program
    values: list[bytes | None] = [b"number", None, b"real", b"", b"yes", b"null"]
    values += ['é\n\t\\"\r\u2028'.encode()]
    expected: list[Any] = [b"7", None, b"1.5", b"", b"true", None]
    expected += ['é\n\t\\"\r\u2028é\n\t\\"\r\u2028'.encode()]
    assert mask(values, command=command, makes_null=True) == expected
    assert fails(values, command=command).message.endswith("answered with NULL")


def test_values_with_escapes_as_text(tmp_path: Path) -> None:
    values: list[bytes | None] = [b"a\nb", b"\t", b"back\\slash\\n", b"\r\n", None, b"\\N", b"x"]
    command = ["tee", str(tmp_path / "seen")]
    assert mask(values, command=command, format="text") == values
    lines = [rb"a\nb", rb"\t", rb"back\\slash\\n", rb"\r\n", rb"\\N", rb"x"]
    assert (tmp_path / "seen").read_bytes() == b"".join(line + b"\n" for line in lines)


def test_null_as_text() -> None:
    assert mask([b"a", b"b"], command=["echo", "\\N\nx"], format="text", makes_null=True) == [
        None,
        b"x",
    ]
    error = fails([b"a", b"b"], command=["echo", "x\n\\N"], format="text")
    assert (error.message, error.row) == ("custom-command echo answered with NULL", 1)


def test_the_last_newline_may_be_missing() -> None:
    assert mask([b"a", b"b"], command=["printf", "x\ny"], format="text") == [b"x", b"y"]
    assert mask([b"a", b"b"], command=["printf", "x\n\n"], format="text") == [b"x", b""]


@pytest.mark.parametrize("keep_running", [False, True])
def test_a_block_that_fills_every_pipe(keep_running: bool) -> None:
    # What is on its way is more than pipes hold, in both directions.
    values: list[bytes | None] = [b"%d" % i * 20 for i in range(40_000)]
    values.append(b"long" * 500_000)
    made = make(command="cat", format="text", keep_running=keep_running)
    assert run(made, values) == values
    assert run(made, values[::-1]) == values[::-1]
    made.close()


def test_a_program_that_reads_all_before_it_answers(program: Program) -> None:
    command = program("""
        import sys
        for line in reversed(list(sys.stdin)):
            sys.stdout.write(line)
    """)
    values: list[bytes | None] = [b"%06d" % i for i in range(100_000)]
    assert mask(values, command=command, format="text") == values[::-1]


NUMBERED = """
    import sys
    for i, line in enumerate(sys.stdin):
        print(i, flush=True)
"""


def test_one_process_for_each_block_or_for_all_of_them(program: Program) -> None:
    command = program(NUMBERED)
    for keep_running, second in ((False, [b"0"]), (True, [b"2"])):
        made = make(command=command, format="text", keep_running=keep_running)
        assert run(made, [b"a", b"b"]) == [b"0", b"1"]
        assert run(made, [None]) == [None]
        assert run(made, [b"a"]) == second
        made.close()
        made.close()


@pytest.mark.parametrize(
    ("text", "message", "row"),
    [
        ("print('x')", "answered 3 values with 1", 2),
        ("pass", "answered 3 values with 0", 1),
        ("print('x\\nx\\nx\\nx')", "answered more than the 3 lines it got", None),
        ("while True: print('x' * 99)", "answered more than the 3 lines it got", None),
        ("print('x\\nx\\nx'); sys.exit(3)", "ended with the exit status 3", None),
        ("print('x'); sys.stdout.flush(); os.kill(os.getpid(), 9)", "by the signal SIGKILL", 2),
        ("print('x\\n\\\\q\\nx')", "answered with a backslash that is no part of", 2),
        ("print('x\\nx\\nx\\\\')", "answered with a backslash that is no part of", 4),
        ("print('x\\n\\\\x41\\nx')", "answered with a backslash that is no part of", 2),
        ("sys.stdout.buffer.write(b'x\\nx\\n\\xff\\n')", "not valid UTF-8", 4),
        ("sys.stdout.buffer.write(b'\\\\n\\nx\\n\\xff\\n')", "not valid UTF-8", 4),
    ],
)
def test_a_program_that_does_ill_is_told_of(
    program: Program, text: str, message: str, row: int | None
) -> None:
    command = program(f"import os, sys, time\n{text}\n")
    error = fails([None, b"a", b"b", b"", SECRET], command=command, format="text", timeout=60)
    assert message in error.message
    assert error.row == row


@pytest.mark.parametrize(
    ("text", "message", "row"),
    [
        ("print('x', flush=True)", "did nothing for 1 seconds", 2),
        ("os.close(1)", "closed its output and did not end for 1 seconds", 1),
    ],
)
def test_a_program_that_falls_silent_is_told_of(
    program: Program, monkeypatch: pytest.MonkeyPatch, text: str, message: str, row: int
) -> None:
    command = program(f"""
        import os, pathlib, sys, time
        {text}
        pathlib.Path(sys.argv[0] + ".silent").touch()
        time.sleep(60)
    """)
    count_silence_from(monkeypatch, Path(command[-1] + ".silent").exists)
    error = fails([None, b"a", b"b", b"", SECRET], command=command, format="text", timeout=1)
    assert message in error.message
    assert error.row == row


@pytest.mark.parametrize(
    ("answer", "row"),
    [("x", 1), ('"x" "y"', 1), ("[1]", 1), ('{"a": 1}', 1), ("NaN", 1), ("", 1), ('"\\ud800"', 1)],
)
def test_answers_that_are_no_json(answer: str, row: int) -> None:
    error = fails([b"a", SECRET], command=["printf", "%s\n", '"ok"', answer])
    assert "answered with" in error.message
    assert error.row == row


def test_its_standard_error_is_not_heard(
    program: Program, capfd: pytest.CaptureFixture[str]
) -> None:
    command = program("""
        import sys
        for line in sys.stdin:
            sys.stderr.write(line * 10_000)
        sys.exit(line)
    """)
    error = fails([SECRET] * 50, command=command, format="text")
    assert "ended with the exit status 1" in error.message
    assert capfd.readouterr() == ("", "")


def test_its_environment_and_directory_are_the_dump_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MASKING_WORD", "plugh")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.sh").write_text('#!/bin/sh\necho "$MASKING_WORD $PWD"\n')
    (tmp_path / "own.sh").chmod(0o755)
    made = make(command="./own.sh", format="text")
    assert run(made, [b"x"]) == [f"plugh {os.path.realpath(tmp_path)}".encode()]


KEPT = """
    import os, sys, time
    for line in sys.stdin:
        {body}
        sys.stdout.flush()
"""


@pytest.mark.parametrize(
    ("body", "timeout", "message"),
    [
        ("sys.exit(4)", 60, "ended before its time with the exit status 4"),
        ("time.sleep(60)", 1, "did nothing for 1 seconds"),
        ("print('x', end='')", 1, "did nothing for 1 seconds"),
        ("print('x\\nx\\nx')", 60, "answered more than"),
        ("print('x\\nx', end='')", 1, "answered more than it was asked|did nothing for 1 seconds"),
    ],
)
def test_a_kept_program_that_does_ill(
    program: Program, body: str, timeout: int, message: str
) -> None:
    command = program(KEPT.format(body=body))
    options: dict[str, Any] = {"command": command, "format": "text", "keep_running": True}
    error = fails([b"a", SECRET], **options, timeout=timeout)
    assert any(each in error.message for each in message.split("|"))


def test_a_kept_program_that_answers_twice_is_found_out_later(program: Program) -> None:
    command = program(KEPT.format(body="print('x'); sys.stdout.flush(); print('late')"))
    made = make(command=command, format="text", keep_running=True)

    def ask_again_and_again() -> None:
        for _ in range(100):
            run(made, [b"a"])
            time.sleep(0.01)

    with pytest.raises(TransformError, match=r"it was not asked|more than"):
        ask_again_and_again()


@linux
@pytest.mark.parametrize("keep_running", [False, True])
def test_no_process_is_left_behind(
    program: Program, monkeypatch: pytest.MonkeyPatch, keep_running: bool
) -> None:
    monkeypatch.setattr(programs, "_GOODBYE", 60)
    before = children()
    kept: dict[str, Any] = {"format": "text", "keep_running": keep_running}
    made = make(command="cat", **kept)
    run(made, [b"a"])
    assert bool(children() - before) is keep_running
    made.close()
    assert children() == before
    for text in (
        "import time; time.sleep(60)",
        "import time; print('x\\ny', flush=True); time.sleep(60)",
    ):
        fails([b"a"], command=program(text), **kept, timeout=1)
        assert children() == before
    # One that nobody closes, as a plan makes it, goes with the transformer.
    made = make(command="cat", **kept)
    run(made, [b"a"])
    del made
    gc.collect()
    assert children() == before


@linux
def test_one_that_does_not_end_with_its_input_is_killed(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_group = programs._kill_group
    before = children()
    command = program("""
        import sys, time
        for line in sys.stdin:
            print("x", flush=True)
        time.sleep(60)
    """)
    made = make(command=command, format="text", keep_running=True)
    for _ in range(2):  # it may be asked again
        assert run(made, [b"a"]) == [b"x"]
        with monkeypatch.context() as patch:

            def kill(leader: int) -> None:
                patch.setattr(programs, "_GOODBYE", 60)  # however long its end takes
                kill_group(leader)

            patch.setattr(programs, "_kill_group", kill)
            made.close()
        assert children() == before


@linux
def test_an_interrupt_ends_the_program(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(programs, "_GOODBYE", 60)
    before = children()
    text = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
    runs = tmp_path / "runs"
    made = make(command=[*program(text), str(runs)], format="text")

    def interrupt() -> None:
        while not runs.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    with pytest.raises(KeyboardInterrupt):
        run(made, [b"a"])
    interrupting.join()
    assert children() == before


def is_running(process: int) -> bool:
    """Also of one that nobody has waited for, which runs no more."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def is_gone(process: int) -> bool:
    deadline = time.monotonic() + 60
    while is_running(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_running(process)


@linux
@pytest.mark.parametrize("keep_running", [False, True])
@pytest.mark.parametrize(
    "rest",
    [
        "cat > /dev/null; sleep 100",
        "sleep 100",
        "exec >&-; sleep 100",
        "exit 3",
        "read line; echo x; exit 0",
        "read line; echo x; exec cat",
    ],
)
def test_what_it_starts_ends_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rest: str, keep_running: bool
) -> None:
    started = tmp_path / "started"
    started.touch()
    count_silence_from(monkeypatch, lambda: started.read_text().endswith("\n"))
    begin = f"sleep 1000 > /dev/null & echo $! > {started}; "
    answers = "echo x" in rest
    made = make(
        command=["sh", "-c", begin + rest],
        format="text",
        timeout=60 if answers else 3,
        keep_running=keep_running,
    )
    if answers:
        assert run(made, [b"a"]) == [b"x"]
    else:
        with pytest.raises(TransformError):
            run(made, [b"a"])
    made.close()
    assert is_gone(int(started.read_text()))


WORKER = """
import sys
from replicate.transformers.custom.program import Program
Program(sys.argv[1:], timeout=100, keep_running=True).ask(b"a\\n", 1)
"""


STARTING = """
import os, subprocess, sys
from replicate.transformers.custom.program import Program
class Interrupted(subprocess.Popen):  # between the start of a process and the news of it
    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        os.kill(os.getpid(), int(sys.argv[1]))
        print(self.pid, flush=True)
subprocess.Popen = Interrupted
Program(sys.argv[2:], timeout=100, keep_running=True).ask(b"a\\n", 1)
"""


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_while_a_program_is_started_ends_it(number: int) -> None:
    command = [sys.executable, "-c", STARTING, str(int(number)), "sleep", "1000"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    assert ended.returncode == -number
    assert is_gone(int(ended.stdout))


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_a_worker_ends_its_program(tmp_path: Path, number: int) -> None:
    started = tmp_path / "started"
    started.touch()
    script = f"echo $$ > {started}; exec sleep 1000"
    command = [sys.executable, "-c", WORKER, "/bin/sh", "-c", script]
    with subprocess.Popen(command) as worker:
        while not started.read_text().endswith("\n"):
            time.sleep(0.01)
        worker.send_signal(number)
        assert worker.wait(60) == -number
    assert is_gone(int(started.read_text()))


def test_signals_are_handled_as_before_once_it_has_ended() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)
    made = make(command="cat", format="text", keep_running=True)
    other = make(command="cat", format="text")
    run(made, [b"a"])
    run(other, [b"a"])
    made.close()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)) == before


def test_hints_where_a_buffer_or_a_directory_may_be_the_reason(program: Program) -> None:
    command = program("import sys; sys.stdin.read()")
    error = fails([b"a"], command=command, format="text", keep_running=True, timeout=1)
    assert "sed -u" in (error.hint or "")
    error = fails(
        [b"a"], command=["sh", "-c", "sleep 100"], format="text", keep_running=False, timeout=1
    )
    assert error.hint is None
    with pytest.raises(UsageError) as caught:
        make(command="./no/such")
    assert "starts at the working directory" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": "no-such-program x"}, "there is no program no-such-program"),
        ({"command": ["./no/such", "x"]}, "there is no program ./no/such"),
        ({"command": ""}, "the option command"),
        ({"command": []}, "the option command"),
        ({"command": [""]}, "a program is needed"),
        ({"command": ["cat", "a\0"]}, "no NUL"),
        ({"command": "cat 'a"}, "no closing quotation"),
        ({"command": {"cat": 1}}, "the option command"),
        ({"command": "cat", "format": "csv"}, "the option format"),
        ({"command": "cat", "timeout": 0}, "the option timeout"),
        ({}, "needs the option command"),
    ],
)
def test_options_that_are_wrong(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make(**options)
    assert message in caught.value.message


def test_a_program_that_can_t_be_started(tmp_path: Path) -> None:
    path = tmp_path / "own"
    path.write_bytes(b"\x7fELF, but not really")
    path.chmod(0o755)
    error = fails([b"a"], command=[str(path)])
    assert error.message == "custom-command own can't be started: Exec format error"
    assert error.row == 0


def test_effects_and_the_promise_of_distinct_answers() -> None:
    effects = make(command="cat").effects
    assert (effects.uniqueness, effects.makes_null) == (Uniqueness.MAY_COLLIDE, False)
    effects = make(command="cat", unique=True, makes_null=True).effects
    assert (effects.uniqueness, effects.makes_null) == (Uniqueness.PRESERVES, True)
    values: list[bytes | None] = [b"ab", b"cd", b"ab", b"ax"]
    assert mask(values, command="cat", format="text", unique=True) == values
    error = fails(values, command=["cut", "-c", 1], format="text", unique=True)
    assert error.row == 3


def test_answers_have_to_fit_the_column() -> None:
    assert mask([b"1", b"-2"], Kind.INTEGER, command="cat") == [b"1", b"-2"]
    assert mask([b"1", b"-2"], Kind.INTEGER, command="cat", format="text") == [b"1", b"-2"]
    made = make(Kind.INTEGER, command=["echo", "1\nx"], format="text")
    with pytest.raises(TransformError, match="no integer that the column takes") as caught:
        made.transform(Column.of([b"1", b"2"], Kind.INTEGER))
    assert caught.value.row == 1


def test_what_is_no_text_is_refused() -> None:
    for form in ("json", "text"):
        error = fails([b"a", b"\xc3", b"\xa9"], command="cat", format=form)
        assert (error.message, error.row) == ("custom-command: the value is not valid UTF-8", 1)


TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.one_of(TEXT, st.none()), min_size=1, max_size=20))
@pytest.mark.parametrize("form", ["json", "text"])
def test_any_text_comes_and_goes_unharmed(form: str, values: list[str | None]) -> None:
    encoded = [None if each is None else each.encode() for each in values]
    assert mask(encoded, command="cat", format=form) == encoded


def test_json_is_one_line_of_utf_8(tmp_path: Path) -> None:
    values = ["é\n", "\u2028\0", '"', "\\"]
    command = ["tee", str(tmp_path / "seen")]
    assert mask([each.encode() for each in values], command=command) == [
        each.encode() for each in values
    ]
    seen = (tmp_path / "seen").read_bytes().split(b"\n")
    assert [json.loads(line) for line in seen[:-1]] == values
