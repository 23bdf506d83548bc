"""The YAML that is understood, and what is refused of the rest."""

from __future__ import annotations

import os
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from replicate.config import document
from replicate.config.document import parse_document, read_document, resolve_scalar
from replicate.errors import ConfigError

PARSERS: list[Any] = [yaml.SafeLoader]
if yaml.__with_libyaml__:
    PARSERS.append(yaml.CSafeLoader)


@pytest.fixture(params=PARSERS, ids=lambda parser: parser.__name__, autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "_LOADER", request.param)


def failure(text: str) -> ConfigError:
    """The first thing that is wrong with `text`."""
    try:
        parsed = parse_document(text, "conf.yaml")
    except ConfigError as error:
        return error
    assert parsed.problems, "nothing was found"
    return parsed.problems[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("Yes", True),
        ("OFF", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("2e3", 2000.0),
        # Whatever would lose something as a number is text.
        ("0123", "0123"),
        ("+49", "+49"),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        ("12:30:00", "12:30:00"),
        ("2026-01-31", "2026-01-31"),
        ("9" * 5000, "9" * 5000),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        ("y", "y"),
        ("n", "n"),
    ],
)
def test_bare_scalars_mean_what_they_look_like(text: str, value: object) -> None:
    assert resolve_scalar(text) == value
    assert type(resolve_scalar(text)) is type(value)
    assert parse_document(f"a: {text}\n", "f").data == {"a": value}


def test_quoted_scalars_are_text() -> None:
    text = "a: 'true'\nb: \"12\"\nc: ''\nd: |\n  null\ne: !!str 12\n"
    assert parse_document(text, "f").data == {
        "a": "true",
        "b": "12",
        "c": "",
        "d": "null\n",
        "e": "12",
    }


def test_the_name_of_a_transformer_is_text_even_if_it_is_null() -> None:
    assert parse_document("x:\n  transformer_name: null\n", "f").data["x"] == {
        "transformer_name": "null"
    }
    assert parse_document("x: {transformer_name: }\n", "f").data["x"] == {"transformer_name": None}


def test_every_key_has_its_line() -> None:
    text = "# a comment\na: 1\nb:\n  c:\n    - d: 1\n\n    - {e: 1,\n       f: 2}\n"
    positions = parse_document(text, "f").positions
    assert dict(positions.lines) == {
        "a": 2,
        "b": 3,
        "b.c": 4,
        "b.c[0]": 5,
        "b.c[0].d": 5,
        "b.c[1]": 7,
        "b.c[1].e": 7,
        "b.c[1].f": 8,
    }
    assert positions.line("b.c[1].missing[3].deep") == 7
    assert positions.line("b.c[9]") == 4
    assert positions.line("zzz") is None
    assert positions.line(None) is None


def test_a_byte_order_mark_and_document_markers_are_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "conf.yaml"
    path.write_bytes(b"\xef\xbb\xbf---\na: 1\n...\n")
    assert read_document(path).data == {"a": 1}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a: given twice, on lines 1 and 3"),
        ("a:\n  b: 1\n  b: [2]\n", 3, "a.b: given twice, on lines 2 and 3"),
        ("a: &x 1\nb: *x\n", 2, "b: aliases (`*name`) are not supported"),
        ("a: &x 1\n*x : 2\n", 2, "a key has to be a plain word"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "a: tags (`!name`) are not supported"),
        ("a:\n  - !env HOME\n", 2, "a[0]: tags (`!name`) are not supported"),
        ("a: !!int '3'\n", 1, "a: tags (`!name`) are not supported"),
        ("!x a: 1\n", 1, "tags (`!name`) are not supported"),
        ("a: !e!x 1\n", 1, "a tag is not supported"),
        ("? [a]\n: 1\n", 1, "a key has to be a plain word"),
        ("a: 1\n---\nb: 2\n", 2, "holds more than one document"),
        ("a: 1\n---\n", 2, "holds more than one document"),
        ("a:\n\tb: 1\n", 2, "a tab is used for indentation"),
        ("a: 'x\nb: 1\nc: 2\n", 1, "a quotation mark is not closed"),
        ("a: [1, 2\n", None, "a bracket or a brace is not closed"),
        ("a: {b: 1\n", None, "a bracket or a brace is not closed"),
        ("a: b: c\n", 1, "a colon stands where none can be"),
        ("a: [\n", None, "a value is missing, or a bracket or a brace is not closed"),
        ("a:\n    b: 1\n  c: 2\n", 3, "the indentation doesn't fit the lines above"),
        ("a: @x\n", 1, "a value begins with a character that YAML reserves"),
        ("a: %x\n", 1, "a value begins with a character that YAML reserves"),
        ('a: "\\q"\n', 1, "an unknown escape follows a backslash"),
        ("a: 1\nb: \x07\n", 2, "holds a control character"),
        ("a: \ufffe\n", 1, "holds a control character"),
        ("", None, "the file is empty"),
        ("# only a comment\n", None, "the file is empty"),
        ("---\n", None, "the file is empty"),
        (
            "- a\n",
            None,
            "expected a mapping of source, datastore and destination, found a list",
        ),
        (
            "hello\n",
            None,
            "expected a mapping of source, datastore and destination, found a single value",
        ),
    ],
)
def test_what_is_refused_is_named_with_its_line(text: str, line: int | None, message: str) -> None:
    error = failure(text)
    assert error.file == "conf.yaml"
    assert error.message.endswith(message)
    if line is not None:
        assert error.line == line
        assert error.message.startswith(f"conf.yaml:{line}: ")


@pytest.mark.parametrize("text", ["a: {b: ${X}}", "a: {b: ${X:-1}, c: 2}", "a: [${X}]"])
def test_bare_braces_in_braces_get_a_hint_of_their_own(text: str) -> None:
    error = failure(text)
    assert error.line == 1
    assert "has to be in quotes" in (error.hint or "")


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in pairwise("abcdefghi")]
    parsed = parse_document("\n".join(lines) + "\n", "f")
    assert len(parsed.problems) == 8 * 9
    assert parsed.problems[0].key == "b[0]"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "b: 1\n b: [", "? ["])
def test_deep_nesting_is_refused(opening: str) -> None:
    error = failure("a:\n " + opening + opening[-1:].replace(" ", opening) * 200_000)
    assert error.message.endswith("is nested deeper than 32 levels")


def test_nesting_may_be_as_deep_as_the_limit() -> None:
    deepest = document.MAX_DEPTH - 1
    assert parse_document("a: " + "[" * deepest + "]" * deepest + "\n", "f").problems == ()
    error = failure("a: " + "[" * (deepest + 1) + "]" * (deepest + 1) + "\n")
    assert error.message.endswith("is nested deeper than 32 levels")


def test_several_faults_are_all_found_in_order() -> None:
    parsed = parse_document("a: !x 1\nb: 1\nb: 2\nc: *d\n", "f")
    assert [problem.line for problem in parsed.problems] == [1, 3, 4]
    assert parsed.broken == {"a", "c"}


def test_a_key_that_may_be_a_secret_is_not_shown() -> None:
    error = failure("postgres://u:hunter2@h: 1\npostgres://u:hunter2@h: 2\n")
    assert error.key == "<key>"
    assert "hunter2" not in str(error) + (error.hint or "")


def test_a_missing_file_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        read_document("conf.yaml")
    assert str(caught.value) == "conf.yaml: there is no such file"
    assert caught.value.exit_code == 2
    assert caught.value.hint is not None
    assert str(tmp_path / "conf.yaml") in caught.value.hint
    assert "--config" in caught.value.hint
    assert "REPLICATE_CONFIG" in caught.value.hint


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        read_document(tmp_path)


def test_a_path_that_can_not_be_one_is_a_config_error() -> None:
    for path in ("a\0b", "x" * 5000):
        with pytest.raises(ConfigError, match="can't be read"):
            read_document(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_a_config_error(tmp_path: Path) -> None:
    path = tmp_path / "conf.yaml"
    path.write_text("a: 1\n")
    path.chmod(0)
    with pytest.raises(ConfigError, match="can't be read: permission denied"):
        read_document(path)


def test_a_file_through_a_file_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a: 1\n")
    with pytest.raises(ConfigError, match="can't be read: not a directory"):
        read_document(tmp_path / "file" / "conf.yaml")


def test_more_than_a_mebibyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "conf.yaml"
    path.write_bytes(b"a: 1\n" + b"#" * (document.MAX_BYTES - 5))
    assert read_document(path).data == {"a": 1}
    path.write_bytes(b"a: 1\n" + b"#" * (document.MAX_BYTES - 4))
    with pytest.raises(ConfigError, match="is larger than 1 MiB"):
        read_document(path)


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="is larger than 1 MiB"):
        read_document("/dev/zero")


@pytest.mark.parametrize("content", [b"a: 1\nb: \xff\n", "a: 1\n".encode("utf-16")])
def test_other_encodings_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "conf.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is not UTF-8 text") as caught:
        read_document(path)
    assert caught.value.line == 1 + content[:6].count(b"\n") * (content[:1] == b"a")


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o644)
    writer = threading.Thread(target=path.write_text, args=("a: 1\n",))
    writer.start()
    parsed = read_document(path)
    writer.join()
    assert parsed.data == {"a": 1}
    assert not parsed.exposed


@pytest.mark.parametrize(
    ("mode", "exposed"), [(0o600, False), (0o640, True), (0o604, True), (0o400, False)]
)
def test_who_else_can_read_the_file_is_seen(tmp_path: Path, mode: int, exposed: bool) -> None:
    path = tmp_path / "conf.yaml"
    path.write_text("a: 1\n")
    path.chmod(mode)
    assert read_document(path).exposed is exposed


@given(st.text(alphabet="ab:-[]{}#&*!|>'\"%@`?,\n\t \\0123", max_size=80))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        parsed = parse_document(text, "conf.yaml")
    except ConfigError as error:
        assert error.exit_code == 2  # noqa: PT017 - either outcome is right
        return
    assert isinstance(parsed.data, dict)
