"""custom-python: what a user's function is given, and what becomes of what it does."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.column import KEEP, NULL, Column, Kind, Limits
from replicate.rows.engine import Mask, Masker
from replicate.rows.grammar import escape_value, unescape_value
from replicate.transformers.base import Draw, Effects, Target, Transformer, Uniqueness
from replicate.transformers.registry import build
from tests.support.masking import KEYED, OTHER, RANDOM

Code = Callable[[str], str]
SECRET = b"hunter2"


@pytest.fixture
def code(tmp_path: Path) -> Code:
    """Writes masks.py; its path."""

    def write(text: str) -> str:
        path = tmp_path / "masks.py"
        path.write_text(dedent(text))
        return str(path)

    return write


def make(
    target: Target | Kind = Kind.TEXT, /, *, draw: Draw = KEYED, **options: Any
) -> Transformer:
    if isinstance(target, Kind):
        target = Target(target)
    return build("custom-python", options, target=target, draw=draw)


def run(made: Transformer, column: Column) -> list[bytes | None]:
    answer = made.transform(column)
    pool, values = answer.pool.to_pylist(), column.values()
    return [
        values[i] if index == KEEP else None if index == NULL else pool[index]
        for i, index in enumerate(answer.index.tolist())
    ]


def mask(values: list[bytes | None], kind: Kind = Kind.TEXT, **options: Any) -> list[bytes | None]:
    return run(make(kind, **options), Column.of(values, kind))


def fails(column: Column, target: Target | Kind = Kind.TEXT, /, **options: Any) -> TransformError:
    made = make(target, **options)
    with pytest.raises(TransformError) as caught:
        made.transform(column)
    shown = f"{caught.value.message} {caught.value.hint}"
    assert SECRET.decode() not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


def test_a_function_gets_each_value_that_there_is(code: Code) -> None:
    path = code("""
        def transform(value):
            assert isinstance(value, str) and value
            return value.upper() + "!"
    """)
    values: list[bytes | None] = [b"a", None, b"", "ß é".encode(), b"tab\tline\nback\\slash\r\0"]
    expected = [b"A!", None, b"", "SS É!".encode(), b"TAB\tLINE\nBACK\\SLASH\r\0!"]
    assert mask(values, path=path) == expected


def test_a_function_of_values_gets_a_block_of_them(code: Code) -> None:
    path = code("""
        def transform(values: list[str]) -> list[str]:
            return [f"{value} of {len(values)}" for value in values]
    """)
    assert mask([b"a", None, b"b", b""], path=path) == [b"a of 2", None, b"b of 2", b""]
    assert mask([None, b""], path=path) == [None, b""]


def test_a_class_is_made_once_with_its_options_and_closed_once(code: Code) -> None:
    path = code("""
        events = []
        class Numbered:
            def __init__(self, prefix, *, width=1):
                events.append("made")
                self.prefix, self.width, self.next = prefix, width, 0
            def transform(self, value):
                self.next += 1
                return f"{self.prefix}{self.next:0{self.width}}"
            def close(self):
                events.append("closed")
                raise OSError("nobody hears this")
        def transform(value):
            return ",".join(events)
    """)
    made = make(path=path, name="Numbered", options={"prefix": "n", "width": 3})
    assert run(made, Column.of([b"x", b"y"])) == [b"n001", b"n002"]
    assert run(made, Column.of([b"z"])) == [b"n003"]
    made.close()
    made.close()
    assert mask([b"?"], path=path) == [b"made,closed"]


@pytest.mark.parametrize("whole", [False, True])
def test_an_exception_is_named_by_line_and_type_alone(code: Code, whole: bool) -> None:
    path = code("""
        import json
        def check(value):
            return json.loads(f"[{value}]")  # the line of the user's own that it came through
        def transform(value):
            return str(check(value))
        def block(values):
            return [transform(value) for value in values]
    """)
    column = Column.of([None, b"1", SECRET, b"2"])
    error = fails(column, path=path, name="block" if whole else "transform")
    name = "block" if whole else "transform"
    assert error.message == f"custom-python {name}() in masks.py raised JSONDecodeError in line 4"
    assert error.row == (None if whole else 2)


def test_the_end_of_the_program_is_an_exception_as_well(code: Code) -> None:
    path = code("""
        import sys
        def transform(value):
            sys.exit(value)
    """)
    assert "raised SystemExit in line 4" in fails(Column.of([SECRET]), path=path).message


@pytest.mark.parametrize(
    "error", ["SystemExit(0)", "GeneratorExit(value)", "asyncio.CancelledError(value)"]
)
@pytest.mark.parametrize("name", ["transform", "block"])
def test_whatever_it_raises_is_told_by_its_type(code: Code, error: str, name: str) -> None:
    path = code(f"""
        import asyncio
        def transform(value):
            raise {error}
        def block(values):
            return [transform(value) for value in values]
    """)
    kind = error.partition("(")[0].rpartition(".")[2]
    message = fails(Column.of([SECRET]), path=path, name=name).message
    assert message.endswith(f"in masks.py raised {kind} in line 4")


def test_answers_of_classes_that_raise(code: Code) -> None:
    path = code("""
        class Number(int):
            def __str__(self):
                raise SystemExit(0)
        class Numbers(list):
            def __iter__(self):
                raise SystemExit(0)
            __len__ = __iter__
        def transform(value):
            return Number()
        def block(values):
            return Numbers()
    """)
    for name, line in (("transform", 4), ("block", 7)):
        error = fails(Column.of([SECRET]), path=path, name=name)
        assert error.message.endswith(f"raised SystemExit in line {line}")


PRINTING = """
    import os, subprocess, sys
    from concurrent.futures import ThreadPoolExecutor
    kept = sys.stdout
    def tell(value):
        print(value)
        print(value, file=sys.stderr)
        print(value, file=kept, flush=True)
        sys.stdout.buffer.write(value.encode())
        sys.stderr.write(value)
        sys.stderr.flush()
        assert not sys.stdout.isatty()
        subprocess.run(["echo", value], stdout=sys.stdout, check=True)
        return "x"
    tell("hunter2 at import")
    class Told:
        def __init__(self):
            tell("hunter2 as it is made")
            self.threads = ThreadPoolExecutor(1)
        def transform(self, values):
            return [tell(value) for value in values[:1]] + list(self.threads.map(tell, values[1:]))
        def close(self):
            self.threads.shutdown()
            tell("hunter2 at the end")
    def transform(value):
        tell(value)
        raise ValueError(value)
"""


def test_what_it_prints_goes_nowhere(code: Code, capfd: pytest.CaptureFixture[str]) -> None:
    streams = sys.stdout, sys.stderr
    path = code(PRINTING)
    made = make(path=path, name="Told")
    # The second time, the thread that prints is there before.
    for _ in range(2):
        assert run(made, Column.of([SECRET, SECRET])) == [b"x", b"x"]
    made.close()
    fails(Column.of([SECRET]), path=path)
    assert (sys.stdout, sys.stderr) == streams
    assert capfd.readouterr() == ("", "")
    with pytest.raises(UsageError):
        make(path=code("print('hunter2')\nraise SystemExit\n"))
    assert (sys.stdout, sys.stderr) == streams
    assert capfd.readouterr() == ("", "")


def test_other_threads_are_heard_meanwhile(
    code: Code, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, told = threading.Event(), threading.Event()
    monkeypatch.setattr(threading, "begun_and_told", (begun, told), raising=False)
    path = code("""
        import threading
        begun, told = threading.begun_and_told
        def transform(value):
            print(value)
            begun.set()
            assert told.wait(60)
            return "x"
    """)

    def tell() -> None:
        if begun.wait(60):
            sys.stderr.write("half of it is done")
        told.set()

    telling = threading.Thread(target=tell)
    telling.start()
    assert mask([SECRET], path=path) == [b"x"]
    telling.join()
    assert capsys.readouterr() == ("", "half of it is done")


@pytest.mark.parametrize(
    "text",
    [
        "async def transform(value): return value",
        "async def transform(values):\n    yield values",
        "class transform:\n    async def transform(self, value): return value",
        "class C:\n    async def __call__(self, value): return value\ntransform = C()",
    ],
)
def test_what_is_async_is_refused_before_it_is_called(code: Code, text: str) -> None:
    with pytest.raises(UsageError, match="is async, and nothing awaits") as caught:
        make(path=code(text))
    assert "asyncio.run()" in (caught.value.hint or "")


def test_an_interrupt_goes_through(code: Code) -> None:
    path = code("""
        def transform(value):
            raise KeyboardInterrupt
    """)
    with pytest.raises(KeyboardInterrupt):
        make(path=path).transform(Column.of([b"x"]))


@pytest.mark.parametrize(
    ("body", "message", "row"),
    [
        ("return values[:2]", "answered 3 values with 2", 4),
        ("return [*values, *values]", "answered 3 values with 6", None),
        ("return ''.join(values)", "answered with a str", None),
        ("return (each for each in values)", "answered with a generator", None),
        ("return [values[0], values[1], None]", "answered with NULL", 4),
        ("return [values[0], b'bytes', 'x']", "answered with a bytes", 2),
        ("return [values[0], ['x'], 'x']", "answered with a list", 2),
        ("return ['x', 'y', '\\ud800']", "half of a surrogate pair", 4),
    ],
)
def test_answers_that_are_none(code: Code, body: str, message: str, row: int | None) -> None:
    path = code(f"def transform(values):\n    {body}\n")
    error = fails(Column.of([SECRET, None, SECRET, b"", b"c"]), path=path)
    assert message in error.message
    assert error.row == row


def test_null_is_an_answer_where_it_is_allowed(code: Code) -> None:
    path = code("""
        def transform(value):
            return None if value == "b" else value * 2
    """)
    assert mask([b"a", b"b", b"", None], path=path, makes_null=True) == [b"aa", None, b"", None]
    assert make(path=path, makes_null=True).effects == Effects(
        Uniqueness.MAY_COLLIDE, makes_null=True
    )


def test_values_of_python_s_types_are_written_as_the_column_wants_them(code: Code) -> None:
    path = code("""
        import datetime, decimal, uuid
        answers = {
            "i": 42, "f": 1.5, "d": decimal.Decimal("1.10"), "t": True,
            "day": datetime.date(2024, 5, 31), "moment": datetime.datetime(2024, 5, 31, 12, 30),
            "time": datetime.time(12, 30), "u": uuid.UUID(int=1),
        }
        transform = answers.__getitem__
    """)
    assert mask([b"i", b"f", b"d", b"t"], path=path) == [b"42", b"1.5", b"1.10", b"true"]
    assert mask([b"day", b"moment"], Kind.TIMESTAMP, path=path) == [
        b"2024-05-31",
        b"2024-05-31 12:30:00",
    ]
    assert mask([b"time"], Kind.TIME, path=path) == [b"12:30:00"]
    assert mask([b"u"], Kind.UUID, path=path) == [b"00000000-0000-0000-0000-000000000001"]
    assert mask([b"t"], Kind.BOOLEAN, path=path) == [b"1"]
    assert mask([b"t"], Kind.INTEGER, path=path) == [b"1"]
    assert mask([b"t"], Kind.JSON, path=path) == [b"true"]


@pytest.mark.parametrize(
    ("target", "good", "bad"),
    [
        (Target(Kind.INTEGER), "-9223372036854775808", "9223372036854775808"),
        (Target(Kind.INTEGER, Limits(bits=16)), "32767", "32768"),
        (Target(Kind.INTEGER), "+7", "7.0"),
        (Target(Kind.INTEGER), "7", "\u0667"),
        (Target(Kind.REAL), "-1.5e-3", "1,5"),
        (Target(Kind.NUMERIC), "NaN", "nothing"),
        (Target(Kind.BOOLEAN), "Yes", "maybe"),
        (Target(Kind.UUID), "0" * 32, "0" * 31),
        (Target(Kind.ENUM, Limits(labels=("new", "old"))), "old", "older"),
        (Target(Kind.JSON), '{"a": [1]}', "{'a': 1}"),
        (Target(Kind.JSON), "null", "NaN"),
        (Target(Kind.JSON), "[]", "[" * 100_000),
    ],
)
def test_answers_have_to_fit_the_column(code: Code, target: Target, good: str, bad: str) -> None:
    path = code("""
        class Fixed:
            def __init__(self, answer):
                self.answer = answer
            def transform(self, value):
                return self.answer
    """)
    column = Column.of([None, b"1"], target.kind)
    made = make(target, path=path, name="Fixed", options={"answer": good})
    assert run(made, column) == [None, good.encode()]
    error = fails(column, target, path=path, name="Fixed", options={"answer": bad})
    assert "that the column takes" in error.message
    assert error.row == 1


def test_a_seed_belongs_to_its_value(code: Code) -> None:
    path = code("""
        def transform(value, seed):
            assert isinstance(seed, bytes) and len(seed) == 16
            return seed.hex()
        def block(values, seeds):
            return [seed.hex() for seed in seeds]
    """)
    values: list[bytes | None] = [b"a", None, b"b", b"", b"a"]
    once = mask(values, path=path)
    assert once == mask(values, path=path, name="block")
    assert once[0] == once[4] != once[2]
    assert once[1::2] == [None, b""]
    other = mask(values, path=path, draw=OTHER)
    by_chance = mask(values, path=path, draw=RANDOM)
    assert len({once[0], other[0], by_chance[0], by_chance[4]}) == 4


def with_town(values: list[bytes | None], town: list[bytes | None]) -> Column:
    return replace(Column.of(values), beside={"town": Column.of(town)})


TOWN = Target(Kind.TEXT, columns={"town": Kind.TEXT, "name": Kind.TEXT})


@pytest.mark.parametrize("name", ["transform", "block"])
def test_other_columns_of_the_row(code: Code, name: str) -> None:
    path = code("""
        def transform(value, row, seed=b""):
            return f"{value} {row['town']} {list(row)} {len(seed)}"
        def block(values, seeds, rows):
            return [transform(*each) for each in zip(values, rows, seeds, strict=True)]
    """)
    made = make(TOWN, path=path, name=name, columns=["town"])
    assert made.reads == {"town"}
    column = with_town([b"a", None, b"", b"b", b"c"], [b"X", b"Y", b"Z", None, "é".encode()])
    answers = ["a X ['town'] 16", None, "", "b None ['town'] 16", "c é ['town'] 16"]
    assert run(made, column) == [None if each is None else each.encode() for each in answers]


def test_a_row_can_be_read_and_not_changed(code: Code) -> None:
    path = code("""
        def transform(value, row):
            row["town"] = "elsewhere"
    """)
    column = with_town([b"a"], [SECRET])
    assert "raised TypeError" in fails(column, TOWN, path=path, columns=["town"]).message


def test_columns_beside_it_have_to_be_text(code: Code) -> None:
    path = code("def transform(value, row): return row['town']")
    column = with_town([b"a", b"b"], [b"X", b"\xff" + SECRET])
    error = fails(column, TOWN, path=path, columns=["town"])
    assert error.message == "the value of town beside it is not valid UTF-8"
    assert error.row == 1


def test_what_is_no_text_is_refused(code: Code) -> None:
    path = code("def transform(value): return 'x'")
    # Each is half of a character, and both together are one.
    error = fails(Column.of([None, b"a", b"\xc3", b"\xa9"]), path=path)
    assert (error.message, error.row) == ("custom-python: the value is not valid UTF-8", 2)
    error = fails(Column.of([None, b"", b"blob"], Kind.BINARY), Kind.ANY, path=path)
    assert "is a blob" in error.message
    assert error.row == 2


def test_the_promise_of_distinct_answers_is_held_to(code: Code) -> None:
    path = code("def transform(value): return value[:1]")
    assert make(path=path).effects.uniqueness is Uniqueness.MAY_COLLIDE
    made = make(path=path, unique=True)
    assert made.effects.uniqueness is Uniqueness.PRESERVES
    assert run(made, Column.of([b"ab", b"b", b"ab", None, b""])) == [b"a", b"b", b"a", None, b""]
    error = fails(Column.of([b"x", b"hay", b"x", SECRET]), path=path, unique=True)
    assert "the same answer, against the option unique" in error.message
    assert error.row == 3


def test_long_values(code: Code) -> None:
    path = code("def transform(value): return value[::-1]")
    long = b"ab" * 500_000
    assert mask([long, b"x", "é".encode() * 400_000], path=path) == [
        long[::-1],
        b"x",
        "é".encode() * 400_000,
    ]


def test_an_installed_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mask([b"jane roe"], module="string", name="capwords") == [b"Jane Roe"]
    (tmp_path / "own_masks").mkdir()
    (tmp_path / "own_masks" / "deep.py").write_text("def transform(value):\n    return 1 / 0\n")
    (tmp_path / "own_masks" / "bad.py").write_text("\nraise ValueError('hunter2')\n")
    monkeypatch.syspath_prepend(tmp_path)
    error = fails(Column.of([SECRET]), module="own_masks.deep")
    assert error.message.endswith("transform() in deep.py raised ZeroDivisionError in line 2")
    with pytest.raises(UsageError, match="no_such can't be imported: ModuleNotFoundError"):
        make(module="own_masks.no_such")
    with pytest.raises(UsageError, match=r"bad can't be imported: ValueError in line 2 of bad.py$"):
        make(module="own_masks.bad")


def test_a_file_is_executed_once_until_it_changes_and_leaves_nothing(code: Code) -> None:
    path = code("""
        from __future__ import annotations
        import itertools
        from dataclasses import dataclass
        times = itertools.count()
        @dataclass
        class Counted:
            prefix: str = "n"
            def transform(self, value):
                return f"{self.prefix}{next(times)}"
    """)
    assert mask([b"x"], path=path, name="Counted") == [b"n0"]
    assert mask([b"x"], path=path, name="Counted") == [b"n1"]
    before = set(sys.modules)
    assert code("def transform(value): return 'changed'") == path
    assert mask([b"x"], path=path) == [b"changed"]
    assert set(sys.modules) == before
    assert [each.name for each in Path(path).parent.iterdir()] == ["masks.py"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("def transform(value:\n", {}, "SyntaxError in line 1"),
        ("import no_such_module\n", {}, "ModuleNotFoundError in line 1"),
        ("\nraise ValueError('s3')\n", {}, "ValueError in line 2"),
        ("\nraise ImportError('s3')\n", {}, "ImportError in line 2"),
        ("compile('s3 s3', 's3', 'exec')\n", {}, "SyntaxError in line 1"),
        ("open('/no/such/file')\n", {}, "FileNotFoundError in line 1"),
        ("raise SystemExit('s3')\n", {}, "SystemExit in line 1"),
        ("x = 1\n", {}, "masks.py has no transform"),
        ("transform = 1\n", {}, "neither a function nor a class"),
        ("def transform(value): ...\n", {"options": {"a": 1}}, "takes no `options`"),
        ("class transform: ...\n", {}, "has no method transform"),
        ("class transform:\n  def __init__(self): 1/0\n", {}, "raised ZeroDivisionError in line 2"),
        ("class transform: ...\n", {"options": {"secret": "s3"}}, "raised TypeError"),
        ("def transform(value, other): ...\n", {}, "a parameter other, which nothing is known of"),
        ("def transform(values, seed): ...\n", {}, "a parameter seed, which nothing is known of"),
        ("def transform(value, row): ...\n", {}, "wants other columns of the row"),
        ("def transform(value): ...\n", {"columns": ["town"]}, "no parameter for the option `col"),
        ("def transform(value, row): ...\n", {"columns": ["twon"]}, "the table has no column twon"),
    ],
)
def test_code_that_can_t_be_used(
    code: Code, text: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        make(TOWN, path=code(text), **options)
    assert message in caught.value.message
    assert "s3" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "one of path and module is needed"),
        ({"path": "a.py", "module": "a"}, "path and module are both given"),
        ({"path": ""}, "the option path"),
        ({"module": "a/b"}, "the option module"),
        ({"path": "no/such/masks.py"}, "no/such/masks.py can't be read: No such file"),
        ({"path": "."}, "can't be read: Is a directory"),
    ],
)
def test_options_that_lead_nowhere(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make(**options)
    assert message in caught.value.message


def test_where_a_file_is_looked_for_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        make(path="no/such/masks.py")
    assert "starts at the working directory" in (caught.value.hint or "")
    with pytest.raises(UsageError) as caught:
        make(path=str(tmp_path))
    assert caught.value.hint is None


def test_binary_columns_are_refused(code: Code) -> None:
    with pytest.raises(UsageError, match="custom-python doesn't fit a column of binary values"):
        make(Kind.BINARY, path=code("def transform(value): ..."))


@pytest.fixture(scope="module")
def doubling(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("code") / "masks.py"
    path.write_text(
        "def transform(value): return value + value\n"
        "def block(values): return list(map(transform, values))\n"
    )
    return str(path)


TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.one_of(TEXT, st.none()), min_size=1, max_size=20))
def test_any_text_comes_and_goes_unharmed(doubling: str, values: list[str | None]) -> None:
    fields = [b"\\N" if each is None else escape_value(each.encode()) for each in values]
    text = b"".join(b"%d\t%s\n" % (i, field) for i, field in enumerate(fields))
    for name in ("transform", "block"):
        made = make(path=doubling, name=name)
        out = Masker(2, [Mask(1, Kind.TEXT, made, "t.c")]).mask(text)
        found = [line.split(b"\t")[1] for line in out.split(b"\n")[:-1]]
        assert [None if f == b"\\N" else unescape_value(f).decode() for f in found] == [
            None if each is None else each + each for each in values
        ]
