"""`replicate dump verify --leaks` as a user types it: what it prints, and how it ends."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.journey import RULES, Project, make_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, customers=50, rules=f"  leak_filter: true\n{RULES}")


def leak(project: Project) -> None:
    with closing(sqlite3.connect(project.source)) as database, database:
        database.execute("create table audit(line text)")
        database.execute("insert into audit select 'sent to ' || email from customers limit 3")


def test_a_dump_that_leaks_ends_with_1_and_says_where(project: Project) -> None:
    leak(project)
    project.succeed("dump", "create", "--name", "one")
    done = project.run("dump", "verify", "one", "--leaks")
    assert done.returncode == 1
    assert "3 rows of main.audit.line hold a value of main.customers.email" in done.stdout
    assert "error: one is holding values that were to be masked" in done.stderr
    assert "@shop.example" not in done.stdout + done.stderr
    [report] = json.loads(project.run("dump", "verify", "one", "--leaks", "--json").stdout)["dumps"]
    assert not report["ok"]
    assert {
        "column": "main.audit.line",
        "rows": 3,
        "of": ["main.customers.email", "main.orders.email"],
        "by_chance": False,
    } in report["leaks"]
    # Without the option nothing is said of leaks, and the dump is what was written.
    assert "ok" in project.succeed("dump", "verify", "one")


def test_a_dump_that_does_not_leak_ends_with_0(project: Project) -> None:
    project.succeed("dump", "create")
    assert "leaks" not in project.succeed("dump", "verify", "latest", "--leaks")


def test_what_can_not_be_searched_is_no_success(project: Project) -> None:
    project.succeed("dump", "create", "--name", "one")
    text = project.conf.read_text()
    project.conf.write_text(text.replace("abracadabra", "another"))
    done = project.run("dump", "verify", "one", "--leaks")
    assert done.returncode == 12
    assert "another masking_key" in done.stderr
    assert "not searched" in done.stdout
    project.conf.write_text(text.replace("leak_filter: true", "leak_filter: false"))
    project.succeed("dump", "create", "--name", "two")
    done = project.run("dump", "verify", "two", "--leaks")
    assert done.returncode == 3
    assert "made without source.leak_filter" in done.stderr
