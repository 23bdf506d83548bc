from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli_process import run


@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        (["dmup"], "no such command 'dmup'", "did you mean dump?"),
        (["dump", "lst"], "no such command 'lst'", "did you mean list?"),
        (["dump", "xyz"], "no such command 'xyz'", "see `replicate dump --help`"),
        (["dump", "restore", "remot"], "no such command 'remot'", "did you mean remote?"),
        (["dump", "list", "--jsn"], "no such option '--jsn'", "did you mean --json?"),
        (["dump", "show"], "missing argument 'NAME|latest'", "see `replicate dump show --help`"),
        (["dump", "restore", "remote"], "missing option '-v' / '--value'", "see `replicate"),
        (["dump", "create", "--jobs", "0"], "invalid value for '--jobs'", "see `replicate"),
        (["dump", "create", "--jobs", "many"], "invalid value for '--jobs'", "see `replicate"),
        (["dump", "delete"], "give exactly one of NAME, --older-than and --keep-last", None),
        (["dump", "delete", "x", "--keep-last", "1"], "give exactly one of NAME", None),
        (["dump", "delete", "--older-than", "14"], "'14' is no duration", "see `replicate"),
        (["dump", "prune"], "say what to prune", "`replicate dump prune --orphans`"),
        (["dump", "verify"], "give either the names of dumps or --all", None),
        (["dump", "verify", "x", "--all"], "give either the names of dumps or --all", None),
        (["dump", "restore", "remote", "-v", "x", "-o", "--wipe"], "--wipe has no meaning", None),
        (["dump", "restore", "remote", "-v", "x", "-o", "--dry-run"], "--dry-run has no", None),
        (["dump", "restore", "remote", "-v", "x", "--tables", "a,,b"], "--tables takes", None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_line_that_is_wrong(args: list[str], message: str, hint: str | None) -> None:
    result = run(*args)

    assert message in result.failed_with(2)
    assert not result.err.splitlines()[0].endswith(".")
    if hint is not None:
        assert f"hint: {hint}" in result.err


@pytest.mark.parametrize(
    "args",
    [
        ["dump", "create", "-s", "postgresql", "-i"],
        ["dump", "create", "-i"],
        ["dump", "create", "-f", "dump.sql"],
    ],
    ids=" ".join,
)
def test_what_is_not_supported_yet_says_so(args: list[str]) -> None:
    result = run(*args)

    assert "not supported by this version yet" in result.failed_with(2)
    assert "hint: " in result.err


@pytest.mark.parametrize("args", [["--json", "dump", "lst"], ["dump", "lst", "--json"]])
def test_errors_are_json_wherever_json_is_asked_for(args: list[str]) -> None:
    result = run(*args)

    assert result.code == 2
    assert result.out == ""
    assert json.loads(result.err) == {
        "error": {"code": 2, "message": "no such command 'lst'", "hint": "did you mean list?"}
    }


def test_there_is_no_telemetry_and_it_says_so_once(tmp_path: Path) -> None:
    result = run("-n", "--quiet", "config", "schema", cwd=tmp_path)
    assert (result.code, result.err) == (0, "")

    result = run("--no-telemetry", "config", "schema", cwd=tmp_path)
    assert result.code == 0
    assert result.err == "note: there is no telemetry to switch off\n"


def test_global_options_stand_before_or_after_the_command(tmp_path: Path) -> None:
    before = run("-c", "there-is-none.yaml", "dump", "list", cwd=tmp_path)
    after = run("dump", "list", "-c", "there-is-none.yaml", cwd=tmp_path)
    variable = run("dump", "list", cwd=tmp_path, REPLICATE_CONFIG="there-is-none.yaml")

    for result in (before, after, variable):
        assert "there-is-none.yaml" in result.failed_with(2)


def test_the_default_configuration_is_conf_yaml(tmp_path: Path) -> None:
    assert "conf.yaml" in run("dump", "list", cwd=tmp_path).failed_with(2)


def test_a_traceback_is_shown_with_debug_alone(tmp_path: Path) -> None:
    result = run("--debug", "dump", "list", cwd=tmp_path)

    assert result.code == 2
    assert "Traceback (most recent call last)" in result.err
    assert "error: " in result.err.splitlines()[-2]


def test_config_schema_is_a_json_schema_and_needs_no_file(tmp_path: Path) -> None:
    schema = run("config", "schema", cwd=tmp_path).succeeded().json

    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"source", "datastore", "destination"} <= schema["properties"].keys()


def test_transformer_list_needs_no_configuration(tmp_path: Path) -> None:
    table = run("transformer", "list", cwd=tmp_path).succeeded().out
    listed = run("transformer", "list", "--json", cwd=tmp_path).succeeded().json

    names = [entry["name"] for entry in listed["transformers"]]
    assert names == sorted(names)
    assert {"email", "first-name", "redacted", "transient"} <= set(names)
    assert [line.split()[0] for line in table.splitlines()[1:]] == names
    assert all(entry["summary"] for entry in listed["transformers"])
