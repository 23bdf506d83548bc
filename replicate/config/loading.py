"""Loads conf.yaml: read, expand, check, and answer with a typed `Config` or with what is wrong."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from replicate.config.document import Document, read_document
from replicate.config.environment import FromEnvironment, Unjudged, expand_sections
from replicate.config.exposure import exposure_warnings
from replicate.config.models import Config
from replicate.config.positions import Positions
from replicate.config.problems import describe
from replicate.config.rules import check_rules
from replicate.errors import ConfigError

SECTIONS = tuple(Config.model_fields)
"""Every top-level key of the file."""

_REQUIRED = ("source", "datastore", "destination")

_EXAMPLE = "add one; conf.yaml.example shows all that it can hold"
_MISSING = {"datastore": f"{_EXAMPLE}, or set S3_BUCKET and the variables of AWS"}


def load_config(
    path: str | Path,
    *,
    sections: Collection[str],
    environ: Mapping[str, str] | None = None,
) -> Config:
    """The configuration in the file at `path`, with those `sections` of `SECTIONS` filled in.

    Only in `sections` are environment variables replaced (from `environ`, by default the
    process's), and only they have to be there; `encryption_key` and `masking_key` may be missing
    all the same. The rest of the file is checked as far as that goes without the environment,
    and is None in the result, so that nothing is used that was not asked for.

    Raises `ConfigError` for the first thing in the file that is wrong. Relative paths in it are
    left as they are: they mean the directory that the program runs in.

    A file without the section `datastore` does with the variable S3_BUCKET, and S3_PREFIX if it
    is set: that bucket, with the credentials that the usual places hold.
    """
    unknown = set(sections).difference(SECTIONS)
    if unknown:
        raise ValueError(f"no such sections: {', '.join(sorted(unknown))}")
    document = read_document(path)
    asked = frozenset(sections)
    config, problems = _examine(document, asked, os.environ if environ is None else environ)
    if config is None or problems:
        raise problems[0]
    return config


def check_config(
    path: str | Path, *, environ: Mapping[str, str] | None = None
) -> list[ConfigError]:
    """Everything that is wrong with the file, in its order; empty where nothing is.

    Every section that the file has is checked in full, environment variables included.
    """
    try:
        document = read_document(path)
    except ConfigError as error:
        return [error]
    asked = _present(document)
    _, problems = _examine(document, asked, os.environ if environ is None else environ)
    return problems


def _examine(
    document: Document, asked: frozenset[str], environ: Mapping[str, str]
) -> tuple[Config | None, list[ConfigError]]:
    positions = document.positions
    data, unset = expand_sections(document.data, asked, environ, positions)
    problems = [*document.problems, *unset, *check_rules(data, positions)]
    taken = _take_bucket_from_environment(data, asked, environ)
    source = data.get("source")
    if "source" not in asked and isinstance(source, dict):
        # A source that nobody opens may do without: the rows may come from elsewhere.
        source.setdefault("connection_uri", Unjudged())
    config: Config | None = None
    try:
        config = Config.model_validate(data)
    except ValidationError as failure:
        problems += [
            _of_variable(problem, taken, positions)
            for problem in describe(failure, positions, document.broken)
        ]
    problems.sort(key=lambda problem: problem.line or 0)
    problems += [
        positions.error(None, f"no `{name}` section", _MISSING.get(name, _EXAMPLE))
        for name in _REQUIRED
        if name in asked and data.get(name) is None and name not in document.broken
    ]
    if config is None or problems:
        return None, problems
    config = config.model_copy(update={name: None for name in SECTIONS if name not in asked})
    config.locate(positions, _present(document), exposure_warnings(document))
    return config, []


def _take_bucket_from_environment(
    data: dict[str, Any], asked: frozenset[str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Fill in `datastore` if it is missing; gives the variable that each key came from."""
    bucket = environ.get("S3_BUCKET")
    if "datastore" not in asked or data.get("datastore") is not None or not bucket:
        return {}
    aws = {"bucket": FromEnvironment(bucket)}
    if prefix := environ.get("S3_PREFIX"):
        aws["prefix"] = FromEnvironment(prefix)
    data["datastore"] = {"aws": aws}
    return {f"datastore.aws.{name}": f"S3_{name.upper()}" for name in aws}


def _of_variable(
    problem: ConfigError, taken: Mapping[str, str], positions: Positions
) -> ConfigError:
    """`problem`, with the variable named that the value is from, as the key is nowhere in the file.

    Others are given back as they are.
    """
    variable = taken.get(problem.key or "")
    if variable is None:
        return problem
    said = problem.message.partition(f"{problem.key}: ")[2]
    return positions.error(None, f"the environment variable {variable}: {said}", problem.hint)


def _present(document: Document) -> frozenset[str]:
    known = document.data.keys() & set(SECTIONS)
    return frozenset(name for name in known if document.data[name] is not None)
