"""Sides that do the same work in turns, and the ratios between them."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.process_tree import Measured, run

_SELDOM = 0.1  # seconds; watching the memory must not take the cores from what is timed


@dataclass(frozen=True)
class Side:
    """`name` is what the table calls it, `what` what it does; `prepare` and `check` take no part.

    `after` is a second command, measured apart.
    """

    name: str
    what: str
    command: Sequence[str] | str
    folder: Path
    environment: Mapping[str, str]
    prepare: Callable[[], None]
    check: Callable[[], None] = lambda: None
    after: Sequence[str] | None = None

    def turn(self, every: float = _SELDOM) -> tuple[Measured, float]:
        """The measured command, and the seconds of the second one."""
        self.prepare()
        os.sync()  # or this side would wait for what another one wrote
        measured = run(self.command, self.folder, self.environment, every)
        later = run(self.after, self.folder, self.environment, every) if self.after else None
        self.check()
        return measured, later.seconds if later else 0.0


@dataclass
class Contest:
    """The rounds of some sides; every second round is in the reverse order."""

    sides: Sequence[Side]
    rounds: int
    turns: dict[str, list[tuple[Measured, float]]] = field(default_factory=dict)

    def hold(self) -> None:
        self.turns = {side.name: [] for side in self.sides}
        for number in range(self.rounds):
            for side in self.sides if number % 2 == 0 else reversed(self.sides):
                self.turns[side.name].append(side.turn())

    def seconds(self, name: str, *, after: bool = False) -> list[float]:
        return [first.seconds + later * after for first, later in self.turns[name]]

    def print_sides(self, gigabytes: float) -> None:
        """Medians of each side: seconds, MB/s of COPY text, CPU seconds a GB, peak; and what."""
        print(f"  {'':<30} {'s':>8} {'MB/s':>8} {'CPU s/GB':>8} {'peak MiB':>8}")
        for side in self.sides:
            measured = [first for first, _ in self.turns[side.name]]
            seconds = statistics.median(m.seconds for m in measured)
            cpu = statistics.median(m.cpu for m in measured) / gigabytes
            peak = max(m.peak for m in measured) / 2**20
            speed = gigabytes * 1000 / seconds
            print(f"  {side.name:<30} {seconds:8.2f} {speed:8.1f} {cpu:8.2f} {peak:8.0f}")
        for side in self.sides:
            print(f"    {side.name}: {side.what}")

    def print_ratio(
        self, ours: str, peer: str, goal: float | None = None, *, after: str = ""
    ) -> None:
        """The median of the rounds' ratios of wall time; `after` names the peer's second command,
        whose time then counts."""
        pairs = zip(self.seconds(ours), self.seconds(peer, after=bool(after)), strict=True)
        ratios = sorted(mine / theirs for mine, theirs in pairs)
        label = f"{ours} / ({peer}{' + ' * bool(after)}{after})"
        spread = f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print_figure(label, statistics.median(ratios), goal, spread)


def print_figure(label: str, value: float, goal: float | None = None, note: str = "") -> None:
    """A line with a value and, if there is one, whether it keeps below what we aim for."""
    aim = "" if goal is None else f"aim <= {goal:g}: {'met' if value <= goal else 'MISSED'}"
    print(f"  {label:<62} {value:8.2f} {note:<16} {aim}".rstrip(), flush=True)
