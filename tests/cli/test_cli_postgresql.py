"""PostgreSQL by the command line: what a user can get wrong, and how a database is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.cli_process import Result
from tests.support.postgres import Server
from tests.support.postgres_journey import Pair

PEOPLE = """
CREATE TABLE people(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE,
    born date);
CREATE SCHEMA shop;
CREATE TABLE shop.orders(id bigint PRIMARY KEY, person int REFERENCES people, paid numeric(10, 2));
INSERT INTO people(email) VALUES ('ada@shop.example');
INSERT INTO shop.orders VALUES (1, 1, 12.5);
ANALYZE;
"""

RULE = """  transformers:
    - {{database: {schema}, table: {table}, columns: [{{name: {column}, transformer_name: email}}]}}
"""

CREATE = ("dump", "create")
RESTORE = ("dump", "restore", "remote", "-v", "latest")


@pytest.fixture(scope="module")
def template(any_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A source with a dump, and an empty target; no test changes any of them."""
    folder = tmp_path_factory.mktemp("template")
    source, target = any_server.create_database(), any_server.create_database()
    pair = Pair(any_server, source, target, folder, encrypted=False)
    any_server.run(source, PEOPLE)
    pair.create()
    yield pair
    any_server.drop_database(source)
    any_server.drop_database(target)


@pytest.fixture
def dumped(template: Pair) -> Iterator[Pair]:
    """The same, with a plain conf.yaml; and it is the same afterwards."""
    template.configure()
    before = template.stored()
    yield template
    assert template.stored() == before
    assert template.query(template.source, "SELECT count(*) FROM people") == [(1,)]
    assert template.query(template.target, "SELECT to_regclass('people') IS NULL") == [(True,)]


def _failed(pair: Pair, result: Result, code: int, *words: str) -> None:
    """One sentence with those words, and nothing that is secret or a value."""
    error = result.failed_with(code)
    for word in words:
        assert word in error
    for secret in (pair.server.password, quote(pair.server.password, safe=""), "shop.example"):
        assert secret not in result.err
    sentences = [line for line in result.err.splitlines() if not line.startswith("hint: ")]
    assert sentences[-1] == error, "only a hint may follow"


def _hint(result: Result) -> str:
    [hint] = [line for line in result.err.splitlines() if line.startswith("hint: ")]
    return hint


WRONG_URIS: dict[str, tuple[Callable[[Pair], str], str]] = {
    "wrong password": (
        lambda pair: pair.server.uri(pair.source).replace("//postgres:", "//postgres:Wr0ng"),
        "password authentication failed",
    ),
    "host down": (
        lambda pair: pair.server.uri(pair.source).replace(f":{pair.server.port}/", ":1/"),
        "the database can't be reached",
    ),
    "no such database": (lambda pair: pair.server.uri("no such"), 'database "no such" does not'),
}


@pytest.mark.parametrize("what", WRONG_URIS)
def test_a_source_that_does_not_let_us_in(dumped: Pair, what: str) -> None:
    change, says = WRONG_URIS[what]
    dumped.configure(source_uri=change(dumped))
    result = dumped.cli(*CREATE)
    _failed(dumped, result, 1, says)
    assert "Wr0ng" not in result.err


def test_a_target_that_does_not_exist(dumped: Pair) -> None:
    dumped.configure(target_uri=dumped.server.uri("not_yet"))
    result = dumped.cli(*RESTORE)
    _failed(dumped, result, 1, "not_yet does not exist")
    assert "createdb not_yet" in _hint(result)


@pytest.mark.parametrize(
    ("rule", "says", "near"),
    [
        (("public", "poeple", "email"), "the source has no table public.poeple", "public.people"),
        (("pubic", "people", "email"), "the source has no table pubic.people", "public.people"),
    ],
    ids=["table", "schema"],
)
def test_a_rule_that_fits_nothing(
    dumped: Pair, rule: tuple[str, str, str], says: str, near: str
) -> None:
    schema, table, column = rule
    dumped.configure(source=RULE.format(schema=schema, table=table, column=column))
    result = dumped.cli(*CREATE)
    _failed(dumped, result, 2, "conf.yaml:", says)
    assert f"did you mean {near}?" in _hint(result)


def test_the_target_is_the_source_by_whatever_way(dumped: Pair) -> None:
    server = dumped.server
    there = quote(dumped.source, safe="")
    user = f"{server.user}:{quote(server.password, safe='')}"
    for uri in (
        server.uri(dumped.source).replace("127.0.0.1", "localhost"),
        f"postgres://{user}@/{there}?host={server.home}&port={server.port}",
    ):
        dumped.configure(target_uri=uri)
        _failed(dumped, dumped.cli(*RESTORE, "--wipe"), 14, "the dump was made from")


def test_the_target_s_name_is_protected(dumped: Pair) -> None:
    name = dumped.server.create_database(f"{dumped.target}_prod")
    try:
        dumped.configure(target_uri=dumped.server.uri(name))
        result = dumped.cli(*RESTORE, "--wipe")
        _failed(dumped, result, 14, name, "*_prod")
        assert "protected_names" in _hint(result)
        assert dumped.query(name, "SELECT to_regclass('people') IS NULL") == [(True,)]
    finally:
        dumped.server.drop_database(name)


def test_the_target_is_not_empty(dumped: Pair) -> None:
    name = dumped.server.create_database()
    try:
        dumped.server.run(name, "CREATE TABLE people(mine int)")
        dumped.configure(target_uri=dumped.server.uri(name))
        result = dumped.cli(*RESTORE)
        _failed(dumped, result, 14, f"{name} is not empty")
        assert "--wipe" in _hint(result)
        plan = dumped.cli(*RESTORE, "--wipe", "--dry-run").succeeded()
        assert "people" in plan.out + plan.err
        assert dumped.query(name, "SELECT count(mine) FROM people") == [(0,)]
    finally:
        dumped.server.drop_database(name)


def test_a_pg_bin_path_that_is_wrong(dumped: Pair) -> None:
    dumped.configure(bin_path="/nowhere/at all")
    result = dumped.cli(*CREATE)
    _failed(dumped, result, 1, "pg_bin_path", "/nowhere/at all")
    assert "bin" in _hint(result)


def test_no_pg_dump_on_the_path(dumped: Pair, tmp_path: Path) -> None:
    """Nor in the places that are searched besides; where one of them has it, that one does it."""
    dumped.configure(bin_path=None)
    result = dumped.cli(*CREATE, "--name", "by-another", PATH=str(tmp_path))
    if result.code == 0:
        dumped.cli("dump", "delete", "by-another").succeeded()
        return
    _failed(dumped, result, 1, "needs pg_dump 16 or newer")
    assert "pg_bin_path" in _hint(result)


TREE = """\
public
  people  about 1 row, 8.0 KiB
    id     integer  not null, primary
    email  text     not null, unique
    born   date
shop
  orders  about 1 row, 8.0 KiB
    id      bigint         not null, primary
    person  integer        -> public.people.id
    paid    numeric(10,2)
"""


def test_the_schema_as_a_tree(dumped: Pair) -> None:
    shown = dumped.cli("source", "schema").succeeded()
    assert shown.out == TREE
    assert shown.err == ""


def test_the_schema_as_json(dumped: Pair) -> None:
    report = dumped.cli("source", "schema", "--json").succeeded().json
    people, orders = report["tables"]
    assert (people["schema"], people["name"]) == ("public", "people")
    assert (orders["schema"], orders["name"]) == ("shop", "orders")
    assert [column["name"] for column in people["columns"]] == ["id", "email", "born"]
    assert [column["type"] for column in orders["columns"]] == [
        "bigint",
        "integer",
        "numeric(10,2)",
    ]
