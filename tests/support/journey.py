"""A small project on disk: a production database, a config, a datastore; and ways to use them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replicate.config import Config, load_config

ALL = {"source", "datastore", "destination", "encryption_key", "masking_key"}

CUSTOMERS = """
create table customers(
    id integer primary key autoincrement, email text not null unique, first_name text,
    card text, balance real, born date, notes text
);
create table orders(
    id integer primary key, customer_id integer references customers(id), email text,
    amount real, note text
);
create index orders_by_customer on orders(customer_id);
create view spending as select customer_id, sum(amount) as total from orders group by 1;
create table log(line text);
create trigger remember after insert on orders begin
    insert into log values ('order ' || new.id);
end;
pragma user_version = 7;
"""

RULES = """
  transformers:
    - database: main
      table: customers
      columns:
        - {name: email, transformer_name: email}
        - {name: first_name, transformer_name: first-name}
        - {name: card, transformer_name: credit-card}
    - database: main
      table: orders
      columns:
        - {name: email, transformer_name: email}
"""


@dataclass(frozen=True)
class Project:
    """A folder with prod.db, conf.yaml and store/, as a user has it."""

    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "prod.db"

    @property
    def target(self) -> Path:
        return self.folder / "dev.db"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def conf(self) -> Path:
        return self.folder / "conf.yaml"

    def config(self) -> Config:
        return load_config(self.conf, sections=ALL)

    def objects(self) -> dict[str, bytes]:
        """Every stored object by its key."""
        return {
            path.relative_to(self.store).as_posix(): path.read_bytes()
            for path in sorted(self.store.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "replicate", "-c", str(self.conf), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=os.environ | environment,
        )

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The command as a user runs it."""
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(
            process.args, process.returncode, out.decode(), err.decode()
        )

    def succeed(self, *arguments: str, **environment: str) -> str:
        done = self.run(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def listed(self) -> list[str]:
        """The names of the dumps, as `dump list --json` tells them."""
        reported: Any = json.loads(self.succeed("dump", "list", "--json"))
        return [dump["name"] for dump in reported["dumps"]]


def make_project(
    folder: Path, *, customers: int = 200, encrypted: bool = True, rules: str = RULES
) -> Project:
    """A project with that many customers, and five orders each."""
    project = Project(folder)
    project.store.mkdir(parents=True)
    fill(project.source, customers)
    keys = "encryption_key: open sesame\nmasking_key: abracadabra\n" if encrypted else ""
    project.conf.write_text(
        f"{keys}source:\n  connection_uri: sqlite:///{project.source}\n{rules}"
        f"datastore: {{local_disk: {{dir: {project.store}}}}}\n"
        f'destination: {{connection_uri: "sqlite:///{project.target}"}}\n'
    )
    project.conf.chmod(0o600)
    return project


def fill(path: Path, customers: int) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(CUSTOMERS)
        database.executemany(
            "insert into customers values (?,?,?,?,?,?,?)",
            (
                (
                    i,
                    f"customer{i}@shop.example",
                    None if i % 7 == 0 else "Zoë\\",
                    f"4929{i:012d}",
                    i / 7,
                    "1980-05-17",
                    "line one\nline\ttwo \U0001f600" if i % 3 else "",
                )
                for i in range(1, customers + 1)
            ),
        )
        database.executemany(
            "insert into orders values (?,?,?,?,?)",
            (
                (i, i % customers + 1, f"customer{i % customers + 1}@shop.example", i * 0.1, None)
                for i in range(1, customers * 5 + 1)
            ),
        )


def contents(path: Path) -> dict[str, Any]:
    """A database as plain values: its schema, and every row with the class of every value."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        database.text_factory = bytes
        schema = database.execute("select type, name, tbl_name, sql from sqlite_schema").fetchall()
        tables = [name.decode() for kind, name, _, _ in schema if kind == b"table"]
        found: dict[str, Any] = {"schema": sorted(schema, key=repr)}
        for table in tables:
            quoted = '"' + table.replace('"', '""') + '"'
            cursor = database.execute(f"select * from {quoted}")
            names = [d[0] for d in cursor.description or ()]
            classes = ", ".join(f'typeof("{n}"), "{n}"' for n in names)
            rows = database.execute(f"select {classes} from {quoted}").fetchall()
            found[table] = sorted(rows, key=repr)
        for pragma in ("user_version", "application_id", "encoding"):
            found[pragma] = database.execute(f"pragma {pragma}").fetchone()
    return found
