"""The scan of a whole source: what it finds, what it suggests, what it writes."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from replicate.config import Config, load_config
from replicate.databases.registry import open_source
from replicate.errors import ConfigError, ConflictError, ReplicateError, UsageError
from replicate.jobs.create import create_dump
from replicate.jobs.masking import plan_masking
from replicate.jobs.progress import Silent
from replicate.jobs.scanning import scan_source, write_suggestions
from replicate.jobs.scanning.report import ScanReport
from replicate.jobs.selection import select_tables
from replicate.scan.findings import Category, Level
from tests.support import personal_columns
from tests.support.personal_columns import MORE, TABLES
from tests.support.postgres import Server

C = Category
ROWS = 400

PEOPLE = """
CREATE TABLE people(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, phone TEXT UNIQUE,
    born DATE, profile JSON, note TEXT);
CREATE TABLE visits(id INTEGER PRIMARY KEY, who TEXT REFERENCES people(email), ip TEXT);
CREATE TABLE audit(line TEXT);
"""


def _configure(folder: Path, uri: str, source: str = "") -> Path:
    file = folder / "conf.yaml"
    file.write_text(f"source:\n  connection_uri: {uri!r}\n{source}")
    file.chmod(0o640)
    return file


def _listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _config(file: Path) -> Config:
    return load_config(file, sections=["source"])


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """conf.yaml over a database of people and their visits."""
    with closing(sqlite3.connect(tmp_path / "prod.db")) as database:
        database.executescript(PEOPLE)
        database.executemany(
            "INSERT INTO people VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    i,
                    f"p{i}@shop.example",
                    f"+49 171 {i:07d}",
                    f"{1950 + i % 50}-01-02",
                    f'{{"contacts": [{{"email": "p{i}@home.example"}}], "theme": "dark"}}',
                    None if i % 2 else f"row {i}\twrote\nto q{i}@shop.example about \\ it",
                )
                for i in range(200)
            ],
        )
        database.executemany(
            "INSERT INTO visits VALUES (?, ?, ?)",
            [(i, f"p{i}@shop.example", f"10.20.{i}.7") for i in range(200)],
        )
        database.commit()
    return _configure(tmp_path, f"sqlite:///{tmp_path}/prod.db")


def _by_name(report: ScanReport) -> dict[str, str]:
    return {each.label.removeprefix("main."): each.finding.category.name for each in report.found}


def test_what_is_found_and_suggested(people: Path) -> None:
    report = scan_source(_config(people))
    assert (report.tables, report.rows, report.unread) == (3, 400, ())
    found = {each.label.removeprefix("main."): each for each in report.found}
    assert _by_name(report) == {
        "people.email": "EMAIL",
        "people.phone": "PHONE",
        "people.born": "BIRTH_DATE",
        "people.profile.contacts[*].email": "EMAIL",
        "people.note": "FREE_TEXT",
        "visits.who": "EMAIL",
        "visits.ip": "IP",
    }
    assert found["people.email"].suggested == "email"
    assert found["people.phone"].suggested == "phone-number"
    assert found["people.born"].suggested == "random-date"
    assert found["people.profile.contacts[*].email"].suggested == "email"
    child = found["visits.who"]
    assert (child.suggested, child.transformer) == ("", "")
    assert child.note == "masked with main.people.email, which it refers to"
    assert child not in report.undecided(Level.LOW)


def test_a_column_that_others_refer_to_is_told_by_them(people: Path) -> None:
    with closing(sqlite3.connect(people.parent / "prod.db")) as database:
        database.executescript(
            "CREATE TABLE a(x TEXT PRIMARY KEY); CREATE TABLE b(email TEXT REFERENCES a(x));"
            "INSERT INTO b VALUES ('ada@shop.example')"
        )
    report = scan_source(_config(people), only=["a", "b"])
    [parent, child] = report.found
    assert (parent.label, parent.suggested) == ("main.a.x", "email")
    assert child.follows == ("main", "a", "x")


def _empty(folder: Path, tables: str, source: str = "") -> Path:
    """conf.yaml over tables without rows, so that their columns have names alone."""
    with closing(sqlite3.connect(folder / "empty.db")) as database:
        database.executescript(tables)
    return _configure(folder, f"sqlite:///{folder}/empty.db", source)


BEHIND = """
CREATE TABLE top(name TEXT PRIMARY KEY);
CREATE TABLE parent(id INTEGER PRIMARY KEY, author TEXT UNIQUE REFERENCES top(name));
CREATE TABLE child(id INTEGER PRIMARY KEY, email TEXT REFERENCES parent(author));
"""


@pytest.mark.parametrize("top", [True, False])
def test_a_column_is_as_surely_personal_as_one_that_refers_to_it(tmp_path: Path, top: bool) -> None:
    tables = BEHIND if top else BEHIND.replace(" REFERENCES top(name)", "")
    file = _empty(tmp_path, tables)
    alone = scan_source(_config(_empty(tmp_path, "DROP TABLE child")), rows=0)
    sure = {each.label: each.finding.sure for each in alone.found}
    _empty(tmp_path, BEHIND.splitlines()[-1])
    report = scan_source(_config(file))
    found = {each.label.removeprefix("main."): each for each in report.found}
    child = found["child.email"]
    assert 0 < sure["main.parent.author"] < Level.MEDIUM.value <= child.finding.sure
    assert found["parent.author"].finding.sure == child.finding.sure
    assert found["parent.author"].finding.why == (
        "main.child.email refers to it and looks like one",
    )
    root = "top.name" if top else "parent.author"
    [left] = report.undecided(Level.MEDIUM)
    assert (left.label, left.suggested) == (f"main.{root}", "email")
    assert [rule.table for rule in write_suggestions(_config(file), report, Level.MEDIUM)] == [
        root.partition(".")[0]
    ]
    after = scan_source(_config(file))
    assert [each.transformer for each in after.from_level(Level.MEDIUM)] == ["email"] * (2 + top)


def test_columns_that_refer_to_each_other_follow_none(tmp_path: Path) -> None:
    tables = """
    CREATE TABLE a(email TEXT PRIMARY KEY REFERENCES b(x));
    CREATE TABLE b(x TEXT PRIMARY KEY REFERENCES a(email));
    CREATE TABLE c(email TEXT REFERENCES a(email));
    """
    report = scan_source(_config(_empty(tmp_path, tables)))
    assert {each.label for each in report.undecided(Level.MEDIUM)} == {"main.a.email", "main.b.x"}


def test_a_column_follows_only_what_is_listed_with_it(tmp_path: Path) -> None:
    report = scan_source(_config(_empty(tmp_path, BEHIND)))
    [child] = [each for each in report.found if each.table.name == "child"]
    alone = replace(report, found=(child,))
    assert alone.undecided(Level.MEDIUM) == [child]


def test_a_column_that_refers_to_one_that_stays_is_told_to_stay(tmp_path: Path) -> None:
    rule = (
        "  transformers:\n    - {database: main, table: top, "
        "columns: [{name: name, transformer_name: transient}]}\n"
    )
    report = scan_source(_config(_empty(tmp_path, BEHIND, rule)))
    assert report.undecided(Level.LOW) == []
    notes = {each.column.name: each.note for each in report.found}
    assert notes["email"] == "left as it is with main.parent.author, which it refers to"


def test_tables_and_rows_can_be_limited(people: Path) -> None:
    report = scan_source(_config(people), rows=20, only=["v*", "main.aud?t"])
    assert (report.tables, report.rows) == (2, 20)
    assert set(_by_name(report)) == {"visits.who", "visits.ip", "people.email"}
    named = scan_source(_config(people), rows=0)
    assert named.rows == 0
    assert "people.email" in _by_name(named)
    with pytest.raises(UsageError, match="the source has no table people_") as caught:
        scan_source(_config(people), only=["people_"])
    assert caught.value.hint == "did you mean people?"


def test_what_the_config_says_counts(people: Path) -> None:
    folder = people.parent
    file = _configure(
        folder,
        f"sqlite:///{folder}/prod.db",
        "  transformers:\n"
        "    - database: main\n      table: people\n      columns:\n"
        "        - {name: email, transformer_name: email}\n"
        "        - {name: note, transformer_name: transient}\n"
        "        - {name: 'profile.**.email', transformer_name: email}\n"
        "  skip:\n    - {database: main, table: audit}\n",
    )
    report = scan_source(_config(file))
    now = {each.label.removeprefix("main.people."): each.transformer for each in report.found}
    assert now["email"] == "email"
    assert now["main.visits.who"] == "email", "it follows"
    assert now["note"] == "transient"
    assert now["profile.contacts[*].email"] == "email"
    assert [each.column.name for each in report.undecided(Level.MEDIUM)] == ["phone", "born", "ip"]


def test_what_is_written_holds_and_is_then_nothing_more(people: Path) -> None:
    before = people.read_bytes()
    config = _config(people)
    rules = write_suggestions(config, scan_source(config), Level.MEDIUM)
    assert {rule.table: [name for name, _ in rule.columns] for rule in rules} == {
        "people": ["email", "phone", "born", "profile.contacts[*].email", "note"],
        "visits": ["ip"],
    }
    after = people.read_bytes()
    assert after.startswith(before)
    assert stat.S_IMODE(people.stat().st_mode) == 0o640
    assert _listed(people.parent) == ["conf.yaml", "prod.db"]
    again = scan_source(_config(people))
    assert again.undecided(Level.LOW) == []
    assert write_suggestions(_config(people), again, Level.LOW) == []
    assert people.read_bytes() == after


def _proven(config: Config) -> None:
    """Raises `ConfigError` where a dump would refuse the rules."""
    assert config.source is not None
    with closing(open_source(config.source).open()) as snapshot:
        schema = snapshot.schema()
    plan_masking(config, schema, select_tables(config, schema).tables)


def test_what_the_plan_refuses_does_not_block_the_rest(people: Path) -> None:
    # What the config leaves as it is refers to what can't be masked without it.
    kept = (
        "  transformers:\n    - database: main\n      table: visits\n      columns:\n"
        "        - name: who\n          transformer_name: transient\n"
    )
    people.write_text(people.read_text() + kept)
    config = _config(people)
    report = scan_source(config)
    [left] = report.unsettled(Level.LOW)
    assert (left.label, left.transformer, left.suggested) == ("main.people.email", "", "")
    assert left.note.startswith("main.visits.who refers to main.people.email, and masking only")
    assert left.hint
    rules = write_suggestions(config, report, Level.LOW)
    assert {rule.table: [name for name, _ in rule.columns] for rule in rules} == {
        "people": ["phone", "born", "profile.contacts[*].email", "note"],
        "visits": ["ip"],
    }
    after = _config(people)
    _proven(after)
    again = scan_source(after)
    assert [each.label for each in again.undecided(Level.LOW)] == ["main.people.email"]
    assert write_suggestions(after, again, Level.LOW) == []


@pytest.mark.parametrize("kind", ["TEXT", "INTEGER"])
def test_many_refused_among_many_that_hold(tmp_path: Path, kind: str) -> None:
    names = [f"t{i:02d}" for i in range(40)]
    refused = {"t00", "t07", "t08", "t21", "t39"}
    with closing(sqlite3.connect(tmp_path / "many.db")) as database:
        for name in names:
            database.executescript(
                f"CREATE TABLE {name}(phone {kind} PRIMARY KEY);"
                f"CREATE TABLE {name}_calls(n INT, who {kind} REFERENCES {name}(phone));"
            )
    rules = "".join(
        f"    - {{database: main, table: {name}_calls, columns: "
        "[{name: who, transformer_name: transient}]}\n"
        for name in sorted(refused)
    )
    uri = f"sqlite:///{tmp_path}/many.db"
    report = scan_source(_config(_configure(tmp_path, uri, f"  transformers:\n{rules}")))
    assert {each.table.name for each in report.unsettled(Level.MEDIUM)} == refused
    suggested = {each.table.name for each in report.found if each.suggested}
    assert suggested == set(names) - refused


def test_a_rule_for_what_holds_a_path_covers_it(people: Path) -> None:
    for path, covered in (("contacts", True), ("contacts[*]", True), ("con", False)):
        file = _configure(
            people.parent,
            f"sqlite:///{people.parent}/prod.db",
            "  transformers:\n    - database: main\n      table: people\n      columns:\n"
            f"        - {{name: 'profile.{path}', transformer_name: redacted}}\n",
        )
        [inside] = [each for each in scan_source(_config(file)).found if each.finding.path]
        assert bool(inside.transformer) is covered, path


def test_a_link_stays_one(people: Path) -> None:
    real = people.rename(people.parent / "real.yaml")
    people.symlink_to(real.name)
    config = _config(people)
    write_suggestions(config, scan_source(config), Level.MEDIUM)
    assert people.is_symlink()
    assert b"transformers" in real.read_bytes()


def test_what_does_not_hold_is_not_written(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = people.read_bytes()
    config = _config(people)
    report = scan_source(config)

    def refuse(*_: object) -> None:
        raise ConfigError("no", file=str(people), line=3)

    with monkeypatch.context() as patch:
        patch.setattr("replicate.jobs.scanning.scan.plan_masking", refuse)
        with pytest.raises(ConfigError, match="nothing was written"):
            write_suggestions(config, report, Level.MEDIUM)
    assert people.read_bytes() == before

    def meddle(*arguments: object) -> object:
        people.write_bytes(before + b"# mine\n")
        return plan_masking(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr("replicate.jobs.scanning.scan.plan_masking", meddle)
    with pytest.raises(ConflictError, match="changed by somebody else"):
        write_suggestions(config, report, Level.MEDIUM)
    assert people.read_bytes() == before + b"# mine\n"
    assert _listed(people.parent) == ["conf.yaml", "prod.db"]


def test_a_full_disk_leaves_the_file(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = people.read_bytes()
    config = _config(people)
    report = scan_source(config)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("replicate.jobs.scanning.rule_writing.os.fsync", full)
    with pytest.raises(Exception, match="No space left"):
        write_suggestions(config, report, Level.MEDIUM)
    assert people.read_bytes() == before
    assert _listed(people.parent) == ["conf.yaml", "prod.db"]


@pytest.mark.parametrize("mode", [0o444, 0o400])
def test_a_write_protected_file_is_left_alone(people: Path, mode: int) -> None:
    before = people.read_bytes()
    config = _config(people)
    report = scan_source(config)
    people.chmod(mode)
    with pytest.raises(ReplicateError, match=r"conf\.yaml can't be written: it is write-protected"):
        write_suggestions(config, report, Level.MEDIUM)
    assert people.read_bytes() == before
    assert stat.S_IMODE(people.stat().st_mode) == mode
    assert _listed(people.parent) == ["conf.yaml", "prod.db"]


def test_a_file_that_only_others_may_write_is_left_alone(
    people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = people.read_bytes()
    config = _config(people)
    report = scan_source(config)
    access = os.access
    monkeypatch.setattr("os.access", lambda file, mode: mode != os.W_OK and access(file, mode))
    with pytest.raises(ReplicateError, match="write-protected"):
        write_suggestions(config, report, Level.MEDIUM)
    assert people.read_bytes() == before


def test_types_that_sqlite_does_not_keep(tmp_path: Path) -> None:
    rows = [
        (f"p{i}@x.example", i if i % 4 == 0 else f"+49 171 {i:07d}", b"p@x.example", i % 2, b"\0p")
        for i in range(60)
    ]
    with closing(sqlite3.connect(tmp_path / "odd.db")) as database:
        database.executescript("CREATE TABLE t(a INTEGER, b, c BLOB, d BOOLEAN, e TEXT)")
        database.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
        database.commit()
    report = scan_source(_config(_configure(tmp_path, f"sqlite:///{tmp_path}/odd.db")))
    assert _by_name(report) == {"t.a": "EMAIL", "t.b": "PHONE"}


def _score(report: ScanReport, level: Level) -> tuple[float, float, list[str]]:
    """Precision, recall, and the columns that were told wrongly."""
    expected = personal_columns.expected()
    found = {
        (each.table.name, each.column.name): each.finding.category
        for each in reversed(report.from_level(level))
    }
    hits = [key for key in found if expected[key] is not None]
    personal = [key for key, category in expected.items() if category is not None]
    wrong = [
        f"{'.'.join(key)}: {found[key].name if key in found else 'nothing'}, "
        f"and is {category.name if category else 'nothing'}"
        for key, category in expected.items()
        if found.get(key) is not category
    ]
    return len(hits) / len(found), len(hits) / len(personal), wrong


def _judged(report: ScanReport, capsys: pytest.CaptureFixture[str], least: float) -> None:
    assert report.columns == len(personal_columns.expected())
    for level in (Level.MEDIUM, Level.LOW):
        precision, recall, wrong = _score(report, level)
        with capsys.disabled():
            print(f"\n{level.label}: precision {precision:.3f}, recall {recall:.3f}")  # noqa: T201 - what the test is for
            print("".join(f"  {one}\n" for one in wrong))  # noqa: T201 - likewise
        assert precision >= 0.97
        assert recall >= least
        assert len(wrong) <= 4


def _fill_sqlite(folder: Path, _: pytest.FixtureRequest) -> str:
    with closing(sqlite3.connect(folder / "known.db")) as database:
        database.executescript(personal_columns.create(postgresql=False))
        for table in (*TABLES, *MORE):
            marks = ", ".join("?" * len(table.columns))
            database.executemany(
                f'INSERT INTO "{table.name}" VALUES ({marks})',
                personal_columns.rows_of(table, ROWS),
            )
        database.commit()
    return f"sqlite:///{folder}/known.db"


def _fill_postgresql(_: Path, request: pytest.FixtureRequest) -> str:
    server: Server = request.getfixturevalue("any_server")
    name: str = request.getfixturevalue("any_database")
    server.run(name, personal_columns.create(postgresql=True))
    with server.connect(name) as connection, connection.cursor() as cursor:
        for table in (*TABLES, *MORE):
            with cursor.copy(f'COPY "{table.name}" FROM STDIN'.encode()) as copy:
                for row in personal_columns.rows_of(table, ROWS):
                    copy.write_row(row)
        connection.commit()
    return server.uri(name)


@pytest.mark.parametrize(("fill", "least"), [(_fill_sqlite, 0.97), (_fill_postgresql, 0.98)])
def test_known_columns(
    fill: Callable[[Path, pytest.FixtureRequest], str],
    least: float,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """SQLite has no comments, which tell of two of the columns."""
    report = scan_source(_config(_configure(tmp_path, fill(tmp_path, request))))
    _judged(report, capsys, least)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_what_is_suggested_masks_the_rows(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every suggestion takes the very values that it was made for."""
    fill = _fill_postgresql if engine == "postgresql" else _fill_sqlite
    uri = fill(tmp_path, request)
    (tmp_path / "store").mkdir()
    server: Server = request.getfixturevalue("any_server")
    more = f"  pg_bin_path: {server.bin}\ndatastore:\n  local_disk: {{dir: {tmp_path}/store}}\n"
    file = _configure(tmp_path, uri, more)
    config = _config(file)
    write_suggestions(config, scan_source(config), Level.LOW)
    config = load_config(file, sections=["source", "datastore"])
    manifest = create_dump(config, progress=Silent())
    masked = {(table.name, column) for table in manifest.body.tables for column in table.masked}
    expected = personal_columns.expected()
    assert {key for key, category in expected.items() if category} - masked == (
        set() if engine == "postgresql" else {("mitarbeiter", "kuerzel"), ("mitarbeiter", "info")}
    )


NARROW = """
CREATE TABLE alerts(mail varchar(20) NOT NULL, code varchar(6) NOT NULL);
CREATE TABLE people(email varchar(80) NOT NULL UNIQUE, phone text);
CREATE TABLE codes(email varchar(9) NOT NULL UNIQUE);
INSERT INTO alerts SELECT 'p' || i || '@shop.example', i FROM generate_series(1, 90) i;
INSERT INTO people SELECT 'p' || i || '@shop.example', '+49 171 000' || i
    FROM generate_series(1000, 1090) i;
INSERT INTO codes SELECT 'p' || i || '@x.de' FROM generate_series(1, 90) i;
"""


@pytest.mark.parametrize("level", Level)
def test_what_does_not_hold_beside_others_gets_the_next_candidate(
    any_server: Server, any_database: str, tmp_path: Path, level: Level
) -> None:
    """Columns of one transformer share replacements: where one is unique, all have to be."""
    any_server.run(any_database, NARROW)
    file = _configure(tmp_path, any_server.uri(any_database))
    config = _config(file)
    report = scan_source(config)
    found = {each.label.removeprefix("public."): each.suggested for each in report.found}
    assert found["people.email"] == "email", "which has the room"
    assert found["alerts.mail"] not in ("", "email")
    assert found["codes.email"] == "format-preserving", "which needs none"
    assert write_suggestions(config, report, level)
    _proven(_config(file))
    assert scan_source(_config(file)).undecided(level) == []


def test_a_key_that_can_not_be_masked_does_not_block_the_rest_of_postgresql(
    any_server: Server, any_database: str, tmp_path: Path
) -> None:
    any_server.run(
        any_database,
        "CREATE TABLE people(email text PRIMARY KEY, phone text);"
        "CREATE TABLE visits(email text REFERENCES people, ip inet);",
    )
    rule = (
        "  transformers:\n    - database: public\n      table: visits\n      columns:\n"
        "        - name: email\n          transformer_name: transient\n"
    )
    file = _configure(tmp_path, any_server.uri(any_database), rule)
    config = _config(file)
    report = scan_source(config)
    rules = write_suggestions(config, report, Level.MEDIUM)
    assert {rule.table: [name for name, _ in rule.columns] for rule in rules} == {
        "people": ["phone"],
        "visits": ["ip"],
    }
    _proven(_config(file))
    [left] = scan_source(_config(file)).undecided(Level.MEDIUM)
    assert left.label == "public.people.email"
    assert "refers to public.people.email" in left.note


POSTGRESQL = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE events(day date NOT NULL, email text, PRIMARY KEY (day, email))
    PARTITION BY RANGE (day);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO events SELECT date '2024-01-01' + i % 700, 'p' || i || '@shop.example'
    FROM generate_series(1, 900) i;
CREATE TABLE split(city text, n int) PARTITION BY LIST (city);
CREATE TABLE split_1 PARTITION OF split DEFAULT;
INSERT INTO split SELECT 'Berlin', i FROM generate_series(1, 50) i;
CREATE TABLE lists(mails text[], tags text[], home inet, mood mood, at point, card bigint);
INSERT INTO lists SELECT
    ARRAY['a' || i || '@shop.example', NULL, 'b' || i || '@x.example'], ARRAY['new'],
    ('10.1.2.' || i)::inet, 'glad', point(i, 1.5), 4111111111111111 FROM generate_series(1, 90) i;
CREATE TABLE wide(id bigint PRIMARY KEY, note text);
INSERT INTO wide SELECT i, repeat(md5(i::text) || ' ', 40) || 'ask ada@shop.example'
    FROM generate_series(1, 30000) i;
"""


@pytest.fixture
def loaded(any_server: Server, any_database: str, tmp_path: Path) -> Callable[[str], Config]:
    any_server.run(any_database, POSTGRESQL)

    def configured(source: str) -> Config:
        return _config(_configure(tmp_path, any_server.uri(any_database), source))

    return configured


def _labels(report: ScanReport) -> Sequence[str]:
    return [each.label.removeprefix("public.") for each in report.from_level(Level.MEDIUM)]


def test_partitions_arrays_and_a_table_of_many_pages(loaded: Callable[[str], Config]) -> None:
    report = scan_source(loaded(""), rows=300)
    assert _labels(report) == [
        "events.email",
        "lists.mails",
        "lists.home",
        "lists.card",
        "split.city",
        "wide.note",
    ]
    assert report.rows < 5 * 300, "and not all 30,000"
    found = {each.label.removeprefix("public."): each for each in report.found}
    assert found["split.city"].note.startswith("can't be masked: ")
    assert found["events.email"].suggested == "email"
    assert found["lists.mails"].suggested == "email"
    assert found["lists.home"].suggested == "ip-address"
    assert found["lists.card"].suggested


def test_rules_for_all_partitions_are_rules_for_the_table(loaded: Callable[[str], Config]) -> None:
    rule = (
        "    - {{database: public, table: events_{}, columns: "
        "[{{name: email, transformer_name: email}}]}}\n"
    )
    one = scan_source(loaded("  transformers:\n" + rule.format(1)), only=["events*"])
    both = scan_source(
        loaded("  transformers:\n" + rule.format(1) + rule.format(2)), only=["events*"]
    )
    assert [each.transformer for each in (*one.found, *both.found)] == ["", "email"]


def test_rows_that_the_role_may_not_read(
    any_server: Server, any_database: str, tmp_path: Path
) -> None:
    any_server.run(
        any_database,
        "CREATE TABLE hidden(email text); CREATE TABLE seen(phone text);"
        "INSERT INTO seen SELECT '+49 171 000' || i FROM generate_series(1000, 1050) i;"
        "CREATE ROLE watcher LOGIN PASSWORD 'x'; GRANT SELECT ON seen TO watcher;",
    )
    try:
        uri = any_server.uri(any_database)
        head, _, tail = uri.rpartition("@")
        uri = f"{head.partition('://')[0]}://watcher:x@{tail}"
        report = scan_source(_config(_configure(tmp_path, uri)))
        assert _labels(report) == ["hidden.email", "seen.phone"]
        [(table, reason)] = report.unread
        assert table == "public.hidden"
        assert reason
    finally:
        any_server.run(any_database, "DROP OWNED BY watcher; DROP ROLE watcher;")
