"""Create and restore of a SQLite database against the sqlite3 shell and zstd."""

from __future__ import annotations

import shutil
import statistics
import sys
from pathlib import Path

from benchmarks import production
from benchmarks.process_tree import Measured, run

CONFIG = (
    production.CONFIG
    + """\
datastore: {{local_disk: {{dir: store}}}}
destination: {{connection_uri: "sqlite:///restored.db", wipe_database: true}}
"""
)

REPLICATE = [sys.executable, "-m", "replicate"]


def measure(folder: Path, size: int, rounds: int) -> dict[str, float]:
    """Both journeys, `rounds` times each, alternating with their peers; medians and ratios."""
    _prepare(folder, size)
    shell_dump, create, shell_load, restore = [], [], [], []
    for _ in range(rounds):
        shell_dump.append(run("sqlite3 prod.db .dump | zstd -1 -q -f -o dump.zst", folder))
        _fresh_store(folder)
        create.append(run([*REPLICATE, "dump", "create"], folder))
    run("sqlite3 prod.db .dump > dump.sql", folder)
    for _ in range(rounds):
        (folder / "loaded.db").unlink(missing_ok=True)
        shell_load.append(run("sqlite3 loaded.db < dump.sql", folder))
        (folder / "restored.db").unlink(missing_ok=True)
        restore.append(run([*REPLICATE, "dump", "restore", "remote", "-v", "latest"], folder))
    megabytes = (folder / "prod.db").stat().st_size / 1e6
    return {
        "database, MB": megabytes,
        "create / (sqlite3 .dump | zstd -1)": _median(create) / _median(shell_dump),
        "create, MB/s": megabytes / _median(create),
        "create, peak MiB": max(m.peak for m in create) / 2**20,
        "restore / (sqlite3 < dump.sql)": _median(restore) / _median(shell_load),
        "restore, MB/s": megabytes / _median(restore),
        "restore, peak MiB": max(m.peak for m in restore) / 2**20,
    }


def memory(folder: Path, size: int) -> dict[str, float]:
    """Peak memory of both journeys alone, at a size where speed needs no second measurement."""
    _prepare(folder, size)
    _fresh_store(folder)
    create = run([*REPLICATE, "dump", "create"], folder)
    restore = run([*REPLICATE, "dump", "restore", "remote", "-v", "latest"], folder)
    return {
        "database, MB": (folder / "prod.db").stat().st_size / 1e6,
        "create, peak MiB": create.peak / 2**20,
        "restore, peak MiB": restore.peak / 2**20,
    }


def _prepare(folder: Path, size: int) -> None:
    production.build(folder / "prod.db", size)
    config = folder / "conf.yaml"
    config.write_text(CONFIG.format(source="prod.db"))
    config.chmod(0o600)


def _fresh_store(folder: Path) -> None:
    shutil.rmtree(folder / "store", ignore_errors=True)
    (folder / "store").mkdir()


def _median(measured: list[Measured]) -> float:
    return statistics.median(m.seconds for m in measured)
