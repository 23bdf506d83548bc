"""`python -m benchmarks`: every measurement, or those named; sizes by flag."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import command_line, row_engine, sqlite_journey

MEGABYTE = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what", nargs="*", default=["engine", "sqlite", "memory", "commands"], help="default: all"
    )
    parser.add_argument("--size", type=int, default=1000, help="MB of the SQLite database")
    parser.add_argument("--memory-size", type=int, default=4000, help="MB for the memory check")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions; medians are shown")
    parser.add_argument("--dumps", type=int, default=10_000, help="dumps to list")
    parser.add_argument("--directory", type=Path, help="where to work (default: a temporary one)")
    chosen = parser.parse_args()
    measurements: Mapping[str, Callable[[Path], Mapping[str, float]]] = {
        "engine": lambda _: row_engine.measure(megabytes=100, seed=1),
        "sqlite": lambda f: sqlite_journey.measure(f, chosen.size * MEGABYTE, chosen.rounds),
        "memory": lambda f: sqlite_journey.memory(f, chosen.memory_size * MEGABYTE),
        "commands": lambda f: command_line.measure(f, chosen.dumps, chosen.rounds),
    }
    for name in chosen.what:
        if name not in measurements:
            parser.error(f"no measurement named {name}; there are: {', '.join(measurements)}")
    for name in chosen.what:
        with tempfile.TemporaryDirectory(dir=chosen.directory) as folder:
            print(f"\n{name}")
            for label, value in measurements[name](Path(folder)).items():
                print(f"  {label:<42} {value:10,.2f}")


main()
