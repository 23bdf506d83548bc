"""A source and a target on a PostgreSQL server, and the ways from one to the other."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from replicate.config import Config, load_config
from replicate.dumps.manifest import Manifest
from replicate.jobs.create import create_dump
from replicate.jobs.progress import Silent
from replicate.jobs.restore import RestoreOptions, restore_dump
from tests.support.cli_process import PATIENT_PROGRAM, Result, environment, run
from tests.support.journey import ALL
from tests.support.postgres import Server
from tests.support.postgres_zoo import compare
from tests.support.waiting import until

LEFT_OUT = re.compile(r"^schema .*(PUBLICATION|USER MAPPING)")
"""What could begin to send data somewhere, or holds a password."""

SMALL = "  jobs: 2\n  chunk_size: 64KiB\n  slice_size: 64KiB\n"
"""As many slices, chunks and workers as a small database can make busy."""

_OURS = """
    SELECT application_name, state, wait_event, query FROM pg_stat_activity
    WHERE application_name IN ('replicate', 'pg_dump') AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class Pair:
    """A source and an empty target on one server, and a config that names both."""

    server: Server
    source: str
    target: str
    folder: Path
    encrypted: bool = True

    @property
    def conf(self) -> Path:
        return self.folder / "conf.yaml"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def configure(
        self,
        *,
        source: str = "",
        destination: str = "",
        to: Server | None = None,
        source_uri: str = "",
        target_uri: str = "",
        bin_path: Path | str | None = "",
    ) -> None:
        """Write conf.yaml; `source` and `destination` are more lines of their sections.

        `bin_path` is that of the server's own programs, unless given; None names no path.
        """
        self.store.mkdir(exist_ok=True)
        keys = "encryption_key: the key of this test\nmasking_key: another key of it\n"
        uri = source_uri or self.server.uri(self.source)
        programs = f"  pg_bin_path: {bin_path or self.server.bin}\n"
        self.conf.write_text(
            f"{keys if self.encrypted else ''}source:\n  connection_uri: {uri!r}\n"
            f"{'' if bin_path is None else programs}{source}"
            f"datastore:\n  local_disk: {{dir: {self.store}}}\n"
            f"destination:\n"
            f"  connection_uri: {target_uri or (to or self.server).uri(self.target)!r}\n"
            f"{destination}"
        )
        self.conf.chmod(0o600)

    def config(
        self, *, source: str = "", destination: str = "", to: Server | None = None
    ) -> Config:
        self.configure(source=source, destination=destination, to=to)
        return load_config(self.conf, sections=ALL)

    def create(self, *, source: str = "", name: str | None = None) -> Manifest:
        return create_dump(self.config(source=source), name=name, progress=Silent())

    def restore(
        self,
        options: RestoreOptions | None = None,
        *,
        name: str = "latest",
        destination: str = "",
    ) -> None:
        config = self.config(destination=destination)
        restore_dump(config, name, options or RestoreOptions(), progress=Silent())

    def differences(self) -> list[str]:
        """What differs, but for what a dump leaves out and a restore does only when told to."""
        found = compare(self.server, self.source, self.server, self.target, privileges=False)
        return [one for one in found if not LEFT_OUT.search(one)]

    def query(self, database: str, sql: str) -> list[tuple[object, ...]]:
        with self.server.connect(database) as connection:
            return connection.execute(sql.encode()).fetchall()

    def cli(self, *arguments: str, **changes: str) -> Result:
        """The program, run to its end over conf.yaml as it was last written."""
        return run("-c", str(self.conf), *arguments, cwd=self.folder, **changes)

    @contextmanager
    def started(self, *arguments: str, **changes: str) -> Iterator[Running]:
        """The same by the patient program, while it runs; over when the block is, with all
        processes that it had.
        """
        plain = {k: v for k, v in environment(**changes).items() if not k.startswith("COVERAGE")}
        with subprocess.Popen(
            [*PATIENT_PROGRAM, "-c", str(self.conf), *arguments],
            cwd=self.folder,
            env=plain,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a group of its own, as in a terminal
        ) as process:
            running = Running(process)
            try:
                yield running
            finally:
                running.end()

    def stored(self) -> list[Path]:
        """The chunks and the manifests in the datastore."""
        found = (p for folder in ("chunks", "dumps") for p in self.store.glob(f"{folder}/**/*.*"))
        return sorted(path for path in found if not path.name.startswith("."))

    def listed(self) -> list[str]:
        """The names of the dumps, as `dump list` tells them."""
        dumps = self.cli("dump", "list", "--json").succeeded().json["dumps"]
        return [dump["name"] for dump in dumps]

    def sessions(self) -> list[tuple[object, ...]]:
        """The sessions of ours, and of the pg_dump that we run, that this server has."""
        return self.query("postgres", _OURS)

    def wait_for_query(self, start: str, running: Running) -> None:
        """Until a session of ours runs a statement that starts so."""
        until(
            lambda: any(
                state == "active" and str(query).lstrip().startswith(start)
                for _, state, _, query in self.sessions()
            ),
            running.process,
        )

    @contextmanager
    def pg_dump_held(self) -> Iterator[None]:
        """No pg_dump gets further than to a catalog that it alone reads.

        One without a cache in the server: a new session opens the catalogs of all caches where
        the server has just thrown away its file of them, and would wait for this lock.
        """
        with self.server.connect(self.source) as connection, connection.transaction():
            connection.execute("LOCK TABLE pg_catalog.pg_init_privs")
            yield

    def wait_for_held_pg_dump(self, running: Running) -> None:
        """Until it waits there."""
        until(
            lambda: any(
                name == "pg_dump" and "pg_init_privs" in str(query)
                for name, _, _, query in self.sessions()
            ),
            running.process,
        )


class Running:
    """The program while it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._family: set[psutil.Process] = set()

    def signal(self, number: signal.Signals) -> None:
        """To the whole group, as a terminal does, but a SIGKILL or SIGTERM only to the first."""
        self._remember()
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.process.send_signal(number)
        else:
            os.killpg(self.process.pid, number)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing of it runs within the block."""
        self._remember()
        for process in self._family:
            process.suspend()
        try:
            yield
        finally:
            for process in self._family:
                process.resume()

    def result(self) -> Result:
        """How it ended. Fails where it goes on, or where a process of it does."""
        out, err = self.process.communicate(timeout=60)
        _, alive = psutil.wait_procs(self._family, timeout=60)
        assert alive == []
        return Result(self.process.returncode, out, err)

    def failed_with(self, code: int) -> Result:
        result = self.result()
        result.failed_with(code)
        return result

    def end(self) -> None:
        """Kill what is left."""
        self.process.kill()
        for process in self._family:
            if process.is_running():
                process.kill()

    def _remember(self) -> None:
        first = psutil.Process(self.process.pid)
        self._family |= {first, *first.children(recursive=True)}
