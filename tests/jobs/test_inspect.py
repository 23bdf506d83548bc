"""What is found before a journey, and what a verification goes on past."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from replicate.databases.base import Selection
from replicate.dumps.manifest import ChunkRecord
from replicate.errors import ConfigError, ConflictError
from replicate.jobs.create import create_dump
from replicate.jobs.dumping import Dumping
from replicate.jobs.inspect import check, lock_columns
from replicate.jobs.progress import Silent
from replicate.jobs.verify import verify_dumps
from tests.support.journey import make_project
from tests.support.postgres_journey import Pair


def _faults(conf: Path) -> list[str]:
    warnings: list[str] = []
    return [str(error) for error in check(conf, warn=warnings.append)]


def test_a_sound_config(tmp_path: Path) -> None:
    assert _faults(make_project(tmp_path, customers=5).conf) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("dev.db", "prod.db", "destination.connection_uri: prod is the database"),
        ("dev.db", "live.db", "destination.connection_uri: .*protected by the pattern live"),
        ("dev.db", "no/such/dev.db", "destination.connection_uri: .*no/such"),
        ("sqlite:///", "mysql://", "source.connection_uri: MySQL is not supported"),
        ("/store", "/stroe", "datastore.local_disk: .*stroe"),
        ("table: orders", "table: orders2", r"source.transformers\[1\].table: .*orders2"),
    ],
)
def test_faults_are_found_with_their_place(tmp_path: Path, old: str, new: str, fault: str) -> None:
    project = make_project(tmp_path, customers=5)
    text = project.conf.read_text()
    assert old in text
    project.conf.write_text(text.replace(old, new))
    faults = _faults(project.conf)
    assert faults
    with pytest.raises(AssertionError, match=f"conf.yaml:[0-9]+: {fault}"):
        raise AssertionError("\n".join(faults))


def test_a_leak_filter_without_a_masking_key_is_found(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=5, encrypted=False)
    text = project.conf.read_text()
    project.conf.write_text(text.replace("source:\n", "source:\n  leak_filter: true\n"))
    [fault] = _faults(project.conf)
    assert "source.leak_filter: a leak filter needs a masking_key" in fault
    with pytest.raises(ConfigError, match="needs a masking_key"):
        create_dump(project.config(), progress=Silent())


def test_a_path_into_a_column_of_no_json_is_found(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=5)
    text = project.conf.read_text()
    project.conf.write_text(text.replace("{name: card,", '{name: "born.year",'))
    [fault] = _faults(project.conf)
    assert "main.customers.born has no JSON for a path to lead into: it holds date values" in fault
    assert re.search(r"conf.yaml:\d+: source.transformers\[0\].columns\[2\].name: ", fault)


def test_a_pg_dump_that_is_missing_is_found(plain_pair: Pair) -> None:
    plain_pair.server.run(plain_pair.source, "CREATE TABLE people (id int PRIMARY KEY)")
    plain_pair.configure()
    assert _faults(plain_pair.conf) == []
    plain_pair.configure(bin_path="/nowhere")
    [fault] = _faults(plain_pair.conf)
    assert "pg_bin_path has no pg_dump that runs" in fault


@pytest.mark.parametrize("text", ["columns: [", "version: 7\n", "\x00", ""])
def test_a_lock_that_can_t_be_read_is_written_anew(tmp_path: Path, text: str) -> None:
    project = make_project(tmp_path, customers=5)
    warnings: list[str] = []
    good = lock_columns(project.config(), warn=warnings.append).path
    assert warnings == []
    written = good.read_bytes()
    good.write_text(text)
    change = lock_columns(project.config(), warn=warnings.append)
    assert (change.added, change.removed) == (None, None)
    assert good.read_bytes() == written
    [warning] = warnings
    assert str(good) in warning
    assert "it is written anew" in warning
    # A dump still refuses what it can't read.
    good.write_text(text)
    conf = project.conf.read_text()
    project.conf.write_text(conf.replace("source:\n", "source:\n  on_new_column: fail\n"))
    with pytest.raises(ConfigError, match=r"conf\.lock"):
        create_dump(project.config(), progress=Silent())


def test_a_dump_that_no_key_opens_hides_no_other(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=5)
    create_dump(project.config(), name="mine", progress=Silent())
    text = project.conf.read_text()
    project.conf.write_text(text.replace("open sesame", "close sesame"))
    create_dump(project.config(), name="theirs", new_key=True, progress=Silent())
    project.conf.write_text(text)
    found = {r.name: r for r in verify_dumps(project.config(), None, progress=Silent())}
    assert found["mine"].ok
    assert found["theirs"].locked
    assert not found["theirs"].problems
    done = project.run("dump", "verify", "--all")
    assert done.returncode == 3
    assert "no key fits" in done.stdout
    assert "1 of 2 dumps is not to be opened" in done.stderr


def test_no_more_processes_than_tasks(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=5)
    manifest = create_dump(project.config(), jobs=64, progress=Silent())
    assert manifest.header.totals.rows == 5 + 25 + 25


@pytest.mark.parametrize("name", ["prod.sqlite.db", "prod.db.bak", "PROD.db", "link.db"])
def test_protected_by_any_name(tmp_path: Path, name: str) -> None:
    project = make_project(tmp_path, customers=5)
    (tmp_path / "link.db").symlink_to(tmp_path / "production.db")
    text = project.conf.read_text()
    project.conf.write_text(text.replace(str(project.target), str(tmp_path / name)))
    [fault] = _faults(project.conf)
    assert "protected by the pattern" in fault


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_what_stands_beside_the_source_is_the_source(tmp_path: Path, end: str) -> None:
    project = make_project(tmp_path, customers=5)
    text = project.conf.read_text()
    project.conf.write_text(text.replace(str(project.target), f"{project.source}{end}"))
    [fault] = _faults(project.conf)
    assert "is the database that the dump was made from" in fault


def test_chunks_that_are_cleared_away_meanwhile_stop_the_dump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path, customers=5)
    run = Dumping.run

    def and_lose_one(dumping: Dumping, selection: Selection) -> list[ChunkRecord]:
        chunks = run(dumping, selection)
        next((project.store / "chunks").glob("*/*")).unlink()
        return chunks

    monkeypatch.setattr(Dumping, "run", and_lose_one)
    with pytest.raises(ConflictError, match="is not there any more"):
        create_dump(project.config(), progress=Silent())
    assert [key for key in project.objects() if key.startswith(("chunks/", "dumps/"))] == []
