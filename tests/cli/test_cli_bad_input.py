"""Everything a user can get wrong: one `error:` line, its exit code, and nothing else."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.cli_process import KEY, Workplace, make_database, query


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    template = Workplace(tmp_path_factory.mktemp("template"))
    template.configure(key=KEY)
    template.run("dump", "create", "--name", "first").succeeded()
    return template


@pytest.fixture
def dumped(template: Workplace, tmp_path: Path) -> Workplace:
    """A place with the encrypted dump `first` in it."""
    place = template.copy(tmp_path)
    place.configure(key=KEY)
    return place


COMMANDS = [
    ["dump", "create"],
    ["dump", "list"],
    ["dump", "show", "latest"],
    ["dump", "verify", "latest"],
    ["dump", "restore", "remote", "-v", "latest"],
    ["dump", "restore", "remote", "-v", "latest", "--output"],
    ["dump", "delete", "x"],
    ["dump", "prune", "--orphans"],
    ["source", "schema"],
    ["config", "check"],
    ["datastore", "check"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_configuration(place: Workplace, command: list[str]) -> None:
    place.config.unlink()
    assert "conf.yaml" in place.run(*command).failed_with(2)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_bad_yaml(place: Workplace, command: list[str]) -> None:
    place.config.write_text("source:\n  connection_uri: 'sqlite:///x.db\ndatastore: {\n")
    assert "conf.yaml" in place.run(*command).failed_with(2)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_unknown_key_is_told_with_its_line(place: Workplace, command: list[str]) -> None:
    place.config.write_text(place.config.read_text().replace("local_disk:", "local_disc:"))
    line = place.config.read_text().splitlines().index("  local_disc:") + 1

    result = place.run(*command)

    assert f"conf.yaml:{line}: datastore.local_disc" in result.failed_with(2)
    assert "local_disk" in result.err


def test_a_variable_that_is_not_set(place: Workplace) -> None:
    place.configure(key="$NOT_SET_AT_ALL")
    assert "NOT_SET_AT_ALL" in place.run("dump", "create").failed_with(2)
    # A command that needs no key does not ask for it.
    place.run("dump", "list").succeeded()


@pytest.mark.parametrize("command", [["dump", "create"], ["config", "check"]], ids=" ".join)
def test_an_unknown_transformer(place: Workplace, command: list[str]) -> None:
    place.configure(transformer="emial")
    result = place.run(*command)
    assert "source.transformers[0].columns[0].transformer_name" in result.failed_with(2)
    assert "hint: " in result.err
    assert "email" in result.err.splitlines()[1]


@pytest.mark.parametrize("command", [["dump", "create"], ["config", "check"]], ids=" ".join)
def test_an_unknown_table(place: Workplace, command: list[str]) -> None:
    place.configure(table="peopel")
    result = place.run(*command)
    assert "main.peopel" in result.failed_with(2)
    assert "did you mean main.people?" in result.err


@pytest.mark.parametrize("command", [["dump", "create"], ["config", "check"]], ids=" ".join)
def test_an_unknown_column(place: Workplace, command: list[str]) -> None:
    place.configure(column="emails")
    result = place.run(*command)
    assert "main.people has no column emails" in result.failed_with(2)
    assert "did you mean email?" in result.err


def test_a_transformer_that_would_break_a_unique_key(place: Workplace) -> None:
    place.configure(transformer="redacted")
    place.run("dump", "create").failed_with(2)
    assert place.objects() == []


@pytest.mark.parametrize("scheme", ["mysql", "mongodb"])
def test_a_database_that_is_not_supported_yet(place: Workplace, scheme: str) -> None:
    place.configure(source=f"{scheme}://ada:secret-word@localhost/shop")
    result = place.run("dump", "create")
    result.failed_with(2)
    assert "secret-word" not in result.err


def _code(command: list[str], usual: int) -> int:
    """`config check` says where in the file the fault is, which makes it one of the file."""
    return 2 if command[0] == "config" else usual


STORE_COMMANDS = [command for command in COMMANDS if command[0] != "source"]


@pytest.mark.parametrize("command", STORE_COMMANDS, ids=" ".join)
def test_a_datastore_that_is_not_there(place: Workplace, command: list[str]) -> None:
    place.configure(store=place.directory / "nowhere")
    assert "nowhere" in place.run(*command).failed_with(_code(command, 10))


@pytest.mark.parametrize("command", STORE_COMMANDS, ids=" ".join)
def test_a_file_in_place_of_the_datastore(place: Workplace, command: list[str]) -> None:
    file = place.directory / "a-file"
    file.touch()
    place.configure(store=file)
    assert "a-file" in place.run(*command).failed_with(_code(command, 1))


def test_a_file_in_place_of_the_manifests(place: Workplace) -> None:
    (place.store / "dumps").touch()
    place.run("dump", "create").failed_with(1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_datastore_that_is_read_only(place: Workplace) -> None:
    place.store.chmod(0o500)
    try:
        place.run("dump", "create").failed_with(1)
    finally:
        place.store.chmod(0o700)


def test_a_source_that_is_not_there(place: Workplace) -> None:
    place.source.unlink()
    result = place.run("dump", "create")
    assert "source.db" in result.failed_with(1)
    assert not place.source.exists()
    assert place.objects() == []


def test_a_source_that_is_no_database(place: Workplace) -> None:
    place.source.write_bytes(b"Dear diary,\n" * 1000)
    for command in (["dump", "create"], ["source", "schema"], ["config", "check"]):
        assert "source.db" in place.run(*command).failed_with(_code(command, 1))
    assert place.objects() == []


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", ".hidden", "latest", "", "a" * 65])
def test_a_name_that_is_none(dumped: Workplace, name: str) -> None:
    before = dumped.objects()
    for command in (["create", "--name"], ["delete"], ["show"], ["verify"]):
        if name in ("", "latest") and command[0] != "create":
            continue
        dumped.run("dump", *command, name).failed_with(2)
    assert dumped.objects() == before


def test_a_name_that_is_taken(dumped: Workplace) -> None:
    before = dumped.objects()
    assert "first" in dumped.run("dump", "create", "--name", "first").failed_with(11)
    assert dumped.objects() == before


@pytest.mark.parametrize(
    "command",
    [
        ["show", "second"],
        ["verify", "second"],
        ["verify", "first", "second"],
        ["restore", "remote", "-v", "second"],
        ["restore", "remote", "-v", "second", "--output"],
        ["restore", "remote", "-v", "second", "--dry-run"],
        ["delete", "second"],
        ["delete", "firs"],
    ],
    ids=" ".join,
)
def test_a_dump_that_is_not_there(dumped: Workplace, command: list[str]) -> None:
    dumped.run("dump", *command).failed_with(10)
    assert not dumped.target.exists()


def test_latest_of_nothing(place: Workplace) -> None:
    for command in (["show", "latest"], ["restore", "remote", "-v", "latest"]):
        place.run("dump", *command).failed_with(10)


KEYED = [
    ["verify", "first"],
    ["verify", "--all"],
    ["restore", "remote", "-v", "first"],
    ["restore", "remote", "-v", "first", "--output"],
    ["restore", "remote", "-v", "first", "--dry-run"],
]


@pytest.mark.parametrize("command", [*KEYED, ["show", "first"]], ids=" ".join)
def test_the_wrong_key(dumped: Workplace, command: list[str]) -> None:
    dumped.configure(key="not the key at all")
    result = dumped.run("dump", *command)
    result.failed_with(12)
    assert "not the key at all" not in result.err
    assert not dumped.target.exists()


@pytest.mark.parametrize("command", KEYED, ids=" ".join)
def test_no_key(dumped: Workplace, command: list[str]) -> None:
    dumped.configure(key=None)
    assert "key" in dumped.run("dump", *command).failed_with(12)
    assert not dumped.target.exists()


def test_a_new_dump_under_another_key_needs_to_be_asked_for(dumped: Workplace) -> None:
    dumped.configure(key="another key")
    dumped.run("dump", "create", "--name", "second").failed_with(12)
    dumped.run("dump", "create", "--name", "second", "--new-key").succeeded()
    dumped.run("dump", "verify", "second").succeeded()


def test_the_target_is_the_source(place: Workplace) -> None:
    place.configure(key=KEY, target=f"sqlite:///{place.source}")
    place.run("dump", "create").succeeded()
    before = place.source.read_bytes()
    for extra in ([], ["--wipe"], ["--dry-run"]):
        place.run("dump", "restore", "remote", "-v", "latest", *extra).failed_with(14)
    assert place.source.read_bytes() == before


def test_the_target_has_a_protected_name(dumped: Workplace) -> None:
    target = dumped.directory / "production.db"
    dumped.configure(key=KEY, target=f"sqlite:///{target}")
    dumped.run("dump", "restore", "remote", "-v", "first", "--wipe").failed_with(14)
    assert not target.exists()


def test_the_target_is_not_empty(dumped: Workplace) -> None:
    make_database(dumped.target, people=3)
    for extra in ([], ["--dry-run"]):
        result = dumped.run("dump", "restore", "remote", "-v", "first", *extra)
        result.failed_with(14)
        assert "--wipe" in result.err
    assert query(dumped.target, "SELECT count(*) FROM people") == [(3,)]


def test_the_target_is_no_database(dumped: Workplace) -> None:
    dumped.target.write_text("Dear diary,\n" * 1000)
    result = dumped.run("dump", "restore", "remote", "-v", "first")
    assert result.code in (1, 14)
    result.failed_with(result.code)
    assert dumped.target.read_text().startswith("Dear diary")


def test_the_directory_of_the_target_is_not_there(dumped: Workplace) -> None:
    dumped.configure(key=KEY, target=f"sqlite:///{dumped.directory}/nowhere/dev.db")
    dumped.run("dump", "restore", "remote", "-v", "first").failed_with(1)


def test_a_table_that_the_dump_does_not_have(dumped: Workplace) -> None:
    result = dumped.run("dump", "restore", "remote", "-v", "first", "--tables", "people,peple")
    assert "peple" in result.failed_with(2)
    assert not dumped.target.exists()


def test_a_chunk_with_a_flipped_bit(dumped: Workplace) -> None:
    chunk = dumped.store / next(key for key in dumped.objects() if "/00000002." in key)
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.chmod(0o600)
    chunk.write_bytes(data)

    restored = dumped.run("dump", "restore", "remote", "-v", "first")
    assert "chunks/" in restored.failed_with(13)
    assert not dumped.target.exists()

    verified = dumped.run("dump", "verify", "first")
    assert verified.code == 13
    assert [line for line in verified.err.splitlines() if line.startswith("error: ")] == [
        "error: first is damaged"
    ]
    assert "1 problem" in verified.out
    assert "first: " in verified.out.splitlines()[-1]


def test_a_manifest_that_is_no_manifest(dumped: Workplace) -> None:
    manifest = dumped.store / "dumps" / "first.json"
    manifest.chmod(0o600)
    manifest.write_text("{}")
    dumped.run("dump", "restore", "remote", "-v", "first").failed_with(13)
    dumped.run("dump", "show", "first").failed_with(13)
    assert dumped.run("dump", "verify", "first").code == 13


def test_an_error_of_a_command_is_json_when_asked_for(dumped: Workplace) -> None:
    result = dumped.run("dump", "show", "second", "--json")
    assert result.code == 10
    assert result.out == ""
    error = json.loads(result.err.splitlines()[-1])["error"]
    assert error["code"] == 10
    assert "second" in error["message"]


def test_a_value_of_the_database_is_never_told(place: Workplace) -> None:
    with closing(sqlite3.connect(place.source)) as database:
        database.execute("CREATE TABLE born (id INTEGER PRIMARY KEY, on_day TEXT)")
        database.execute("INSERT INTO born VALUES (1, 'in-the-year-of-the-comet')")
        database.commit()
    text = place.config.read_text()
    rule = (
        "    - {database: main, table: born, columns:\n"
        "        [{name: on_day, transformer_name: random-date}]}\n"
    )
    place.config.write_text(text.replace("datastore:\n", rule + "datastore:\n"))

    result = place.run("dump", "create")

    if result.code != 0:
        assert "comet" not in result.failed_with(1)
        assert place.objects() == []


def test_config_check_tells_every_fault(place: Workplace) -> None:
    place.configure(transformer="emial")
    place.config.write_text(
        place.config.read_text().replace("chunk_size: 16777216", "chunk_size: some")
    )

    result = place.run("config", "check", "--json")

    assert result.code == 2
    report = json.loads(result.out)
    assert not report["ok"]
    assert all(problem["code"] == 2 for problem in report["problems"])
    assert all(problem["message"] for problem in report["problems"])
