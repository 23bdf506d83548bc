"""The lock of columns: read back as it was written, and refused where it is anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from replicate.config.lock import lock_path, read_lock, write_lock
from replicate.errors import ConfigError

ODD = [
    ("public", "Users \N{BUG}", "e: mail", "character varying(20)"),
    ("public", "yes", "null", "no"),
    ("public", "yes", "1.5", "'quoted'"),
    ("s.x", "t.y", "# c", "numeric(10,2)"),
    ("s.x", "t.y", "line\nbreak", ""),
]


def test_it_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = lock_path(tmp_path / "conf.yaml")
    assert path.name == "conf.lock"
    assert read_lock(path) is None
    write_lock(path, ODD, of="conf.yaml")
    known = read_lock(path)
    assert known is not None
    assert all(column in known for column in ODD)
    assert ("public", "yes", "null", "text") not in known
    assert len(known.types) == len(ODD)
    first = path.read_bytes()
    write_lock(path, ODD, of="conf.yaml")
    assert path.read_bytes() == first
    assert [each.name for each in tmp_path.iterdir()] == ["conf.lock"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "version: 2\ncolumns: {}\n",
        "columns: {}\n",
        "version: 1\ncolumns: [a]\n",
        "version: 1\ncolumns: {a: {b: c}}\n",
        "version: 1\ncolumns: {a: {b: {c: [d]}}}\n",
        "version: 1\ncolumns: {a: {b: {c: \n",
        "\x00",
    ],
)
def test_what_is_no_lock_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "conf.lock"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_lock(path)
    assert caught.value.file == str(path)
    assert "replicate config lock" in (caught.value.hint or "")


def test_a_folder_that_takes_no_files_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be written"):
        write_lock(tmp_path / "nowhere" / "conf.lock", ODD, of="conf.yaml")
    (tmp_path / "conf.lock").mkdir()
    with pytest.raises(ConfigError, match="can't be read"):
        read_lock(tmp_path / "conf.lock")
