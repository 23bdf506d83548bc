"""The JSON Schema of conf.yaml, for editors that complete and check while one types."""

from __future__ import annotations

from typing import Any

from replicate.config.models import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_schema() -> dict[str, Any]:
    """A fresh JSON Schema (2020-12) made from the models.

    Every key has a description, and no mapping takes unknown keys. Numbers and switches may also
    be text that names an environment variable; what need not be given may be left blank.
    """
    schema = Config.model_json_schema(by_alias=True, mode="validation")
    for mapping in (schema, *schema.get("$defs", {}).values()):
        _allow_blanks(mapping)
    return {"$schema": DIALECT, **schema, "title": "Replicate configuration"}


def _allow_blanks(mapping: dict[str, Any]) -> None:
    required = mapping.get("required", ())
    for name, value in mapping.get("properties", {}).items():
        value.pop("title", None)
        if name in required or {"type": "null"} in value.get("anyOf", ()):
            continue
        kept = {key: value.pop(key) for key in ("description", "default") if key in value}
        variants = value["anyOf"] if list(value) == ["anyOf"] else [dict(value)]
        value.clear()
        value.update(kept)
        value["anyOf"] = [*variants, {"type": "null"}]
