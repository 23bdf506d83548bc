"""The server that the PostgreSQL measurements run on, and the database they read."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks import postgresql_data
from tests.support.postgres import Server, start_server

# The defaults of PostgreSQL but for these. What comes at a time of its own choice (a checkpoint
# in the middle, autovacuum, a disk that syncs slowly just now) would hit one side and not the
# other, so it is off; it is the same for all sides.
SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "on",
}

TARGET = "target"


@contextmanager
def running(version: int, keep: Path | None) -> Iterator[Server]:
    """A server; with `keep`, its data lie in that folder and stay there for the next time."""
    server = start_server(version, settings=[f"{k}={v}" for k, v in SETTINGS.items()])
    try:
        if keep is not None:
            _keep_data(server, keep.resolve() / f"postgresql-{version}")
        yield server
        server.drop_database(TARGET)
    finally:
        server.close()


def source(server: Server, size: int) -> str:
    """The name of the database with `size` bytes, made now unless it is there and complete."""
    name = f"source_{size // 10**6}mb"
    mark = f"complete, made by generator {postgresql_data.VERSION}"
    with server.connect() as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_database"
            " WHERE datname = %s AND shobj_description(oid, 'pg_database') = %s",
            (name, mark),
        ).fetchone()
        if found is not None:
            return name
        server.drop_database(name)
        server.create_database(name)
        started = time.perf_counter()
        postgresql_data.fill(server, name, size)
        # Last, so that one whose making was cut short is never taken for complete.
        connection.execute(f"COMMENT ON DATABASE {name} IS '{mark}'")
    print(f"  generated in {time.perf_counter() - started:.0f} s", flush=True)
    return name


def empty_target(server: Server) -> None:
    """An empty database to restore into, in the place of what was there."""
    server.drop_database(TARGET)
    server.create_database(TARGET)


def _keep_data(server: Server, kept: Path) -> None:
    """Serve from `kept`: what is there already, or else the fresh data, moved there.

    The server's folder gets a link, since closing the server removes what lies in that folder.
    """
    server.stop()
    data = server.home / "data"
    if kept.is_dir():
        subprocess.run(["rm", "-rf", data], check=True)
    else:
        kept.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mv", data, kept], check=True)  # keeps the owner, on any file system
    _refuse_second_server(kept / "postmaster.pid")
    data.symlink_to(kept)
    try:
        server.restart()
    except AssertionError as error:
        raise SystemExit(
            f"no server from {kept}; can the user it runs as reach it? {error}"
        ) from None


def _refuse_second_server(pidfile: Path) -> None:
    """Fail if a server works on these data; what one left that died with the machine goes."""
    if not pidfile.exists():
        return
    if psutil.pid_exists(int(pidfile.read_text().split()[0])):
        raise SystemExit(f"a server is running on {pidfile.parent}")
    pidfile.unlink()
