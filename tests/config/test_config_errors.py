"""What is said of a wrong configuration: our words, one sentence, the place, and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.config import SECTIONS, check_config, load_config
from replicate.errors import ConfigError

ENVIRON = {"WORD": "maybe", "SECRET": "hunter2", "BIG": "99"}


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    monkeypatch.chdir(tmp_path)
    return Check()


class Check:
    """Everything that is wrong with a text."""

    def __call__(self, text: str) -> list[ConfigError]:
        path = Path("conf.yaml")
        path.write_text(text)
        problems = check_config(path, environ=ENVIRON)
        for problem in problems:
            said = str(problem) + (problem.hint or "")
            assert "hunter2" not in said
            assert "pydantic" not in said.lower()
            assert "Input should" not in said
            assert "\n" not in said
        if problems:
            asked = [name for name in SECTIONS if f"\n{name}:" in f"\n{text}"]
            with pytest.raises(ConfigError) as caught:
                load_config(path, sections=asked, environ=ENVIRON)
            assert str(caught.value) == str(problems[0])
        return problems


def rule(column: str) -> str:
    return (
        "source:\n  connection_uri: sqlite:a\n  transformers:\n"
        f"    - database: main\n      table: t\n      columns:\n        - {column}\n"
    )


def source(more: str) -> str:
    return f"source:\n  connection_uri: sqlite:a\n  {more}\n"


COMPRESSION = "expected true, false or {level: 1..19}, found"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        # Unknown keys.
        ("sorce: {}\n", "1: sorce: unknown key at the top", "did you mean `source`?"),
        ("sorce:\n", "1: sorce: unknown key at the top", "did you mean `source`?"),
        (
            "zzz: 1\n",
            "1: zzz: unknown key at the top",
            "the keys at the top are encryption_key, masking_key, source, datastore, destination",
        ),
        (
            "source:\n  connection-uri: sqlite:a\n",
            "2: source.connection-uri: unknown key here",
            "did you mean `connection_uri`?",
        ),
        (
            rule("{name: a, transformer: email}"),
            "7: source.transformers[0].columns[0].transformer: unknown key here",
            "did you mean `transformer_name`?",
        ),
        (
            "wipe_database: true\n",
            "1: wipe_database: unknown key at the top",
            "its place is `destination.wipe_database`",
        ),
        (
            "datastore:\n  local_disk:\n  dir: x\n",
            "3: datastore.dir: unknown key here",
            "its place is `datastore.local_disk.dir`",
        ),
        (
            "destination:\n  connection_uri: sqlite:a\n  postgres://u:hunter2@h/db:\n",
            (
                "3: destination.<key>: unknown key here, which is not shown because "
                "it is no plain word"
            ),
            (
                "the keys here are connection_uri, wipe_database, protected_names, jobs, owner, "
                "privileges, swap"
            ),
        ),
        # Missing ones.
        ("source: {}\n", "1: source: the key `connection_uri` is missing", None),
        ("destination:\n  connection_uri:\n", "2: destination.connection_uri: has no value", None),
        (
            rule("name: a"),
            "7: source.transformers[0].columns[0]: the key `transformer_name` is missing",
            None,
        ),
        (
            rule("{name: a, transformer_name: }"),
            "7: source.transformers[0].columns[0].transformer_name: has no value",
            None,
        ),
        # Wrong types.
        (source("compression: [1]"), f"3: source.compression: {COMPRESSION} a list", None),
        (source("compression: fast"), f"3: source.compression: {COMPRESSION} text", None),
        (
            source("compression: 3"),
            f"3: source.compression: {COMPRESSION} a number",
            "put the level in braces, after `level:`",
        ),
        (
            source("compression: $WORD"),
            f"3: source.compression: {COMPRESSION} other text in the environment",
            None,
        ),
        (
            source("compression: {level: 20}"),
            "3: source.compression.level: expected a whole number from 1 to 19, found 20",
            None,
        ),
        (
            source("compression: {level: $BIG}"),
            (
                "3: source.compression.level: expected a whole number from 1 to 19, "
                "found another number"
            ),
            None,
        ),
        (
            source("compression: {level: '3'}"),
            "3: source.compression.level: expected a whole number from 1 to 19, found text",
            "remove the quotes",
        ),
        (source("compression: {}"), "3: source.compression: the key `level` is missing", None),
        (
            source("jobs: 0"),
            "3: source.jobs: expected a whole number from 1 to 64, found 0",
            None,
        ),
        (
            source("jobs: 1.5"),
            "3: source.jobs: expected a whole number from 1 to 64, found 1.5",
            None,
        ),
        (
            source("jobs: true"),
            "3: source.jobs: expected a whole number from 1 to 64, found true",
            None,
        ),
        (
            source("chunk_size: 1KiB"),
            "3: source.chunk_size: expected a size such as 16MiB, from 64KiB to 1GiB, found 1024",
            None,
        ),
        (
            source("chunk_size: 16 XB"),
            "3: source.chunk_size: expected a size such as 16MiB, from 64KiB to 1GiB, found text",
            None,
        ),
        (
            source("chunk_size: 2.5"),
            (
                "3: source.chunk_size: expected a size such as 16MiB, from 64KiB to 1GiB, "
                "found a number"
            ),
            None,
        ),
        (
            source("skip: [{database: main, table: 123}]"),
            "3: source.skip[0].table: expected text, found a number",
            "put it in quotes",
        ),
        (
            source("skip: [{database: on, table: t}]"),
            "3: source.skip[0].database: expected text, found true",
            "put it in quotes: bare yes, no, on and off mean true and false",
        ),
        (
            source("skip: {database: main, table: t}"),
            "3: source.skip: expected a list, found a mapping",
            "begin each entry with `- `",
        ),
        (
            source("transformers: [customers]"),
            "3: source.transformers[0]: expected a mapping of database, table, columns, found text",
            None,
        ),
        (
            source("skip: [null]"),
            "3: source.skip[0]: expected a mapping of database, table, found nothing",
            None,
        ),
        (
            rule("{name: a, transformer_name: b, transformer_options: [1]}"),
            (
                "7: source.transformers[0].columns[0].transformer_options: "
                "expected a mapping, found a list"
            ),
            None,
        ),
        (
            rule("{name: a, transformer_name: b, consistent: never}"),
            "7: source.transformers[0].columns[0].consistent: expected true or false, found text",
            None,
        ),
        (
            "destination: sqlite:///dev.db\n",
            (
                "1: destination: expected a mapping of connection_uri, wipe_database, "
                "protected_names, jobs, owner, privileges, swap, found text"
            ),
            None,
        ),
        (
            "destination: {connection_uri: 'sqlite:a', wipe_database: 1}\n",
            "1: destination.wipe_database: expected true or false, found a number",
            None,
        ),
        (
            "destination: {connection_uri: 'sqlite:a', protected_names: [1]}\n",
            "1: destination.protected_names[0]: expected text, found a number",
            "put it in quotes",
        ),
        ("encryption_key: [hunter2]\n", "1: encryption_key: expected text, found a list", None),
        (
            "encryption_key: ''\n",
            "1: encryption_key: is empty",
            "fill it in, or leave the key out",
        ),
        (
            "datastore: {aws: {bucket: dumps, region: 1}}\n",
            "1: datastore.aws.region: expected text, found a number",
            "put it in quotes",
        ),
        (
            "datastore: {aws: {bucket: dumps, endpoint: 'http://hunter2'}}\n",
            "1: datastore.aws.endpoint: expected default or {custom: https://address}, found text",
            None,
        ),
        (
            "datastore: {aws: {bucket: dumps, endpoint: {custom: hunter2}}}\n",
            (
                "1: datastore.aws.endpoint.custom: "
                "expected an address that begins with https:// or http://"
            ),
            None,
        ),
        # Connection URIs.
        (
            "source: {connection_uri: 'postgre://u:hunter2@h'}\n",
            "1: source.connection_uri: the connection URI has the unknown scheme postgre://",
            "did you mean postgres://?",
        ),
        (
            "source: {connection_uri: $SECRET}\n",
            "1: source.connection_uri: the connection URI has no known scheme",
            "write sqlite:///path/to/file.db, or postgres://user:password@host/database",
        ),
        # Variables.
        (
            "encryption_key: ok\nmasking_key: x${NOPE}\n",
            "2: masking_key: the environment variable NOPE is not set",
            "set it, or write $$ where a dollar sign is meant",
        ),
        (
            "destination:\n  connection_uri: postgres://u:hunter2${@h\n",
            "2: destination.connection_uri: a `${` is not followed by the name of a variable",
            "write $$ where a dollar sign is meant",
        ),
        # What has to fit together.
        (
            "datastore: {}\n",
            (
                "1: datastore: expected exactly one of aws, gcp, gcs, azure, local_disk, mirrors, "
                "found none"
            ),
            None,
        ),
        (
            "datastore:\n  local_disk: {dir: a}\n  gcp: {bucket: dumps}\n",
            (
                "1: datastore: expected exactly one of aws, gcp, gcs, azure, local_disk, mirrors, "
                "found gcp and local_disk"
            ),
            None,
        ),
        (
            "datastore: {gcp: {bucket: dumps, secret: hunter2}}\n",
            "1: datastore.gcp: `access_key` and `secret` belong together: give both or neither",
            None,
        ),
        (
            rule("{name: a, transformer_name: b}") + "        - {name: a, transformer_name: c}\n",
            "8: source.transformers[0].columns[1]: the column a is listed twice, on lines 7 and 8",
            "a column has one transformer",
        ),
        (
            rule("{name: a, transformer_name: b}")
            + "    - {database: main, table: t, columns: []}\n",
            "8: source.transformers[1]: the table main.t is listed twice, on lines 4 and 8",
            "put all of its columns under one entry",
        ),
        (
            source("only_tables: [{database: m, table: t}]\n  skip: [{database: m, table: t}]"),
            (
                "3: source.only_tables[0]: the table m.t is both in `skip` and in `only_tables`, "
                "on lines 3 and 4"
            ),
            "leave it in one of them",
        ),
        (
            source(
                "database_subset: {database: a, table: b, strategy_name: best,"
                " strategy_options: {percent: 10}}"
            ),
            (
                "3: source.database_subset.strategy_name: "
                "expected `random`, the only strategy there is"
            ),
            None,
        ),
        # YAML.
        (
            "source: {connection_uri: 'sqlite:a', jobs: 1, jobs: 2}\n",
            "1: source.jobs: given twice, on lines 1 and 1",
            None,
        ),
        (
            "source: &a {connection_uri: 'sqlite:a'}\ndestination: *a\n",
            "2: destination: aliases (`*name`) are not supported",
            "repeat it here",
        ),
        (
            "datastore: !local {local_disk: {dir: a}}\n",
            "1: datastore: tags (`!name`) are not supported",
            "leave it out",
        ),
    ],
)
def test_what_is_wrong_is_said(check: Check, text: str, message: str, hint: str | None) -> None:
    problems = check(text)
    assert [(str(problem), problem.hint) for problem in problems] == [
        (f"conf.yaml:{message}", hint)
    ]


def test_everything_is_found_in_the_order_of_the_file(check: Check) -> None:
    problems = check(
        "encryption_key: $NOPE\n"
        "source:\n"
        "  connection_uri: foo://x\n"
        "  jobs: 99\n"
        "  jobs: 1\n"
        "  skip: [{database: main, table: t}]\n"
        "  only_tables:\n"
        "    - {database: main, table: t}\n"
        "bogus: 1\n"
        "destination:\n"
        "  connection_uri: !x y\n"
    )
    assert [(problem.line, problem.key) for problem in problems] == [
        (1, "encryption_key"),
        (3, "source.connection_uri"),
        (4, "source.jobs"),
        (5, "source.jobs"),
        (8, "source.only_tables[0]"),
        (9, "bogus"),
        (11, "destination.connection_uri"),
    ]


def test_check_answers_for_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    (problem,) = check_config(tmp_path / "conf.yaml")
    assert "there is no such file" in problem.message
    (tmp_path / "conf.yaml").write_text("a: [\n")
    (problem,) = check_config(tmp_path / "conf.yaml")
    assert "a bracket or a brace is not closed" in problem.message


def test_check_finds_nothing_in_a_sound_file(check: Check) -> None:
    assert check("datastore: {local_disk: {dir: $WORD}}\n") == []


_SCALARS = st.sampled_from(
    ["", "~", "true", "off", "1", "-1", "1.5", "x", "$X", "${X", "$SECRET", "sqlite:a", "'1'", "*a"]
)
_KEYS = st.sampled_from(
    [
        "encryption_key",
        "source",
        "datastore",
        "destination",
        "connection_uri",
        "compression",
        "level",
        "transformers",
        "database",
        "table",
        "columns",
        "name",
        "transformer_name",
        "transformer_options",
        "consistent",
        "skip",
        "only_tables",
        "database_subset",
        "strategy_name",
        "strategy_options",
        "percent",
        "passthrough_tables",
        "jobs",
        "chunk_size",
        "aws",
        "gcp",
        "local_disk",
        "dir",
        "bucket",
        "credentials",
        "endpoint",
        "custom",
        "secret",
        "wipe_database",
        "protected_names",
        "zz",
        "<<",
    ]
)
_DOCUMENTS = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(_KEYS, inner, max_size=4).map(
            lambda entries: f"{{{', '.join(f'{k}: {v}' for k, v in entries.items())}}}"
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(_KEYS, _DOCUMENTS, min_size=1, max_size=4))
def test_any_structure_is_loaded_or_refused(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in document.items()))
    problems = check_config(path, environ=ENVIRON)
    for problem in problems:
        assert problem.line is not None
        assert "hunter2" not in str(problem) + (problem.hint or "")
        assert "has a value that can't be used" not in str(problem)
    if not problems:
        load_config(
            path, sections=set(document) & set(SECTIONS) - _blank(document), environ=ENVIRON
        )
    lazily = _first_problem(path)
    assert lazily is None or lazily.line is not None


def _blank(document: dict[str, str]) -> set[str]:
    return {key for key, value in document.items() if value in ("", "~")}


def _first_problem(path: Path) -> ConfigError | None:
    try:
        load_config(path, sections=(), environ={})
    except ConfigError as error:
        return error
    return None
