"""Create of a SQLite database into a bucket, near and far, against the same into a directory."""

from __future__ import annotations

import itertools
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import production
from benchmarks.contest import Contest, Side
from tests.support.fault_proxy import FaultProxy
from tests.support.object_servers.rclone import start_rclone
from tests.support.object_servers.reach import Section, changed

DELAY = 0.05
"""Seconds that a far bucket takes longer for each request."""

_AIM_DELAY = 1.5


def measure(folder: Path, size: int, rounds: int) -> None:
    """Print the ratios; `size` in bytes of database. Everything but the datastore is the same."""
    source = folder / "prod.db"
    production.build(source, size)
    with start_rclone(https=False) as server, FaultProxy(server.url, delay=DELAY) as proxy:
        server.make_bucket("bench")
        near = server.section("bench")
        far = changed(near, endpoint={"custom": proxy.url})
        sides = [_directory(folder), _bucket(folder, "S3", near), _bucket(folder, "far S3", far)]
        contest = Contest(sides, rounds)
        contest.hold()
    contest.print_sides(source.stat().st_size / 1e9)
    contest.print_ratio("S3", "local disk")
    contest.print_ratio("far S3", "local disk")
    contest.print_ratio("far S3", "S3", _AIM_DELAY)


def _directory(folder: Path) -> Side:
    place = folder / "local"
    place.mkdir()

    def prepare() -> None:
        shutil.rmtree(place / "store", ignore_errors=True)
        (place / "store").mkdir()
        _configure(place, {"local_disk": {"dir": "store"}})

    return _side("local disk", "a directory, synced to disk", place, prepare)


def _bucket(folder: Path, name: str, section: Section) -> Side:
    """Into the same bucket, each time below a prefix of its own."""
    place = folder / name.replace(" ", "-")
    place.mkdir()
    numbers = itertools.count()

    def prepare() -> None:
        _configure(place, changed(section, prefix=f"{place.name}-{next(numbers)}"))

    later = f", {DELAY * 1000:.0f} ms later each time" if "far" in name else ""
    return _side(name, f"rclone serve s3 on loopback{later}", place, prepare)


def _configure(place: Path, section: Section) -> None:
    config = place / "conf.yaml"
    settings = production.CONFIG.format(source="../prod.db")
    config.write_text(f"{settings}datastore: {json.dumps(section)}\n")
    config.chmod(0o600)


def _side(name: str, what: str, place: Path, prepare: Callable[[], None]) -> Side:
    command = [sys.executable, "-m", "replicate", "dump", "create"]
    return Side(name, what, command, place, {}, prepare=prepare)
