"""What a configuration file becomes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from pydantic import SecretStr, ValidationError

from replicate.config import (
    SECTIONS,
    Config,
    ConnectionURI,
    DatastoreConfig,
    DestinationConfig,
    LocalDiskConfig,
    SourceConfig,
    check_config,
    load_config,
)
from replicate.config.models import PROTECTED_NAMES
from replicate.errors import ConfigError

Load = Callable[..., Config]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a text as conf.yaml, every section that it has, with the given variables."""

    def loader(text: str, *, sections: tuple[str, ...] | None = None, **environ: str) -> Config:
        path = tmp_path / "conf.yaml"
        path.write_text(dedent(text))
        path.chmod(0o600)
        if sections is None:
            sections = tuple(load_config(path, sections=(), environ={}).sections)
        return load_config(path, sections=sections, environ=environ)

    return loader


EXAMPLE = """\
encryption_key: $ENCRYPTION_KEY        # optional
masking_key: $MASKING_KEY              # optional: same replacements in every run
source:
  connection_uri: sqlite:///prod.db
  compression: true                    # or {level: 1..19}
  transformers:
    - database: main
      table: customers
      columns:
        - {name: email, transformer_name: email}
        - {name: card, transformer_name: redacted, transformer_options: {character: "#", width: 12}}
  skip: [{database: main, table: audit_log}]
  only_tables: []
datastore: {local_disk: {dir: ./dumps}}
destination: {connection_uri: sqlite:///dev.db, wipe_database: false}
"""


def test_a_whole_file(load: Load, tmp_path: Path) -> None:
    config = load(EXAMPLE, ENCRYPTION_KEY="open sesame", MASKING_KEY="m")
    assert config.encryption_key == SecretStr("open sesame")
    assert config.masking_key == SecretStr("m")
    assert config.path == str(tmp_path / "conf.yaml")
    assert config.sections == set(SECTIONS)
    assert config.warnings == []
    source = config.source
    assert source is not None
    assert source.connection_uri.reveal() == "sqlite:///prod.db"
    assert source.compression is True
    assert source.compression_level == 1
    assert source.jobs is None
    assert source.chunk_size == 16 * 1024 * 1024
    assert source.database_subset is None
    assert source.only_tables == []
    assert [(t.database, t.table) for t in source.skip] == [("main", "audit_log")]
    rule = source.transformers[0]
    assert (rule.database, rule.table) == ("main", "customers")
    email, card = rule.columns
    assert (email.name, email.transformer_name, email.transformer_options) == ("email", "email", {})
    assert email.consistent is True
    assert card.transformer_options == {"character": "#", "width": 12}
    assert config.datastore is not None
    assert config.datastore.kind == "local_disk"
    assert config.datastore.local_disk == LocalDiskConfig(dir="./dumps")
    assert config.destination is not None
    assert config.destination.connection_uri.scheme == "sqlite"
    assert config.destination.wipe_database is False
    assert config.destination.protected_names == list(PROTECTED_NAMES)


def test_wiping_has_to_be_asked_for(load: Load) -> None:
    config = load("destination: {connection_uri: 'sqlite:a'}")
    assert config.destination is not None
    assert config.destination.wipe_database is False


def test_the_process_environment_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "conf.yaml"
    path.write_text("encryption_key: $REPLICATE_TEST_KEY\n")
    monkeypatch.setenv("REPLICATE_TEST_KEY", "x")
    assert load_config(path, sections=["encryption_key"]).encryption_key == SecretStr("x")
    monkeypatch.delenv("REPLICATE_TEST_KEY")
    assert [problem.line for problem in check_config(path)] == [1]


def test_only_what_is_asked_for_needs_its_variables(load: Load) -> None:
    config = load(
        """
        encryption_key: $NOPE
        source:
          connection_uri: $NOPE
          compression: {level: $NOPE}
          jobs: ${NOPE}
          chunk_size: $NOPE
        datastore:
          aws: {bucket: $NOPE, endpoint: {custom: $NOPE}}
        destination: {connection_uri: $TARGET, wipe_database: $WIPE}
        """,
        sections=("destination",),
        TARGET="sqlite:dev.db",
        WIPE="true",
    )
    assert config.destination is not None
    assert config.destination.wipe_database is True
    # What was not asked for is not there, so that no dollar sign is ever taken for a bucket.
    assert (config.encryption_key, config.source, config.datastore) == (None, None, None)
    assert config.sections == {"encryption_key", "source", "datastore", "destination"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("source: {connection_uri: $A, compresion: true}", "source.compresion"),
        ("source: {connection_uri: $A, compression: [$A]}", "source.compression"),
        ("source: {connection_uri: $A, skip: {}}", "source.skip"),
        ("datastore: {aws: {bucket: $A}, gcp: {bucket: $A}}", "datastore"),
        ("destination: {connection_uri: 'foo://$A'}\nsource: {jobs: many}", "source.jobs"),
        ("destination: {wipe_database: $A}", "destination"),
        (
            "source: {skip: [{database: $a, table: t}], only_tables: [{database: $a, table: t}]}",
            "source.only_tables[0]",
        ),
    ],
)
def test_the_structure_of_other_sections_is_checked(load: Load, text: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text, sections=())
    assert caught.value.key == key


def test_a_source_that_is_not_opened_needs_no_uri(load: Load) -> None:
    assert load("source: {compression: false}", sections=()).sections == {"source"}
    with pytest.raises(ConfigError, match="the key `connection_uri` is missing"):
        load("source: {compression: false}", sections=("source",))


@pytest.mark.parametrize("section", ["source", "datastore", "destination"])
@pytest.mark.parametrize("text", ["encryption_key: x\n", "encryption_key: x\n{}:\n"])
def test_a_section_that_is_asked_for_has_to_be_there(load: Load, section: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"no `{section}` section") as caught:
        load(text.format(section), sections=(section,))
    assert caught.value.exit_code == 2


def test_keys_are_optional_even_if_asked_for(load: Load) -> None:
    config = load("datastore: {local_disk: {dir: d}}", sections=("encryption_key", "masking_key"))
    assert config.encryption_key is None
    assert config.masking_key is None


def test_an_empty_key_is_no_way_to_switch_encryption_off(load: Load) -> None:
    with pytest.raises(ConfigError, match="encryption_key: is empty"):
        load("encryption_key: $KEY", sections=("encryption_key",), KEY="")


def test_unknown_sections_are_a_mistake_of_the_caller(load: Load) -> None:
    with pytest.raises(ValueError, match="no such sections: sauce"):
        load("encryption_key: x", sections=("sauce",))


@pytest.mark.parametrize(
    ("value", "compression", "level"),
    [
        ("true", True, 1),
        ("false", False, None),
        ("off", False, None),
        ("{level: 19}", 19, 19),
        ("$ON", True, 1),
        ("'${OFF}'", False, None),
        ("{level: $LEVEL}", 7, 7),
        ("{level: '1${LEVEL}'}", 17, 17),
        ("", True, 1),
    ],
)
def test_compression(load: Load, value: str, compression: object, level: int | None) -> None:
    config = load(
        f"source: {{connection_uri: 'sqlite:a', compression: {value}}}",
        ON="true",
        OFF="False",
        LEVEL="7",
    )
    assert config.source is not None
    given = config.source.compression
    assert (given if isinstance(given, bool) else given.level) == compression
    assert config.source.compression_level == level


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("65536", 64 * 1024),
        ("64KiB", 64 * 1024),
        ("16MiB", 16 * 1024**2),
        ("16 MB", 16_000_000),
        ("200kb", 200_000),
        ("1GiB", 1024**3),
        ("'1048576'", 1024**2),
        ("$SIZE", 2_000_000),
        ("${SIZE}", 2_000_000),
        ("${NUMBER}MiB", 32 * 1024**2),
    ],
)
def test_chunk_sizes(load: Load, value: str, size: int) -> None:
    text = f"source:\n  connection_uri: sqlite:a\n  chunk_size: {value}\n"
    config = load(text, SIZE="2MB", NUMBER="32")
    assert config.source is not None
    assert config.source.chunk_size == size


def test_numbers_and_switches_from_the_environment(load: Load) -> None:
    config = load(
        """
        source:
          connection_uri: sqlite:a
          jobs: $JOBS
          transformers:
            - database: main
              table: t
              columns: [{name: a, transformer_name: email, consistent: "${CONSISTENT:-no}"}]
        destination: {connection_uri: 'sqlite:b', jobs: "1${JOBS}"}
        """,
        JOBS="4",
    )
    assert config.source is not None
    assert config.destination is not None
    assert config.source.jobs == 4
    assert config.source.transformers[0].columns[0].consistent is False
    assert config.destination.jobs == 14


def test_text_from_the_environment_stays_text(load: Load) -> None:
    config = load(
        "encryption_key: $KEY\ndatastore: {local_disk: {dir: $DIR}}", KEY="123", DIR="true"
    )
    assert config.encryption_key == SecretStr("123")
    assert config.datastore is not None
    assert config.datastore.local_disk == LocalDiskConfig(dir="true")
    assert type(config.datastore.local_disk.dir) is str


def test_names_and_options_are_literal(load: Load) -> None:
    config = load(
        """
        source:
          connection_uri: sqlite:a
          transformers:
            - database: $db
              table: ${t}
              columns:
                - name: $c
                  transformer_name: fixed
                  transformer_options: {value: $NOPE, more: [1, null, 2.5, true, 0123]}
                - {name: d, transformer_name: null}
        """
    )
    assert config.source is not None
    rule = config.source.transformers[0]
    assert (rule.database, rule.table, rule.columns[0].name) == ("$db", "${t}", "$c")
    assert rule.columns[0].transformer_options == {
        "value": "$NOPE",
        "more": [1, None, 2.5, True, "0123"],
    }
    assert rule.columns[1].transformer_name == "null"


def test_blank_values_are_as_good_as_none(load: Load) -> None:
    config = load(
        """
        encryption_key:
        source:
          connection_uri: sqlite:a
          compression:
          transformers:
          skip: ~
          only_tables: null
          database_subset:
          jobs:
          chunk_size:
        datastore:
          aws:
            bucket: dumps
            region:
            profile:
            credentials:
            endpoint:
          gcp:
          local_disk:
        destination:
          connection_uri: sqlite:b
          wipe_database:
          protected_names:
        """
    )
    assert config.encryption_key is None
    assert config.source == SourceConfig.model_validate({"connection_uri": "sqlite:a"})
    assert config.datastore == DatastoreConfig.model_validate({"aws": {"bucket": "dumps"}})
    assert config.destination is not None
    assert config.destination.protected_names == list(PROTECTED_NAMES)


def test_an_empty_list_of_protected_names_protects_none(load: Load) -> None:
    config = load("destination: {connection_uri: 'sqlite:a', protected_names: []}")
    assert config.destination is not None
    assert config.destination.protected_names == []


def test_aws(load: Load) -> None:
    config = load(
        """
        datastore:
          aws:
            bucket: $BUCKET
            region: ${AWS_REGION:-}
            profile: dev
            credentials:
              access_key_id: AKIA
              secret_access_key: $SECRET
              session_token: ${TOKEN:-}
            endpoint:
              custom: http://localhost:9000
        """,
        BUCKET="dumps",
        SECRET="s3cr3t",
    )
    assert config.datastore is not None
    aws = config.datastore.aws
    assert config.datastore.kind == "aws"
    assert aws is not None
    assert aws.credentials is not None
    assert (aws.bucket, aws.region, aws.profile) == ("dumps", None, "dev")
    assert aws.credentials.access_key_id is not None
    assert aws.credentials.secret_access_key is not None
    assert aws.credentials.access_key_id.get_secret_value() == "AKIA"
    assert aws.credentials.secret_access_key.get_secret_value() == "s3cr3t"
    assert aws.credentials.session_token is None
    assert aws.endpoint_url == "http://localhost:9000"
    assert "s3cr3t" not in repr(config) + config.model_dump_json()


def test_aws_keys_where_older_files_have_them(load: Load) -> None:
    text = "datastore: {aws: {bucket: dumps, access_key_id: a, secret_access_key: s}}"
    config = load(text)
    assert config.datastore is not None
    assert config.datastore.aws is not None
    assert config.datastore.aws.credentials is not None
    assert config.datastore.aws.credentials.secret_access_key == SecretStr("s")
    with pytest.raises(ConfigError, match="unknown key"):
        load(
            "datastore: {aws: {bucket: dumps, access_key_id: a,"
            " credentials: {access_key_id: a, secret_access_key: s}}}"
        )


def test_gcp(load: Load) -> None:
    config = load(
        "datastore: {gcp: {bucket: dumps, region: r, access_key: a, secret: s, endpoint: default}}"
    )
    assert config.datastore is not None
    assert config.datastore.kind == "gcp"
    assert config.datastore.gcp is not None
    assert config.datastore.gcp.secret == SecretStr("s")
    assert config.datastore.gcp.endpoint_url is None


def test_subset(load: Load) -> None:
    config = load(
        """
        source:
          connection_uri: sqlite:a
          database_subset:
            database: public
            table: orders
            strategy_name: random
            strategy_options: {percent: 50}
            passthrough_tables: [us_states]
        """
    )
    assert config.source is not None
    subset = config.source.database_subset
    assert subset is not None
    assert (subset.table, subset.strategy_name, subset.strategy_options.percent) == (
        "orders",
        "random",
        50,
    )
    assert subset.passthrough_tables == ["us_states"]


def test_errors_of_others_name_file_line_and_key(load: Load, tmp_path: Path) -> None:
    config = load(EXAMPLE, ENCRYPTION_KEY="a", MASKING_KEY="b")
    error = config.error("source.transformers[0].columns[1].name", "no such column", "check it")
    assert (error.file, error.line) == (str(tmp_path / "conf.yaml"), 11)
    assert error.key == "source.transformers[0].columns[1].name"
    assert error.hint == "check it"
    assert str(error) == f"{tmp_path}/conf.yaml:11: {error.key}: no such column"
    lines = {
        "source": 3,
        "source.transformers": 6,
        "source.transformers[0]": 7,
        "source.transformers[0].columns": 9,
        "source.transformers[0].columns[1].transformer_options.width": 11,
        "source.skip[0]": 12,
        "source.only_tables": 13,
        # Keys that the file doesn't hold: the nearest that does.
        "source.transformers[0].columns[0].transformer_options.width": 10,
        "source.chunk_size": 3,
        "datastore.aws.bucket": 14,
    }
    assert {key: config.error(key, "x").line for key in lines} == lines


def test_a_config_made_by_hand_reports_without_a_file() -> None:
    config = Config(datastore=DatastoreConfig(local_disk=LocalDiskConfig(dir="d")))
    assert str(config.error("datastore", "is full")) == "datastore: is full"
    assert config.path is None
    assert config.warnings == []
    with pytest.raises(ValidationError, match="exactly one of"):
        DatastoreConfig()


def test_a_config_can_be_made_of_its_parts() -> None:
    uri = ConnectionURI("sqlite:a")
    config = Config(
        encryption_key=SecretStr("x"),
        destination=DestinationConfig(connection_uri=uri, wipe_database=True),
    )
    assert config.encryption_key == SecretStr("x")
    assert config.destination is not None
    assert config.destination.connection_uri is uri
    with pytest.raises(ValidationError):
        config.destination.wipe_database = False


def test_a_config_survives_pickling(load: Load) -> None:
    config = load(EXAMPLE, ENCRYPTION_KEY="a", MASKING_KEY="b")
    again = pickle.loads(pickle.dumps(config))  # noqa: S301 - our own pickle
    assert again == config
    assert again.error("source", "x").line == 3


SECRETS = """\
encryption_key: hunter2
masking_key: $MASKING_KEY
source: {connection_uri: "postgres://u:hunter2@h/db"}
datastore: {aws: {bucket: dumps, credentials: {access_key_id: a, secret_access_key: hunter2}}}
destination: {connection_uri: "postgres://$USER:$PASSWORD@h/db"}
"""


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o640, True), (0o600, False)])
def test_secrets_that_others_can_read_are_warned_of(
    tmp_path: Path, mode: int, warned: bool
) -> None:
    path = tmp_path / "conf.yaml"
    path.write_text(SECRETS)
    path.chmod(mode)
    warnings = load_config(path, sections=()).warnings
    assert len(warnings) == warned
    for warning in warnings:
        assert "hunter2" not in warning
        assert (
            "encryption_key, source.connection_uri, datastore.aws.credentials.secret_access_key in"
            in warning
        )
        assert f"chmod 600 {path}" in warning


@pytest.mark.parametrize(
    "text",
    [
        "encryption_key: $KEY\n",
        "encryption_key: ${KEY}\n",
        "source: {connection_uri: 'sqlite:///a.db'}\n",
        "source: {connection_uri: 'postgres://u@h:5432/db'}\n",
        "source: {connection_uri: 'postgres://u:${PW}@h:5432/db'}\n",
        "datastore: {gcp: {bucket: dumps, access_key: $A, secret: $B}}\n",
    ],
)
def test_a_readable_file_without_secrets_is_no_reason_to_warn(tmp_path: Path, text: str) -> None:
    path = tmp_path / "conf.yaml"
    path.write_text(text)
    path.chmod(0o644)
    assert load_config(path, sections=()).warnings == []


def test_no_secret_is_in_a_dump_of_the_config(load: Load) -> None:
    config = load(SECRETS, MASKING_KEY="hunter2", USER="u", PASSWORD="hunter2")
    shown = repr(config) + str(config) + config.model_dump_json() + str(config.model_dump())
    assert "hunter2" not in shown


def test_a_thousand_rules_load(tmp_path: Path) -> None:
    path = tmp_path / "conf.yaml"
    tables = "".join(
        f"    - database: main\n      table: t{i}\n      columns:\n"
        f"        - {{name: a, transformer_name: email}}\n"
        for i in range(1000)
    )
    path.write_text(f"source:\n  connection_uri: sqlite:a\n  transformers:\n{tables}")
    config = load_config(path, sections=["source"])
    assert config.source is not None
    assert len(config.source.transformers) == 1000


def test_loading_imports_nothing_heavy() -> None:
    program = (
        "import sys, replicate.config;"
        "print([m for m in ('numpy', 'pyarrow', 'cryptography', 'boto3', 'zstandard')"
        " if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout == "[]\n"
