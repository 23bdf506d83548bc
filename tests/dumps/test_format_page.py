"""docs/format.md, where it can be run: the commands for reading by hand, the snippet, the bytes."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from replicate.crypto import keys
from replicate.datastores.local_disk import LocalDisk
from replicate.dumps import index, keyring, layout, manifest
from replicate.dumps.catalog import Catalog
from replicate.dumps.chunks import ChunkBuilder, ChunkFormat, chunk_key
from replicate.dumps.manifest import (
    Body,
    DumpedTable,
    Header,
    Manifest,
    Section,
    SourceInfo,
    Totals,
)
from replicate.dumps.records import MAX_CHUNK_PLAIN
from tests.support.small_dump import TIME, make_dump

PAGE = (Path(__file__).parents[2] / "docs/format.md").read_text()
RUN = "0123456789abcdef" * 2
ROWS = b"1\tAda\t\\N\n2\tGrace\thello\n3\tEdsger\t\n"


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.split(f"\n## {title}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def blocks(text: str) -> list[str]:
    """The indented code blocks, blank lines in them included."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", text, flags=re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in found]


def make_customers(directory: Path) -> None:
    """A dump in the clear, called my-dump, of one table."""
    store = LocalDisk(str(directory))
    fmt = ChunkFormat(RUN, 1, None)
    records = []
    parts: list[tuple[int, Section, int | None, bytes]] = [
        (1, "pre-data", None, b"create table customers(id integer primary key, name, note);\n"),
        (2, "data", 1, ROWS),
        (3, "post-data", None, b"create index names on customers(name);\n"),
    ]
    for number, part, table, text in parts:
        builder = ChunkBuilder(fmt, number, part)
        builder.add(table, text, 0 if table is None else 3)
        record, stored = builder.seal()
        store.put(chunk_key(fmt, number), stored)
        records.append(record)
    totals = Totals(
        2, 3, 3, sum(r.plain_size for r in records), sum(r.stored_size for r in records)
    )
    tables = [
        DumpedTable("main", "accounts", ["id"], 0, {}),
        DumpedTable("main", "customers", ["id", "name", "note"], 3, {}),
    ]
    header = Header("my-dump", RUN, TIME, "0.1.0", "sqlite", "zstd", None, totals)
    body = Body(SourceInfo("sqlite", "3.45", []), {}, tables, records)
    Catalog(store).add(Manifest(header, body), None)


def shell(command: str, directory: Path) -> str:
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", command],
        cwd=directory,
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout


needs_tools = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "zstd", "jq", "sqlite3", "sha256sum"))),
    reason="the page's commands need zstd, jq, sqlite3 and sha256sum",
)


@needs_tools
def test_reading_by_hand(tmp_path: Path) -> None:
    make_customers(tmp_path)
    checksum = shell(blocks(section("Documents"))[1], tmp_path).split()
    assert checksum[0] == f',"sha256":"{checksum[1]}"}}'

    look, load = blocks(section("By hand"))
    assert "head -c 4096" in look
    shown = shell(look.replace("4096", str(len(ROWS))), tmp_path)
    record = Catalog(LocalDisk(str(tmp_path))).resolve("my-dump")
    body = Catalog(LocalDisk(str(tmp_path))).read(record, None).body
    assert "create table customers" in shown
    assert shown.count(body.chunks[0].sha256) == 2
    assert f"2\t0\t{len(ROWS)}\t3\n" in shown
    assert (tmp_path / "customers.tsv").read_bytes() == ROWS

    for number, name in ((1, "pre-data.sql"), (3, "post-data.sql")):
        shell(f"zstd -dc chunks/{RUN}/{number:08d}.zst > {name}", tmp_path)
    shell(load, tmp_path)
    with closing(sqlite3.connect(tmp_path / "new.db")) as database:
        assert database.execute("select * from customers").fetchall() == [
            (1, "Ada", None),
            (2, "Grace", "hello"),
            (3, "Edsger", ""),
        ]
        assert database.execute("select name from sqlite_schema where type = 'index'").fetchall()


def test_the_snippet_reads_every_kind_of_field() -> None:
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)[0], names)  # noqa: S102 - our page
    fields: Callable[[bytes], list[Any]] = names["fields"]
    assert fields(rb"\N") == [None]
    assert fields(b"") == [""]
    assert fields("é\tx".encode()) == ["é", "x"]
    assert fields(rb"a\\N\tb\n\r") == ["a\\N\tb\n\r"]
    assert fields(rb"\b\f\v\1\101\x41\x4g") == ["\b\f\v\x01AA\x04g"]
    assert fields(b"\\I-5\t\\R1.5\t\\T7\t\\B00ff\t\\T\\\\N\t\\T") == [
        -5,
        1.5,
        "7",
        b"\0\xff",
        "\\N",
        "",
    ]


def test_the_example_of_a_context() -> None:
    match = re.search(r"\n    = ((?:[0-9a-f]+ *\n? *)+)", PAGE)
    assert match is not None
    expected = bytes.fromhex("".join(match[1].split()))
    assert (
        keys.encode_context("replicate/data-key/1", "00112233445566778899aabbccddeeff") == expected
    )


def test_the_limits_are_the_programs() -> None:
    limits = section("Limits")
    mib = 1024 * 1024
    assert "256 MiB" in limits
    assert 256 * mib == manifest.MAX_MANIFEST
    assert "64 MiB" in limits
    assert 64 * mib == index.MAX_INDEX
    assert "4 KiB" in limits
    assert keyring.MAX_SLOT == 4096
    assert "2 GiB \u2212 1" in limits
    assert MAX_CHUNK_PLAIN == 2**31 - 1
    assert "99,999,999" in limits
    assert layout.MAX_CHUNK_NUMBER == 99_999_999


def test_the_members_are_those_on_the_page(tmp_path: Path) -> None:
    store = LocalDisk(str(tmp_path))
    make_dump(store, "mine")
    text = store.get("dumps/mine.json").decode() + store.get("index.json").decode()
    for member in set(re.findall(r'"([a-z_0-9]+)":', text)) - {"skip", "seed", "name"}:
        assert f"`{member}`" in PAGE or f'"{member}"' in PAGE, member
