"""How long a user waits for the small commands: `--help`, and `dump list` with 10,000 dumps."""

from __future__ import annotations

import dataclasses
import secrets
import sqlite3
import statistics
import sys
from datetime import timedelta
from pathlib import Path

from benchmarks.process_tree import run
from replicate.config import load_config
from replicate.datastores.local_disk import LocalDisk
from replicate.dumps import manifest as manifests
from replicate.jobs.create import create_dump
from replicate.jobs.progress import Silent

CONFIG = """\
source: {{connection_uri: "sqlite:///{source}"}}
datastore: {{local_disk: {{dir: "{store}"}}}}
"""


def measure(folder: Path, dumps: int, rounds: int) -> dict[str, float]:
    """Seconds of wall time; `first list` has to read every manifest, the later ones the index."""
    _many_dumps(folder, dumps)
    command = [sys.executable, "-m", "replicate"]
    help_times = [run([*command, "--help"], folder).seconds for _ in range(rounds)]
    first = run([*command, "dump", "list"], folder).seconds
    later = [run([*command, "dump", "list"], folder).seconds for _ in range(rounds)]
    return {
        "replicate --help, s": statistics.median(help_times),
        f"first dump list of {dumps}, s": first,
        f"dump list of {dumps}, s": statistics.median(later),
    }


def _many_dumps(folder: Path, count: int) -> None:
    """A datastore with `count` dumps: one real one, and its manifest under other names."""
    store_folder = folder / "store"
    store_folder.mkdir()
    with sqlite3.connect(folder / "small.db") as database:
        database.execute("create table t(a)")
    database.close()
    path = folder / "conf.yaml"
    path.write_text(CONFIG.format(source=folder / "small.db", store=store_folder))
    config = load_config(path, sections={"source", "datastore"})
    first = create_dump(config, name="dump-00000", progress=Silent())
    store = LocalDisk(str(store_folder))
    for i in range(1, count):
        header = dataclasses.replace(
            first.header,
            name=f"dump-{i:05d}",
            run_id=secrets.token_hex(16),
            created_at=first.header.created_at + timedelta(seconds=i),
        )
        encoded = manifests.encode(dataclasses.replace(first, header=header), None)
        target = store_folder / "dumps" / f"{header.name}.json"
        # Written past the datastore, which would sync each: this is scenery, not what is measured.
        target.write_bytes(encoded)
    store.close()
