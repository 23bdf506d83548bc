"""Transformers of one's own from end to end: the examples, and in worker processes."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from replicate.config import load_config
from replicate.errors import TransformError
from replicate.jobs.create import create_dump
from replicate.jobs.progress import Silent
from replicate.jobs.restore import RestoreOptions, restore_dump
from tests.support.journey import ALL, contents, make_project

EXAMPLES = Path(__file__).parents[2] / "examples"
CUSTOMERS = [
    ("Jane Roe", "jane", "+1-202-418-1440", 1234.5, "calls on\nMondays"),
    ("Zoë Ångström", "zoe", "+44 20 7946 0018", -49.99, "a\ttab and a \\ backslash"),
    ("Jane Roe", "jane2", None, None, ""),
    ("", "nobody", "0", 0, None),
]
COLUMNS = "name, login, phone, balance, note"


@pytest.fixture
def folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A copy of an example, with a database to mask, as the working directory."""
    copy = tmp_path / "example"
    shutil.copytree(EXAMPLES / request.param, copy)
    (copy / "dumps").mkdir()
    with closing(sqlite3.connect(copy / "prod.db")) as database, database:
        database.execute(
            "create table customers(id integer primary key, name text, login text unique,"
            " phone text, balance real, note text, city text default 'Leeds')"
        )
        database.executemany(f"insert into customers({COLUMNS}) values (?, ?, ?, ?, ?)", CUSTOMERS)
    monkeypatch.chdir(copy)
    yield copy
    assert not list(copy.glob("__pycache__"))


def restored(folder: Path) -> list[tuple[str | float | None, ...]]:
    config = load_config(folder / "conf.yaml", sections=ALL, environ={})
    create_dump(config, progress=Silent())
    restore_dump(config, "latest", RestoreOptions(), progress=Silent())
    with closing(sqlite3.connect(folder / "dev.db")) as database:
        return list(database.execute(f"select {COLUMNS} from customers order by id"))


@pytest.mark.parametrize("folder", ["custom-python"], indirect=True)
def test_python(folder: Path) -> None:
    rows = restored(folder)
    for row, before in zip(rows, CUSTOMERS, strict=True):
        assert row[2] == before[2]
        assert re.fullmatch(r"customer-[0-9]{12}", str(row[1]))
    assert re.fullmatch(r"[A-Z][a-z]{3} [A-Z][a-z]{2}", str(rows[0][0]))
    assert rows[0][0] == rows[2][0] != CUSTOMERS[0][0]
    assert re.fullmatch(r"[A-Z][a-z]x x[a-z]{5}x[a-z]", str(rows[1][0]))
    assert rows[3][0] == ""
    assert len({row[1] for row in rows}) == 4
    assert [row[3] for row in rows] == [1200.0, 0.0, None, 0.0]
    notes = ["(16 characters, from Leeds)", "(23 characters, from Leeds)", "", None]
    assert [row[4] for row in rows] == notes


@pytest.mark.parametrize("folder", ["custom-wasm"], indirect=True)
def test_wasm(folder: Path) -> None:
    pytest.importorskip("wasmtime")
    rows = restored(folder)
    assert [row[1:4] for row in rows] == [before[1:4] for before in CUSTOMERS]
    assert [row[0] for row in rows] == ["J*******", "Z***********", "J*******", ""]
    notes = ["c*******\nM******", "a" + "*" * 22, "", None]
    assert [row[4] for row in rows] == notes


@pytest.mark.parametrize("folder", ["custom-command"], indirect=True)
def test_command(folder: Path) -> None:
    rows = restored(folder)
    for row, before in zip(rows, CUSTOMERS, strict=True):
        assert row[:2] + row[3:4] == before[:2] + before[3:4]
    assert [row[2] for row in rows] == ["+1-202-418-0000", "+44 20 7946 0000", None, "0"]
    # A newline within a value is no white space to awk, but a backslash and a letter.
    assert [row[4] for row in rows] == ["a text of 2 words", "a text of 5 words", "", None]


RULES = """
  chunk_size: 64KiB
  transformers:
    - database: main
      table: customers
      columns:
        - name: first_name
          transformer_name: custom-python
          transformer_options: {{path: {folder}/masks.py}}
        - name: notes
          transformer_name: custom-command
          transformer_options: {{command: {command}, format: text, keep_running: {keep}}}
"""
MASKS = "def transform(value, seed):\n    return seed.hex()\n"
ANSWERING = """
import sys
for line in sys.stdin:
    print("x" + line, end="", flush=True)
"""


@pytest.mark.parametrize("keep", ["false", "true"])
def test_several_workers_make_what_one_makes(tmp_path: Path, keep: str) -> None:
    (tmp_path / "masks.py").write_text(MASKS)
    (tmp_path / "program.py").write_text(ANSWERING)
    command = f"[{sys.executable}, {tmp_path}/program.py]"
    rules = RULES.format(folder=tmp_path, keep=keep, command=command)
    project = make_project(tmp_path, customers=3000, rules=rules)
    seen = []
    for jobs in (1, 2):
        create_dump(project.config(), jobs=jobs, progress=Silent())
        restore_dump(project.config(), "latest", RestoreOptions(wipe=True), progress=Silent())
        seen.append(contents(project.target)["customers"])
    assert seen[0] == seen[1]
    assert seen[0] != contents(project.source)["customers"]


def test_an_interrupt_that_code_raises_in_a_worker_is_its_failure(tmp_path: Path) -> None:
    (tmp_path / "masks.py").write_text(
        "import multiprocessing\n"
        "def transform(value):\n"
        "    if multiprocessing.parent_process():\n"
        "        raise KeyboardInterrupt(value)\n"
        "    return 'x'\n"
    )
    rules = RULES.format(folder=tmp_path, keep="false", command="cat")
    project = make_project(tmp_path, customers=3000, rules=rules)
    with pytest.raises(TransformError, match=r"raised KeyboardInterrupt in line 4"):
        create_dump(project.config(), jobs=2, progress=Silent())


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_names_the_column_the_line_and_the_row(tmp_path: Path, jobs: int) -> None:
    (tmp_path / "masks.py").write_text("def transform(value):\n    return int(value)\n")
    rules = RULES.format(folder=tmp_path, keep="false", command="cat")
    project = make_project(tmp_path, customers=3000, rules=rules)
    with pytest.raises(TransformError) as caught:
        create_dump(project.config(), jobs=jobs, progress=Silent())
    assert caught.value.message.startswith(
        "main.customers.first_name: custom-python transform() in masks.py raised ValueError in"
        " line 2 (row "
    )
    assert not list((project.store).rglob("*.chunk"))
