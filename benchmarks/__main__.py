"""`python -m benchmarks`: every measurement, or those named; sizes by flag."""

from __future__ import annotations

import argparse
import compileall
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import replicate
from benchmarks import (
    command_line,
    datastore_journey,
    postgresql_journey,
    row_engine,
    sqlite_journey,
    transformers,
)
from tests.support.postgres import available_versions

MEGABYTE = 1_000_000
ALL = ["engine", "transformers", "sqlite", "postgresql", "datastores", "memory", "commands"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="*", default=ALL, help=f"of {', '.join(ALL)}; default: all")
    parser.add_argument(
        "--size", type=int, help="MB of the database (default: 1000, PostgreSQL 2000)"
    )
    parser.add_argument("--memory-size", type=int, default=4000, help="MB for the memory check")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions; medians are shown")
    parser.add_argument("--dumps", type=int, default=10_000, help="dumps to list")
    parser.add_argument("--directory", type=Path, help="where to work (default: a temporary one)")
    postgresql = parser.add_argument_group("PostgreSQL")
    postgresql.add_argument("--jobs", type=int, default=2, help="of both sides (default: 2)")
    postgresql.add_argument("--server", type=int, choices=available_versions(), default=16)
    postgresql.add_argument(
        "--only", type=_parts, default=postgresql_journey.PARTS, metavar="PART,...",
        help=f"parts of the measurement: {','.join(postgresql_journey.PARTS)}",
    )  # fmt: skip
    postgresql.add_argument(
        "--keep", type=Path, metavar="DIR",
        help="keep the server's data there, and use them the next time instead of generating; the"
        " server's user (root's is another one) must be able to get there",
    )  # fmt: skip
    chosen = parser.parse_args()
    measurements: Mapping[str, Callable[[Path], None]] = {
        "engine": lambda _: _show(row_engine.measure(megabytes=100, seed=1)),
        "transformers": lambda _: transformers.measure(),
        "sqlite": lambda f: _show(
            sqlite_journey.measure(f, (chosen.size or 1000) * MEGABYTE, chosen.rounds)
        ),
        "postgresql": lambda f: postgresql_journey.measure(
            f,
            size=(chosen.size or 2000) * MEGABYTE,
            rounds=chosen.rounds,
            jobs=chosen.jobs,
            version=chosen.server,
            keep=chosen.keep,
            parts=chosen.only,
        ),
        "datastores": lambda f: datastore_journey.measure(
            f, (chosen.size or 1000) * MEGABYTE, chosen.rounds
        ),
        "memory": lambda f: _show(sqlite_journey.memory(f, chosen.memory_size * MEGABYTE)),
        "commands": lambda f: _show(command_line.measure(f, chosen.dumps, chosen.rounds)),
    }
    for name in chosen.what:
        if name not in measurements:
            parser.error(f"no measurement named {name}; there are: {', '.join(measurements)}")
    _compile()
    for name in chosen.what:
        with tempfile.TemporaryDirectory(dir=chosen.directory) as folder:
            print(f"\n{name}")
            measurements[name](Path(folder))


def _compile() -> None:
    """Leave bytecode beside the modules, as pip does when it installs them."""
    package = Path(replicate.__file__).parent
    if not compileall.compile_dir(package, quiet=1):
        raise SystemExit(f"not all of {package} can be compiled")


def _parts(text: str) -> list[str]:
    parts = text.split(",")
    if unknown := set(parts) - set(postgresql_journey.PARTS):
        raise argparse.ArgumentTypeError(f"no part is named {', '.join(sorted(unknown))}")
    return parts


def _show(figures: Mapping[str, float]) -> None:
    for label, value in figures.items():
        print(f"  {label:<42} {value:10,.2f}")


main()
