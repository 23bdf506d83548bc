"""The example files are whole, and load as they are."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from replicate.config import check_config, load_config
from replicate.config.json_schema import config_schema
from replicate.errors import ConfigError

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "conf.yaml.example"
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
KEYS = {"ENCRYPTION_KEY": "a", "MASKING_KEY": "b"}
ENVIRON = {
    **KEYS,
    "ENCRYPTION_SECRET": "c",
    "DATABASE_URL": "postgres://root:password@localhost:5432/root",
    "S3_BUCKET": "bucket",
    "S3_REGION": "us-east-2",
    "S3_ACCESS_KEY_ID": "id",
    "S3_SECRET_ACCESS_KEY": "key",
    "S3_BUCKET_PREFIX": "dumps-",
    "S3_ENDPOINT": "https://storage.example.com",
    "ORG": "acme",
}
OTHERS = {
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
    "GS_ACCESS_KEY": "c",
    "GS_SECRET": "d",
    "AZURE_KEY": "e",
}


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {
        "sqlite-minimal",
        "sqlite-encrypted",
        "restore-only",
        "several-tables",
        "replibyte-postgres",
        "ci",
        "local-directory",
        "environment-only",
        "bucket-per-organisation",
        "mirrors",
        "private-service",
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_loads_and_says_for_whom_it_is(path: Path) -> None:
    assert path.read_text().startswith("# For ")
    assert check_config(path, environ=ENVIRON) == []
    sections = {"datastore", *load_config(path, sections=(), environ={}).sections}
    assert load_config(path, sections=sections, environ=ENVIRON).datastore is not None


def test_a_bucket_of_the_environment() -> None:
    path = ROOT / "examples" / "environment-only.yaml"
    environ = {"S3_BUCKET": "dumps", "S3_PREFIX": "/team/a/"}
    config = load_config(path, sections=["datastore"], environ=environ)
    assert config.datastore is not None
    assert config.datastore.aws is not None
    assert (config.datastore.aws.bucket, config.datastore.aws.prefix) == ("dumps", "team/a")
    for nothing in ({}, {"S3_BUCKET": ""}, {"S3_PREFIX": "x"}):
        with pytest.raises(ConfigError, match="no `datastore` section") as caught:
            load_config(path, sections=["datastore"], environ=nothing)
        assert "S3_BUCKET" in (caught.value.hint or "")
    with pytest.raises(ConfigError, match="the environment variable S3_PREFIX: expected names of"):
        load_config(path, sections=["datastore"], environ={**environ, "S3_PREFIX": "../x"})
    with pytest.raises(
        ConfigError, match="the environment variable S3_BUCKET: expected a"
    ) as caught:
        load_config(path, sections=["datastore"], environ={"S3_BUCKET": "dumps/team"})
    assert "goes into `prefix`" in (caught.value.hint or "")


def test_a_bucket_for_each_organisation() -> None:
    path = ROOT / "examples" / "bucket-per-organisation.yaml"
    config = load_config(path, sections=["datastore"], environ=ENVIRON)
    assert config.datastore is not None
    assert config.datastore.aws is not None
    assert config.datastore.aws.bucket == "dumps-acme"
    assert config.datastore.aws.create_bucket


def test_the_pipeline_example_needs_only_its_keys() -> None:
    path = ROOT / "examples" / "ci.yaml"
    sections = ("encryption_key", "masking_key", "source", "datastore", "destination")
    config = load_config(path, sections=sections, environ=KEYS)
    assert config.source is not None
    assert config.destination is not None
    assert config.source.compression_level == 3
    assert config.source.jobs == 2
    assert config.destination.wipe_database is True
    changed = load_config(
        path, sections=sections, environ={**KEYS, "LEVEL": "9", "WIPE": "false", "JOBS": "8"}
    )
    assert changed.source is not None
    assert changed.destination is not None
    assert (changed.source.compression_level, changed.source.jobs) == (9, 8)
    assert changed.destination.wipe_database is False


def test_the_reference_loads_with_the_variables_that_it_names() -> None:
    text = REFERENCE.read_text()
    active = "\n".join(line.partition("# ")[0] for line in text.splitlines())
    assert set(re.findall(r"\$([A-Z_]+)", active)) == set(KEYS)
    assert check_config(REFERENCE, environ=KEYS) == []


def test_the_reference_has_every_key() -> None:
    schema = config_schema()
    keys = {key for mapping in (schema, *schema["$defs"].values()) for key in mapping["properties"]}
    text = REFERENCE.read_text()
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}:", text)] == []


@pytest.mark.parametrize("store", ["aws", "gcp", "gcs", "azure", "mirrors"])
def test_the_datastores_that_the_reference_offers_load(store: str, tmp_path: Path) -> None:
    text = REFERENCE.read_text()
    start = text.index(f"  # {store}:")
    block = text[start : text.index("\n\n", start)]
    path = tmp_path / "conf.yaml"
    path.write_text("datastore:\n" + block.replace("# ", "", 1).replace("\n  # ", "\n  "))
    assert check_config(path, environ=OTHERS) == []
    config = load_config(path, sections=["datastore"], environ=OTHERS)
    assert config.datastore is not None
    assert config.datastore.kind == store


def test_the_subset_that_the_reference_offers_loads(tmp_path: Path) -> None:
    text = REFERENCE.read_text()
    start = text.index("  # database_subset:")
    block = text[start : text.index("\n\n", start)].replace("  # ", "  ")
    path = tmp_path / "conf.yaml"
    path.write_text(dedent("source:\n  connection_uri: sqlite:a\n") + block + "\n")
    assert check_config(path) == []
    config = load_config(path, sections=["source"])
    assert config.source is not None
    assert config.source.database_subset is not None


REPLIBYTE = {
    "environment": """
        encryption_key: $ENCRYPTION_SECRET
        source:
          connection_uri: $DATABASE_URL
          transformers:
            - database: public
              table: employees
              columns:
                - name: last_name
                  transformer_name: random
        datastore:
          aws:
            bucket: $S3_BUCKET
            region: $S3_REGION
            credentials:
              access_key_id: $S3_ACCESS_KEY_ID
              secret_access_key: $S3_SECRET_ACCESS_KEY
        destination:
          connection_uri: $DATABASE_URL
        """,
    "mongodb and minio": """
        source:
          connection_uri: mongodb://root:password@localhost:27017/?authSource=admin
          transformers:
            - database: test
              table: users
              columns:
                - {name: name, transformer_name: first-name, transformer_options: }
                - {name: age, transformer_name: random}
                - name: bio
                  transformer_name: custom-wasm
                  transformer_options: {path: "reverse.wasm"}
        datastore:
          aws:
            bucket: replibyte-test
            region: us-east-2
            access_key_id: minioadmin
            secret_access_key: minioadmin
            endpoint:
              custom: 'http://localhost:9000'
        destination:
          connection_uri: mongodb+srv://root:password@localhost:27018/?authSource=admin
        """,
    "mysql and gcp": """
        source:
          compression: false
          connection_uri: mysql://root:@127.0.0.1:3306/world
        datastore:
          gcp:
            bucket: replibyte-test
            region: us-west1
            access_key: $S3_ACCESS_KEY_ID
            secret: $S3_SECRET_ACCESS_KEY
            endpoint: default
        destination:
          connection_uri: mysql://root:password@127.0.0.1:3307/world
          wipe_database: true
        """,
    "subset": """
        source:
          connection_uri: postgres://root@azure:%aqdz^e@localhost:5432/root
          database_subset:
            database: public
            table: orders
            strategy_name: random
            strategy_options:
              percent: 50
            passthrough_tables:
              - us_states
          skip:
            - database: public
              table: order_details
          only_tables:
            - database: public
              table: orders
        datastore:
          local_disk:
            dir: ./my-datastore
        """,
    "destination alone": """
        destination:
          connection_uri: postgresql://root:password@localhost:5453/root
        datastore:
          aws:
            bucket: replibyte-test
        """,
}


@pytest.mark.parametrize("text", REPLIBYTE.values(), ids=REPLIBYTE)
def test_replibyte_configurations_load(text: str, tmp_path: Path) -> None:
    path = tmp_path / "replibyte.yaml"
    path.write_text(dedent(text))
    assert check_config(path, environ=ENVIRON) == []
    config = load_config(
        path, sections=load_config(path, sections=(), environ={}).sections, environ=ENVIRON
    )
    assert config.datastore is not None
