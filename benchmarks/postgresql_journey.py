"""Create and restore of a PostgreSQL database against psql, zstd, pg_dump and pg_restore."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import postgresql_server
from benchmarks.contest import Contest, Side, print_figure
from benchmarks.postgresql_data import DOMAIN, TABLES
from benchmarks.process_tree import run
from tests.support.postgres import Server

PARTS = ("create", "dump", "restore", "memory", "scaling")

_CONFIG = """\
encryption_key: $KEY
masking_key: $MKEY
source:
  connection_uri: $SRC
  pg_bin_path: $PROGRAMS
  jobs: {jobs}
  compression: {{level: 1}}
  transformers:
    - database: public
      table: users
      columns: [{columns}]
datastore: {{local_disk: {{dir: {store}}}}}
destination: {{connection_uri: $DST, jobs: {jobs}}}
"""

_FOUR = {
    "first_name": "first-name",
    "email": "email",
    "phone": "phone-number",
    "card": "credit-card",
}
_SIX = _FOUR | {"street": "redacted", "last_name": "last-name"}

# Seconds of ours a second of theirs; and MiB.
_AIM_PIPELINE, _AIM_PG_DUMP, _AIM_RESTORE, _AIM_MEMORY = 1.0, 0.15, 1.0, 512

# What a restore has to bring back: every object of a kind, and every row.
_SHAPE = """
SELECT 'indexes', count(*) FROM pg_index JOIN pg_class ON oid = indexrelid
 WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT contype::text, count(*) FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace AND contype <> 'n' GROUP BY 1
"""


def measure(
    folder: Path,
    *,
    size: int,
    rounds: int,
    jobs: int,
    version: int,
    keep: Path | None,
    parts: Collection[str],
) -> None:
    """Print all of it as it gets known; `size` in bytes of COPY text."""
    settings = ", ".join(f"{name} {value}" for name, value in postgresql_server.SETTINGS.items())
    print(f"  server: PostgreSQL {version}, {settings}")
    with postgresql_server.running(version, keep) as server:
        database = postgresql_server.source(server, size)
        journey = _Journey(folder, server, database, rounds, jobs)
        print(f"  database: {journey.gigabytes * 1000:,.0f} MB of COPY text; {rounds} rounds")
        if {"create", "dump"} & set(parts):
            journey.create(pipeline="create" in parts, pg_dump="dump" in parts)
        if "restore" in parts:
            journey.restore()
        if "memory" in parts:
            journey.memory()
        if "scaling" in parts:
            journey.scaling()


@dataclass
class _Journey:
    folder: Path
    server: Server
    database: str
    rounds: int
    jobs: int

    def __post_init__(self) -> None:
        # Reads all of it, too: the first to be measured shall not be the one that finds it on disk.
        self.gigabytes = sum(self._size(table.name) for table in TABLES) / 1e9
        self.shape = self._shape(self.database)
        self.outputs: set[Path] = set()

    def create(self, *, pipeline: bool, pg_dump: bool) -> None:
        """Dumps: with four and six masked columns, the shell's pipeline, pg_dump."""
        ours = self._create("replicate, 4 masked", _FOUR, self.jobs)
        sides = [ours]
        if pipeline:
            sides += [self._pipeline(), self._create("replicate, 6 masked", _SIX, self.jobs)]
        if pg_dump:
            sides += [
                self._pg_dump(f"pg_dump -Fd -j{self.jobs} -Z0", "-Fd", f"-j{self.jobs}", "-Z0"),
                self._pg_dump("pg_dump -Fc", "-Fc"),
            ]
        contest = self._held("create", sides)
        for side in sides[1:]:
            aim = {"psql | zstd -1": _AIM_PIPELINE, "pg_dump -Fc": _AIM_PG_DUMP}.get(side.name)
            if "masked" in side.name:
                contest.print_ratio(side.name, ours.name)
            else:
                contest.print_ratio(ours.name, side.name, aim)
        if pipeline:
            contest.print_ratio("replicate, 6 masked", "psql | zstd -1")

    def restore(self) -> None:
        """Restores into an empty database, of a masked dump and of pg_dump's."""
        ours = self._restore("replicate restore", self.jobs)
        gzip = self._pg_restore(f"pg_restore -j{self.jobs}")
        plain = self._pg_restore(f"pg_restore -j{self.jobs}, plain", "-Z0")
        contest = self._held("restore", [ours, gzip, plain])
        contest.print_ratio(ours.name, gzip.name, _AIM_RESTORE, after="ANALYZE")
        contest.print_ratio(ours.name, gzip.name)
        contest.print_ratio(ours.name, plain.name, after="ANALYZE")
        contest.print_ratio(ours.name, plain.name)

    def memory(self) -> None:
        """Peak memory of each journey's processes, looked at often, in runs of their own."""
        print(
            "\n  memory: resident bytes of all processes of the client, shared ones again in each"
        )
        for side in (self._create("create", _FOUR, self.jobs), self._restore("restore", self.jobs)):
            peak = side.turn(every=0.02)[0].peak
            label = f"replicate {side.name}, {self.jobs} jobs, peak MiB"
            print_figure(label, peak / 2**20, _AIM_MEMORY)

    def scaling(self) -> None:
        """Both journeys with one job and with two."""
        for title, side in (
            ("create", lambda name, jobs: self._create(name, _FOUR, jobs)),
            ("restore", self._restore),
        ):
            one, two = side(f"{title}, 1 job", 1), side(f"{title}, 2 jobs", 2)
            self._held(f"scaling of {title}", [one, two]).print_ratio(two.name, one.name)

    def _held(self, title: str, sides: Sequence[Side]) -> Contest:
        print(f"\n  {title}", flush=True)
        contest = Contest(sides, self.rounds)
        contest.hold()
        contest.print_sides(self.gigabytes)
        return contest

    def _create(self, name: str, masks: Mapping[str, str], jobs: int) -> Side:
        folder = self._project(f"create-{len(masks)}-{jobs}", masks, jobs, "store")
        return Side(
            name,
            f"{len(masks)} masked columns, zstd 1, encrypted, synced to disk, jobs: {jobs}",
            [sys.executable, "-m", "replicate", "dump", "create"],
            folder,
            self._secrets(),
            prepare=self._settled(self._empty(folder / "store")),
        )

    def _pipeline(self) -> Side:
        folder = self._subfolder("pipeline")
        psql = self._program("psql")
        commands = [f"{_copy(psql, t.name)} | zstd -1 -q -f -o {t.name}.zst" for t in TABLES]
        return Side(
            "psql | zstd -1",
            "COPY TO STDOUT, one table after another; not masked, not encrypted, not synced",
            " && ".join(commands),
            folder,
            self._clients(self.database),
            prepare=self._settled(self._empty(folder)),
        )

    def _pg_dump(self, name: str, *flags: str) -> Side:
        folder = self._subfolder("pg_dump")
        zipped = "not compressed" if "-Z0" in flags else "compressed by gzip at its default level"
        return Side(
            name,
            f"the same database, {zipped}; not masked, not encrypted, synced to disk",
            [self._program("pg_dump"), *flags, "-f", "dump"],
            folder,
            self._clients(self.database),
            prepare=self._settled(self._empty(folder)),
        )

    def _restore(self, name: str, jobs: int) -> Side:
        """Of the same dump, however many jobs restore it; it is made if there is none yet."""
        store = self.folder / f"create-{len(_FOUR)}-{self.jobs}" / "store"
        if not store.is_dir():
            self._create("the dump to restore", _FOUR, self.jobs).turn()
        folder = self._project(f"restore-{jobs}", _FOUR, jobs, str(store))
        return Side(
            name,
            f"into an empty database: rows, indexes, foreign keys, ANALYZE; jobs: {jobs}",
            [sys.executable, "-m", "replicate", "dump", "restore", "remote", "-v", "latest"],
            folder,
            self._secrets(),
            prepare=self._settled(self._empty_target),
            check=lambda: self._check_restored(masked=True),
        )

    def _pg_restore(self, name: str, *flags: str) -> Side:
        folder = self._subfolder(name.replace(" ", "-"))
        dump = [self._program("pg_dump"), "-Fd", f"-j{self.jobs}", *flags, "-f", "dump"]
        run(dump, folder, self._clients(self.database))
        zipped = "that is not compressed" if flags else "of its default compression"
        target = self._clients(postgresql_server.TARGET)
        return Side(
            name,
            f"into an empty database: a pg_dump -Fd {zipped}, not masked; ANALYZE is apart",
            [
                self._program("pg_restore"), f"-j{self.jobs}", "--exit-on-error",
                "-d", postgresql_server.TARGET, "dump",
            ],
            folder,
            target,
            prepare=self._settled(self._empty_target),
            check=lambda: self._check_restored(masked=False),
            after=[self._program("psql"), "-X", "-q", "-c", "ANALYZE"],
        )  # fmt: skip

    def _settled(self, prepare: Callable[[], None]) -> Callable[[], None]:
        """`prepare`, and a checkpoint, so that no side writes what another one left."""

        def both() -> None:
            prepare()
            self.server.run("postgres", "CHECKPOINT")

        return both

    def _empty(self, output: Path) -> Callable[[], None]:
        """Make an empty folder of `output`, and remove what the other sides wrote.

        Otherwise one side writes to memory that was in use a moment ago and the next one to memory
        that was not, which on a virtual machine takes several times as long.
        """
        self.outputs.add(output)

        def empty() -> None:
            for each in self.outputs:
                shutil.rmtree(each, ignore_errors=True)
            output.mkdir()

        return empty

    def _empty_target(self) -> None:
        postgresql_server.empty_target(self.server)

    def _check_restored(self, *, masked: bool) -> None:
        """Fail unless the target has all that the source has, and is masked or not as it should."""
        if (found := self._shape(postgresql_server.TARGET)) != self.shape:
            raise SystemExit(f"the restored database differs: {found}, not {self.shape}")
        original = self.server.run(
            postgresql_server.TARGET,
            f"SELECT count(*) FROM users WHERE email LIKE '%@{DOMAIN}'",
        )
        if (int(original) == 0) != masked:
            raise SystemExit(f"{original.strip()} restored addresses are not masked")

    def _size(self, table: str) -> int:
        command = f"{_copy(self._program('psql'), table)} | wc -c"
        return int(
            subprocess.run(
                ["bash", "-o", "pipefail", "-c", command],
                env=os.environ | self._clients(self.database), capture_output=True, check=True,
            ).stdout
        )  # fmt: skip

    def _shape(self, database: str) -> dict[str, str]:
        counted = (f"SELECT '{t.name}', count(*) FROM {t.name}" for t in TABLES)
        lines = self.server.run(database, " UNION ALL ".join((_SHAPE, *counted))).splitlines()
        return dict(line.split("|") for line in lines)

    def _project(self, name: str, masks: Mapping[str, str], jobs: int, store: str) -> Path:
        """A folder with a conf.yaml."""
        folder = self._subfolder(name)
        columns = ", ".join(f"{{name: {c}, transformer_name: {t}}}" for c, t in masks.items())
        config = folder / "conf.yaml"
        config.write_text(_CONFIG.format(jobs=jobs, columns=columns, store=store))
        config.chmod(0o600)
        return folder

    def _subfolder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def _secrets(self) -> dict[str, str]:
        return {
            "KEY": "bench",
            "MKEY": "bench",
            "SRC": self.server.uri(self.database),
            "DST": self.server.uri(postgresql_server.TARGET),
            "PROGRAMS": str(self.server.bin),
        }

    def _clients(self, database: str) -> dict[str, str]:
        named = {k: v for k, v in self.server.environment.items() if k.startswith("PG")}
        return named | {"PGDATABASE": database}

    def _program(self, name: str) -> str:
        return str(self.server.bin / name)


def _copy(psql: str, table: str) -> str:
    """A command line that writes a table's rows as COPY text."""
    return f"{shlex.quote(psql)} -X -q -c 'COPY public.{table} TO STDOUT'"
