from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from replicate.cli.console import Console
from replicate.cli.demo import MARKER, _program
from replicate.cli.demo_checks import search_originals
from replicate.cli.demo_config import Place, demo_config
from replicate.cli.demo_data import write_production
from replicate.config import load_config
from replicate.errors import ReplicateError
from replicate.version import __version__
from tests.support.cli_process import PROGRAM, Result, environment, query, run

TABLES = ("customers", "employees", "orders", "payments", "support_messages")


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("production") / "prod.db"
    write_production(path)
    return path


def test_the_shop_is_sound(production: Path) -> None:
    rows = sum(query(production, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES)
    assert 49_000 < rows < 52_000
    assert query(production, "PRAGMA integrity_check") == [("ok",)]
    assert query(production, "PRAGMA foreign_key_check") == []
    kinds = {kind for (kind,) in query(production, "SELECT DISTINCT type FROM sqlite_schema")}
    assert kinds == {"table", "index", "view", "trigger"}
    assert query(production, "SELECT count(*) FROM customers WHERE phone IS NULL")[0][0] > 0
    many_lines = "SELECT count(*) FROM support_messages WHERE question LIKE '%' || char(10) || '%'"
    assert query(production, many_lines)[0][0] > 0


def test_the_shop_is_the_same_in_every_run(production: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.db"
    write_production(again)
    for table in TABLES:
        everything = f"SELECT * FROM {table}"
        assert query(again, everything) == query(production, everything)


def test_card_numbers_pass_the_check_that_forms_make(production: Path) -> None:
    for (card,) in query(production, "SELECT card_number FROM payments LIMIT 500"):
        digits = [int(digit) for digit in card]
        doubled = [sum(divmod(2 * digit, 10)) for digit in digits[::2]]
        assert (sum(doubled) + sum(digits[1::2])) % 10 == 0
        assert card.startswith("0")


@pytest.mark.parametrize("name", ["demo", "a b", "50$ off", "what?#%41", "ünïcode", 'say "hi"'])
def test_the_configuration_works_whatever_the_directory_is_called(
    tmp_path: Path, name: str
) -> None:
    place = Place(tmp_path / name)
    place.directory.mkdir()
    text = demo_config(place)
    place.config.write_text(text)

    config = load_config(place.config, sections={"source", "datastore", "destination"})

    assert yaml.safe_load(text)["encryption_key"].startswith("${REPLICATE_DEMO_KEY:-")
    assert config.datastore is not None
    assert config.datastore.local_disk is not None
    assert config.datastore.local_disk.dir == str(place.datastore)
    assert config.source is not None
    assert config.source.connection_uri.reveal() == f"sqlite:///{place.production}"


def _demo(cwd: Path, *args: str, **changes: str) -> Result:
    return run("demo", *args, cwd=cwd, **changes)


def test_the_demo_runs_and_runs_again(tmp_path: Path) -> None:
    first = _demo(tmp_path).succeeded()

    for command in ("dump create", "dump list", "dump show latest", "dump verify latest"):
        assert f"$ replicate -c demo/conf.yaml {command}\n" in first.out
    assert "PRODUCTION" in first.out
    place = Place(tmp_path / "demo")
    assert query(place.development, "SELECT count(*) FROM customers") == [(8000,)]
    assert not set(query(place.development, "SELECT email FROM customers")) & set(
        query(place.production, "SELECT email FROM customers")
    )

    mine = [place.directory / "notes.txt", place.datastore / "notes.txt"]
    for path in mine:
        path.write_text("my own")
    place.config.write_text(place.config.read_text() + "\n# changed\n")
    second = _demo(tmp_path).succeeded()

    assert all(path.read_text() == "my own" for path in mine)
    assert place.config.with_suffix(".yaml.old").read_text().endswith("# changed\n")
    assert "conf.yaml.old" in second.err
    listed = run("-c", str(place.config), "dump", "list", "--json").succeeded().json
    assert len(listed["dumps"]) == 1


def test_its_commands_are_of_this_program_whatever_the_directory_holds(tmp_path: Path) -> None:
    for name in ("click.py", "yaml.py", "replicate.py", "signal.py"):
        (tmp_path / name).write_text("raise SystemExit('not this one')\n")
    done = subprocess.run(
        [*_program(), "--version"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"replicate {__version__}\n"), done.stderr


def test_a_directory_that_is_not_a_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "prod.db").write_text("precious")

    result = _demo(tmp_path, "--directory", ".")

    result.failed_with(11)
    assert [path.name for path in tmp_path.iterdir()] == ["prod.db"]
    assert (tmp_path / "prod.db").read_text() == "precious"


def test_a_file_in_place_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("precious")
    assert "demo" in _demo(tmp_path).failed_with(1)
    assert (tmp_path / "demo").read_text() == "precious"


def test_a_linked_datastore_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "dumps").mkdir(parents=True)
    (elsewhere / "dumps" / "precious.json").touch()
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / MARKER).touch()
    (tmp_path / "demo" / "datastore").symlink_to(elsewhere)

    _demo(tmp_path).failed_with(11)

    assert (elsewhere / "dumps" / "precious.json").exists()


def test_a_step_that_fails_fails_the_demo_with_its_code(tmp_path: Path) -> None:
    # The first command is `config check`, which can't expand this.
    result = _demo(tmp_path, REPLICATE_DEMO_KEY="\udcff")

    assert result.code == 2
    assert result.err.count("error: ") == 1
    assert "the demo ends here" in result.err
    assert "dump create" not in result.out


def test_ctrl_c_during_a_step_is_told_once(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "demo"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "config check" in line:
                break
        time.sleep(0.15)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.count("interrupted") == 1
    assert "Traceback" not in err


def test_the_search_finds_what_is_there(
    production: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path)
    place.production.write_bytes(production.read_bytes())
    place.datastore.mkdir()
    place.development.touch()
    place.script.write_text("nothing to see")
    search_originals(Console(), place)
    rows = [line.split()[-2:] for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == [["8,120", "18,000"], ["0", "0"], ["0", "0"], ["0", "0"]]

    email = query(production, "SELECT email FROM customers LIMIT 1")[0][0]
    (place.datastore / "chunk").write_bytes(b"Reyes" + email.encode() + b"\x00")
    with pytest.raises(ReplicateError, match="values of production"):
        search_originals(Console(), place)
    (place.datastore / "chunk").unlink()

    card = query(production, "SELECT card_number FROM payments LIMIT 1")[0][0]
    with closing(sqlite3.connect(place.development)) as database:
        database.execute("CREATE TABLE payments (card TEXT)")
        database.execute("INSERT INTO payments VALUES (?)", (f"1{card}2",))
        database.commit()
    with pytest.raises(ReplicateError, match="values of production"):
        search_originals(Console(), place)
