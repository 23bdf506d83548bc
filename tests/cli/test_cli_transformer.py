"""`replicate transformer`: the list, and all of one."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from replicate.cli.app import cli
from replicate.cli.formats import width
from replicate.transformers.registry import all_transformers
from tests.support.cli_process import run

NAMES = sorted(cls.name for cls in all_transformers())


def test_the_list_names_them_all_with_their_options() -> None:
    lines = run("transformer", "list").succeeded().out.splitlines()
    assert lines[0].split() == ["NAME", "SUMMARY", "OPTIONS"]
    assert [line.split()[0] for line in lines[1:]] == NAMES
    listed = run("transformer", "list", "--json").succeeded().json["transformers"]
    assert [each["name"] for each in listed] == NAMES
    fixed = next(each for each in listed if each["name"] == "fixed")
    assert "value" in fixed["options"]["properties"]


def test_one_is_shown_with_its_options_and_what_it_does() -> None:
    out = run("transformer", "show", "fixed").succeeded().out
    assert out.startswith("fixed: Replaces the value by one that the option `value` gives\n\n")
    assert "\ncolumns: of every kind\n" in out
    assert "\nwith a unique key: no\n" in out
    assert "\n  value: true or false, whole number," in out
    assert "required" in out
    assert '\n  anything -> n/a\n    with value: "n/a"\n' in out
    assert "\n\n\n" not in out


def test_one_is_shown_in_json() -> None:
    found = run("--json", "transformer", "show", "first-name").succeeded().json
    assert found["name"] == "first-name"
    assert set(found["kinds"]) == {"text", "any"}
    assert found["unique_kinds"] == []
    assert found["options"]["type"] == "object"
    example = found["examples"][0]
    assert example["value"] == "Jane"
    assert example["result"] not in (None, "Jane")
    assert found == run("transformer", "show", "first-name", "--json").json


@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_shown(name: str) -> None:
    result = CliRunner().invoke(cli, ["transformer", "show", name], prog_name="replicate")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{name}: ")
    before = lines[: lines.index("examples:")] if "examples:" in lines else lines
    wide = [line for line in before[1:] if width(line) > 80 and not line.startswith(("  ", "|"))]
    assert wide == []


@pytest.mark.parametrize(
    ("name", "hint"), [("frist-name", "did you mean first-name?"), ("zzz", "`replicate")]
)
def test_an_unknown_one_gets_the_nearest(name: str, hint: str) -> None:
    result = run("transformer", "show", name)
    assert f"there is no transformer '{name}'" in result.failed_with(2)
    assert f"hint: {hint}" in result.err


def test_it_needs_no_configuration(tmp_path: object) -> None:
    assert run("-c", f"{tmp_path}/none.yaml", "transformer", "show", "email").succeeded().out
