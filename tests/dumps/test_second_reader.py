"""The format's page is enough to write a reader from: `second_reader.py` is one."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from replicate.datastores.local_disk import LocalDisk
from replicate.dumps.keyring import KeyRing
from tests.support.small_dump import CHUNKS, POST_DATA, PRE_DATA, Blocks, Small, make_dump

READER = Path(__file__).parent / "second_reader.py"
PASSPHRASE = "päss phrase"


def read(directory: Path, name: str, *passphrase: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-I", READER, directory, name, *passphrase],
        capture_output=True,
        check=True,
        cwd="/",
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def compare(found: dict[str, Any], small: Small, chunks: list[Blocks]) -> None:
    header, body = small.manifest.header, small.manifest.body
    assert found["header"]["run_id"] == header.run_id
    assert found["header"]["totals"]["rows"] == header.totals.rows
    assert [table["name"] for table in found["body"]["tables"]] == [t.name for t in body.tables]
    assert [chunk["sha256"] for chunk in found["body"]["chunks"]] == [c.sha256 for c in body.chunks]
    assert found["body"]["options"] == body.options
    assert found["schema"] == [PRE_DATA.decode(), POST_DATA.decode()]
    for table in range(3):
        text = b"".join(text for blocks in chunks for t, text in blocks if t == table)
        assert found["rows"][table] == text.decode("latin-1").split("\n")[:-1]


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
@pytest.mark.parametrize("level", [None, 1], ids=["none", "zstd"])
def test_it_reads_what_replicate_writes(tmp_path: Path, sealed: bool, level: int | None) -> None:
    store = LocalDisk(str(tmp_path))
    rng = random.Random(7)
    big = b"".join(b"%d\t%s\n" % (i, rng.randbytes(40).hex().encode()) for i in range(30_000))
    chunks: list[Blocks] = [*CHUNKS, [(2, b"a\n"), (0, big), (2, b"b\nc\n")]]
    ring = KeyRing(store, PASSPHRASE) if sealed else None
    small = make_dump(store, "mine", ring=ring, level=level, chunks=chunks)
    assert level is not None or small.manifest.body.chunks[-2].stored_size > 2 * 1024 * 1024
    compare(read(tmp_path, "mine", *([PASSPHRASE] if sealed else [])), small, chunks)


def test_it_refuses_what_replicate_refuses(tmp_path: Path) -> None:
    store = LocalDisk(str(tmp_path))
    small = make_dump(store, "mine", ring=KeyRing(store, PASSPHRASE))
    assert small.manifest.header.encryption is not None
    slot = f"keys/{small.manifest.header.encryption.key_id}.json"
    for key in ("dumps/mine.json", slot, small.key(1)):
        path = tmp_path / key
        good = path.read_bytes()
        path.write_bytes(good[:60] + bytes([good[60] ^ 4]) + good[61:])
        with pytest.raises(subprocess.CalledProcessError) as caught:
            read(tmp_path, "mine", PASSPHRASE)
        assert b"RefusedError" in caught.value.stderr
        path.write_bytes(good)
    with pytest.raises(subprocess.CalledProcessError):
        read(tmp_path, "mine", "wrong")
    os.link(tmp_path / "dumps/mine.json", tmp_path / "dumps/yours.json")
    with pytest.raises(subprocess.CalledProcessError):
        read(tmp_path, "yours", PASSPHRASE)
    assert read(tmp_path, "mine", PASSPHRASE)["header"]["name"] == "mine"
