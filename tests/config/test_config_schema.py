"""The JSON Schema describes what the loader accepts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from replicate.config.document import parse_document
from replicate.config.json_schema import DIALECT, config_schema

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "conf.yaml.example", *sorted((ROOT / "examples").glob("*.yaml"))]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return config_schema()


def variants(schema: dict[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
    """The alternatives that a part of the schema allows, references followed."""
    if "$ref" in node:
        return variants(schema, schema["$defs"][node["$ref"].rpartition("/")[2]])
    inner = node.get("anyOf") or node.get("oneOf")
    if inner is None:
        return [node]
    return [leaf for part in inner for leaf in variants(schema, part)]


def fits(schema: dict[str, Any], node: dict[str, Any], value: Any) -> bool:
    """A small validator: as much of JSON Schema as the schema uses."""
    return any(_fits_one(schema, variant, value) for variant in variants(schema, node))


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}


def _fits_one(schema: dict[str, Any], node: dict[str, Any], value: Any) -> bool:
    names = node["type"] if isinstance(node["type"], list) else [node["type"]]
    if not any(type(value) in _TYPES[name] for name in names):
        return False
    if "const" in node and value != node["const"]:
        return False
    if isinstance(value, str):
        return len(value) >= node.get("minLength", 0) and bool(
            re.search(node.get("pattern", ""), value)
        )
    if type(value) is int:
        return bool(node["minimum"] <= value <= node["maximum"])
    if isinstance(value, list):
        return all(fits(schema, node["items"], item) for item in value)
    if isinstance(value, dict) and "properties" in node:
        known = node["properties"]
        assert node["additionalProperties"] is False
        return set(node.get("required", ())) <= set(value) <= set(known) and all(
            fits(schema, known[key], item) for key, item in value.items()
        )
    return True


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_example_fits(schema: dict[str, Any], path: Path) -> None:
    data = parse_document(path.read_text(), path.name).data
    assert fits(schema, schema, data)


@pytest.mark.parametrize(
    "text",
    [
        "source: {connection_uri: $X, jobs: $JOBS, chunk_size: $SIZE, compression: $C}",
        "source: {connection_uri: 'sqlite:a', compression: {level: '${L:-3}'}, skip: , jobs: }",
        "source: {connection_uri: 'sqlite:a', chunk_size: 16 MB}",
        "datastore: {aws: {bucket: dumps, endpoint: default, credentials: }}",
    ],
)
def test_what_the_loader_takes_fits(schema: dict[str, Any], text: str) -> None:
    assert fits(schema, schema, parse_document(text, "f").data)


@pytest.mark.parametrize(
    "text",
    [
        "sorce: {}",
        "source: {}",
        "source: {connection_uri: 'foo://x'}",
        "source: {connection_uri: 'sqlite:a', jobs: many}",
        "source: {connection_uri: 'sqlite:a', jobs: 65}",
        "source: {connection_uri: 'sqlite:a', compression: {level: 20}}",
        "source: {connection_uri: 'sqlite:a', chunk_size: big}",
        "source: {connection_uri: 'sqlite:a', skip: [{database: a}]}",
        "datastore: {aws: {bucket: dumps, endpoint: other}}",
        "destination: {connection_uri: 'sqlite:a', wipe_database: maybe}",
    ],
)
def test_what_the_loader_refuses_does_not_fit(schema: dict[str, Any], text: str) -> None:
    assert not fits(schema, schema, parse_document(text, "f").data)


def test_every_mapping_is_closed_and_every_key_described(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == DIALECT
    mappings = [schema, *schema["$defs"].values()]
    for mapping in mappings:
        assert mapping["additionalProperties"] is False
        assert mapping["description"]
        for key, value in mapping["properties"].items():
            assert value.get("description"), key
    json.dumps(schema)


def test_every_answer_is_a_fresh_one() -> None:
    config_schema()["properties"].clear()
    assert config_schema()["properties"]
