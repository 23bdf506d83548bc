"""Values that were masked in one column and survive in another are found, and nothing else is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from replicate.errors import ConfigError, UsageError
from replicate.jobs.create import create_dump
from replicate.jobs.leak_search import Leak
from replicate.jobs.progress import Silent
from replicate.jobs.restore import RestoreOptions, restore_dump
from replicate.jobs.verify import VerifyReport, verify_dumps
from tests.support.journey import Project, make_project

RULES = """
  leak_filter: true
  transformers:
    - database: main
      table: customers
      columns:
        - {name: email, transformer_name: email}
        - {name: first_name, transformer_name: first-name}
        - {name: notes, transformer_name: random}
    - database: main
      table: orders
      columns:
        - {name: email, transformer_name: email}
"""


def project_of(folder: Path, rules: str = RULES, **more: bool) -> Project:
    project = make_project(folder, customers=400, rules=rules, **more)
    text = project.conf.read_text()
    if "masking_key" not in text:
        project.conf.write_text("masking_key: a key of these tests\n" + text)
    return project


def found(project: Project) -> VerifyReport:
    [report] = verify_dumps(project.config(), ["latest"], leaks=True, progress=Silent())
    return report


def put(project: Project, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(project.source)) as database, database:
        database.execute(statement, values)


def email_of(project: Project, customer: int) -> str:
    with closing(sqlite3.connect(project.source)) as database:
        query = "select email from customers order by id limit 1 offset ?"
        [email] = database.execute(query, (customer,)).fetchone()
    return str(email)


@pytest.mark.parametrize("jobs", [1, 2])
def test_survivors_are_found_wherever_they_are(tmp_path: Path, jobs: int) -> None:
    project = project_of(tmp_path)
    put(project, "create table audit(who text, line text, raw blob)")
    for i in range(5):
        email = email_of(project, i * 7)
        put(project, "insert into audit values (?, ?, ?)", email, "fine", None)
        line = f'first\nline\\{{"to": "{email}", "n": {i}}} (see {email}).\tend'
        put(project, "insert into audit values (?, ?, ?)", "nobody@else.test", line, None)
    put(project, "insert into audit values (?, ?, ?)", None, "", email_of(project, 3).encode())
    create_dump(project.config(), jobs=jobs, progress=Silent())
    report = found(project)
    assert not report.ok
    emails = ("main.customers.email", "main.orders.email")
    assert [leak for leak in report.leaks or () if not leak.by_chance] == [
        Leak("main.audit.line", 5, emails),
        Leak("main.audit.raw", 1, emails),
        Leak("main.audit.who", 5, emails),
    ]


def test_a_dump_without_survivors_is_sound_and_restores(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    create_dump(project.config(), progress=Silent())
    report = found(project)
    assert report.ok
    assert [leak for leak in report.leaks or () if not leak.by_chance] == []
    restore_dump(project.config(), "latest", RestoreOptions(), progress=Silent())
    with closing(sqlite3.connect(project.target)) as database:
        assert database.execute("select count(*) from customers").fetchone() == (400,)


def test_the_filter_needs_a_masking_key(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=5, rules=RULES)
    text = project.conf.read_text()
    lines = [line for line in text.splitlines() if not line.startswith("masking_key")]
    project.conf.write_text("\n".join(lines) + "\n")
    with pytest.raises(ConfigError, match=r"source.leak_filter: .* needs a masking_key"):
        create_dump(project.config(), progress=Silent())
    assert project.objects() == {}


def test_what_can_not_be_searched_is_not_said_to_be_clean(tmp_path: Path) -> None:
    project = project_of(tmp_path, RULES.replace("leak_filter: true", "leak_filter: false"))
    create_dump(project.config(), progress=Silent())
    report = found(project)
    assert report.leaks is None
    assert "made without source.leak_filter" in str(report.unsearched)
    assert not report.ok
    keyless = project.conf.read_text().replace("masking_key", "# masking_key")
    project.conf.write_text(keyless)
    with pytest.raises(UsageError, match="without the masking_key"):
        found(project)


def test_with_another_masking_key_nothing_is_said_to_be_clean(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    create_dump(project.config(), progress=Silent())
    project.conf.write_text(project.conf.read_text().replace("masking_key: ", "masking_key: no "))
    report = found(project)
    assert not report.ok
    assert report.leaks is None
    assert "another masking_key" in str(report.unsearched)


def test_what_documents_held_is_found_as_well(tmp_path: Path) -> None:
    rules = RULES.replace(
        "name: notes, transformer_name: random", "name: doc, transformer_name: 'null'"
    )
    project = project_of(tmp_path, rules)
    put(project, "alter table customers add column doc json")
    put(project, "create table audit(line text)")
    for i in range(20):
        document = f'{{"at": [{{"mail": "someone{i}@doc.test"}}]}}'
        put(project, "update customers set doc = ? where id = ?", document, i + 1)
    put(project, "insert into audit values ('wrote to someone7@doc.test')")
    create_dump(project.config(), progress=Silent())
    leaks = [leak for leak in found(project).leaks or () if not leak.by_chance]
    assert leaks == [Leak("main.audit.line", 1, ("main.customers.doc",))]
