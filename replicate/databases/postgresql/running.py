"""Run entries: one after another, or side by side where neither needs or locks the other's.

What locks what follows pg_restore (identify_locking_dependencies), and goes further where a
statement also locks the partitions of its table. The order of kinds is pg_dump's: rules, triggers
and policies when all else is there, then privileges, then what reads through all of these.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from replicate.databases.postgresql.connection import Connection, translate
from replicate.databases.postgresql.entries import Entry
from replicate.databases.postgresql.families import TABLES, Family, Name
from replicate.databases.postgresql.sessions import Sessions, execute
from replicate.errors import DatabaseError

_RULES, _POLICIES, _PRIVILEGES, _REFRESH, STATISTICS, _EVENTS = 1, 2, 3, 4, 5, 6

_STAGES = {
    "RULE": _RULES,
    "TRIGGER": _RULES,
    "DEFAULT ACL": _POLICIES,
    "POLICY": _POLICIES,
    "PUBLICATION": _POLICIES,
    "PUBLICATION TABLE": _POLICIES,
    "PUBLICATION TABLES IN SCHEMA": _POLICIES,
    "ROW SECURITY": _POLICIES,
    "SUBSCRIPTION": _POLICIES,
    "SUBSCRIPTION TABLE": _POLICIES,
    "ACL": _PRIVILEGES,
    "MATERIALIZED VIEW DATA": _REFRESH,
    "EVENT TRIGGER": _EVENTS,
}
"""When a kind of entry is run; the rest comes first."""

_SHARING = frozenset({"INDEX", "SEQUENCE SET", "COMMENT"})
"""Kinds whose statements leave others of their kind to the same table."""

_NO_ENTRY = -1_000_000_000

_WATCH_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Task:
    """A script to run, and what must not be run at the same time.

    `after` holds the ids of tasks that come first; those that are no tasks count as done. Of two
    tasks that are ready, the earlier `stage` goes first, and in it the greater `weight`. What the
    server says against an `optional` one is no error.
    """

    id: int
    title: str
    sql: str
    after: frozenset[int] = frozenset()
    stage: int = 0
    weight: int = 0
    optional: bool = False
    shared: frozenset[Name] = frozenset()
    exclusive: frozenset[Name] = frozenset()


def tasks_of(
    entries: Sequence[Entry],
    all_entries: Iterable[Entry],
    family: Family,
    weights: Mapping[Name, int],
    script: Callable[[Entry], str],
) -> list[Task]:
    """A task an entry. `weights` are the bytes of tables; `script` gives an entry's SQL."""
    by_id = {entry.id: entry for entry in all_entries}
    ids = {entry.id for entry in entries}
    stages: dict[int, int] = {}
    tasks = []
    for entry in entries:
        tables = _tables_of(entry, by_id)
        if entry.kind in _SHARING:
            exclusive: set[Name] = set()
            shared = family.above(tables)
        else:
            exclusive = family.below(tables)
            shared = family.above(exclusive) - exclusive
        tasks.append(
            Task(
                id=entry.id,
                title=entry.title,
                sql=script(entry),
                after=frozenset(entry.depends) & ids,
                stage=_stage(entry, by_id, ids, stages),
                weight=max((weights.get(name, 0) for name in tables), default=0),
                shared=frozenset(shared),
                exclusive=frozenset(exclusive),
            )
        )
    return tasks


def _tables_of(entry: Entry, by_id: Mapping[int, Entry]) -> set[Name]:
    """The tables that the entry's statements name: its own, and those of what it depends on."""
    tables = set() if entry.table is None else {entry.table}
    for needed in (by_id.get(number) for number in entry.depends):
        if needed is None:
            continue
        if needed.kind in TABLES:
            tables.add((needed.schema, needed.name))
        elif needed.table is not None:
            tables.add(needed.table)
    return tables


def _stage(entry: Entry, by_id: Mapping[int, Entry], ids: set[int], known: dict[int, int]) -> int:
    """When the entry is run: not before what it depends on."""
    if entry.id not in known:
        known[entry.id] = _STAGES.get(entry.kind, 0)  # ends a circle
        known[entry.id] = max(
            [known[entry.id]]
            + [
                _stage(by_id[number], by_id, ids, known)
                for number in entry.depends
                if number in ids
            ]
        )
    return known[entry.id]


def sql_of(entry: Entry, *, owner: bool, privileges: bool) -> str:
    """What is run of an entry after the rows, with what a restore keeps on request."""
    parts = [entry.sql, entry.owner if owner else "", entry.privileges if privileges else ""]
    return "\n".join(part for part in parts if part)


def privileges_of(entries: Iterable[Entry]) -> list[Task]:
    """The privileges of what was made before the rows: late, for they may take rights from us."""
    sql = "\n".join(entry.privileges for entry in entries if entry.privileges)
    return [Task(id=_NO_ENTRY, title="privileges", sql=sql, stage=_PRIVILEGES)] if sql else []


def in_order(tasks: Iterable[Task]) -> list[Task]:
    """The tasks in an order in which one session can run them."""
    waiting = {task.id: task for task in tasks}
    ordered: list[Task] = []
    while waiting:
        stage = min(task.stage for task in waiting.values())
        ready = [
            task for task in waiting.values()
            if task.stage == stage and waiting.keys().isdisjoint(task.after)
        ] or list(waiting.values())  # a circle is run as it stands  # fmt: skip
        for task in ready:
            ordered.append(task)
            del waiting[task.id]
    return ordered


def run_one(connection: Connection, title: str, sql: str) -> None:
    """Run an entry's SQL. Raises `DatabaseError` that names the object."""
    if not sql.strip():
        return
    try:
        execute(connection, sql)
    except psycopg.Error as error:
        raise translate(error, f"{title} can't be restored") from None


def run_all(tasks: Sequence[Task], sessions: Sessions, jobs: int) -> None:
    """Run the tasks on up to `jobs` sessions at once.

    The first error ends the statements that still run, and is raised; so does an interrupt.
    """
    if not tasks:
        return
    board = _Board(tasks)
    workers = [
        threading.Thread(target=_work, args=(board, sessions), name=f"schema-{n}", daemon=True)
        for n in range(min(jobs, len(tasks)))
    ]
    for worker in workers:
        worker.start()
    try:
        board.wait()
    except BaseException as error:
        board.fail(error)
        raise
    finally:
        for worker in workers:
            # A statement may begin just after it was cancelled; so cancel until all are done.
            while worker.is_alive():
                worker.join(_WATCH_SECONDS)
                if board.failed and worker.is_alive():
                    sessions.cancel()
    board.check()


def _work(board: _Board, sessions: Sessions) -> None:
    try:
        with sessions.lease() as connection:
            while (task := board.take()) is not None:
                try:
                    run_one(connection, task.title, task.sql)
                except DatabaseError:
                    if not task.optional or connection.closed or board.failed:
                        raise
                board.done(task)
    except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
        board.fail(error)


@dataclass(slots=True)
class _Board:
    """What is to be done, what is being done, and what went wrong first."""

    tasks: Sequence[Task]
    _waiting: dict[int, Task] = field(init=False)
    _running: dict[int, Task] = field(init=False, default_factory=dict)
    _error: BaseException | None = field(init=False, default=None)
    _changed: threading.Condition = field(init=False, default_factory=threading.Condition)

    def __post_init__(self) -> None:
        ordered = sorted(in_order(self.tasks), key=lambda task: (task.stage, -task.weight))
        self._waiting = {task.id: task for task in ordered}

    @property
    def failed(self) -> bool:
        return self._error is not None

    def take(self) -> Task | None:
        """The next task that may begin, when there is one; None when there is no more."""
        with self._changed:
            while self._waiting and not self.failed:
                task = self._ready()
                if task is not None:
                    del self._waiting[task.id]
                    self._running[task.id] = task
                    return task
                self._changed.wait(_WATCH_SECONDS)
        return None

    def _ready(self) -> Task | None:
        first = next(iter(self._waiting.values()))  # they stand in the order of stages
        stage = min([first.stage, *(task.stage for task in self._running.values())])
        for task in self._waiting.values():
            if task.stage > stage:
                break
            free = not any(
                number in self._waiting or number in self._running for number in task.after
            )
            if free and not self._conflicts(task):
                return task
        # Only a circle of dependencies leaves nothing to run while nothing runs.
        return None if self._running else first

    def _conflicts(self, task: Task) -> bool:
        return any(
            task.exclusive & (other.exclusive | other.shared) or task.shared & other.exclusive
            for other in self._running.values()
        )

    def done(self, task: Task) -> None:
        with self._changed:
            del self._running[task.id]
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        with self._changed:
            if self._error is None:
                self._error = error
            self._changed.notify_all()

    def wait(self) -> None:
        """Until all is done, or something failed."""
        with self._changed:
            while (self._waiting or self._running) and not self.failed:
                self._changed.wait(_WATCH_SECONDS)

    def check(self) -> None:
        if self._error is not None:
            raise self._error
