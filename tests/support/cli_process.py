"""Runs the program as a user does: in a process of its own, with real files."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = (sys.executable, "-m", "replicate")
PATIENT_PROGRAM = (
    sys.executable,
    "-c",
    "from replicate import cli, threads; threads.SILENCE = 600; cli.main()",
)
"""The same, but for how long a store may be silent while an interrupted program takes back what it
stored: tests of what is left are none of how slow the disk is."""

KEY = "correct horse battery staple"

_SCHEMA = """
CREATE TABLE people (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, note TEXT
);
CREATE TABLE visits (
    id INTEGER PRIMARY KEY,
    person INTEGER NOT NULL REFERENCES people (id),
    email TEXT NOT NULL REFERENCES people (email)
);
CREATE INDEX visits_by_person ON visits (person);
"""


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def failed_with(self, code: int) -> str:
        """The error line, of which there is exactly one, and no traceback; stdout is empty."""
        assert "Traceback" not in self.err + self.out
        assert self.code == code, self.err
        errors = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, self.err
        assert self.out == ""
        return errors[0]

    def succeeded(self) -> Result:
        assert self.code == 0, self.err
        assert "error:" not in self.err
        assert "Traceback" not in self.err
        return self


class Workplace:
    """A directory with a source of two tables, a datastore, and a conf.yaml over them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.source = directory / "source.db"
        self.target = directory / "target.db"
        self.store = directory / "store"
        self.config = directory / "conf.yaml"
        if not self.store.exists():
            self.store.mkdir()
            make_database(self.source)
        self.configure()

    def copy(self, directory: Path) -> Workplace:
        """A place of its own with the same source and the same dumps; conf.yaml is new."""
        shutil.copytree(self.directory, directory, dirs_exist_ok=True)
        return Workplace(directory)

    def configure(
        self,
        *,
        key: str | None = None,
        source: str | None = None,
        store: Path | None = None,
        target: str | None = None,
        table: str = "people",
        column: str = "email",
        transformer: str = "email",
        chunk_size: int = 16 * 1024 * 1024,
    ) -> None:
        """Write conf.yaml; what is masked is one column of both tables, as joins want it."""
        lines = [
            *([f"encryption_key: {key}"] if key else []),
            "masking_key: another key",
            "source:",
            f"  connection_uri: {source or f'sqlite:///{self.source}'}",
            f"  chunk_size: {chunk_size}",
            "  transformers:",
            f"    - {{database: main, table: {table}, columns:",
            f"        [{{name: {column}, transformer_name: {transformer}}}]}}",
            "    - {database: main, table: visits, columns:",
            "        [{name: email, transformer_name: email}]}",
            "datastore:",
            "  local_disk:",
            f"    dir: {store or self.store}",
            "destination:",
            f"  connection_uri: {target or f'sqlite:///{self.target}'}",
            "",
        ]
        self.config.write_text("\n".join(lines))
        self.config.chmod(0o600)

    def run(self, *args: str, **changes: str) -> Result:
        """`replicate -c conf.yaml` with `args`; `changes` are made to its environment."""
        return run("-c", str(self.config), *args, cwd=self.directory, **changes)

    @contextmanager
    def started(self, *args: str, **how: Any) -> Iterator[subprocess.Popen[str]]:
        """The same by the patient program, while it runs; over when the block is."""
        command = [*PATIENT_PROGRAM, "-c", str(self.config), *args]
        # Such a process is about to get a signal, which may come in the middle of the measuring.
        plain = {k: v for k, v in environment().items() if not k.startswith("COVERAGE")}
        with subprocess.Popen(command, cwd=self.directory, env=plain, text=True, **how) as process:
            try:
                yield process
            finally:
                process.kill()

    def objects(self) -> list[str]:
        """The datastore's files that are not hidden."""
        found = (path for path in self.store.rglob("*") if path.is_file())
        return sorted(
            str(path.relative_to(self.store)) for path in found if not path.name.startswith(".")
        )


def run(*args: str, cwd: Path | None = None, **changes: str) -> Result:
    """Run the program to its end."""
    done = subprocess.run(
        [*PROGRAM, *args],
        cwd=cwd,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without what steers the program or its colours."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REPLICATE_", "_REPLICATE")) and name not in ("NO_COLOR", "TERM")
    }
    return {**kept, **changes}


def make_database(path: Path, people: int = 50) -> None:
    """The source: `people` people and twice as many visits."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(_SCHEMA)
        database.executemany(
            "INSERT INTO people VALUES (?, ?, ?, ?)",
            [
                (i, f"Person {i}", f"person{i}@shop.example", "a\nnote 🙂" if i % 3 else None)
                for i in range(1, people + 1)
            ],
        )
        database.executemany(
            "INSERT INTO visits VALUES (?, ?, ?)",
            [
                (i, i % people + 1, f"person{i % people + 1}@shop.example")
                for i in range(1, 2 * people + 1)
            ],
        )
        database.commit()


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows that `sql` gives."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """Read the process's stderr until `text` is in it."""
    assert process.stderr is not None
    read = ""
    while text not in read:
        line = process.stderr.readline()
        assert line, f"ended before it said {text!r}: {read}"
        read += line
    return read
