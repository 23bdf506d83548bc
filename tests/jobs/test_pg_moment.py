"""A dump of a PostgreSQL database that is being written to holds one moment of it, and only that.

Every transaction of the writers leaves a line in the table `log` that says all it did, so that what
the other tables have to hold can be told from the lines that are there at the same moment.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from replicate.jobs.restore import RestoreOptions
from tests.support.postgres_journey import SMALL, Pair
from tests.support.waiting import until

ACCOUNTS, START, TICKETS, LINES = 400, 1000, 50, 16000
ENOUGH = 20

# The accounts are wide and the filler is big, so that a dump lasts for many transactions.
SCHEMA = f"""
CREATE TABLE accounts(id int PRIMARY KEY, balance int NOT NULL, filler text) WITH (fillfactor=50);
CREATE TABLE filler(id int PRIMARY KEY, line text);
CREATE TABLE counter(n bigint NOT NULL);
CREATE TABLE log(n bigint PRIMARY KEY, payer int, payee int, amount int, removed int,
                 own bigint GENERATED ALWAYS AS IDENTITY);
CREATE TABLE tickets(id bigserial PRIMARY KEY, n bigint, line text) PARTITION BY HASH (id);
CREATE TABLE tickets_0 PARTITION OF tickets FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE tickets_1 PARTITION OF tickets FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO accounts SELECT i, {START}, repeat('x', 1000) FROM generate_series(1, {ACCOUNTS}) i;
INSERT INTO filler SELECT i, repeat(md5(i::text), 12) FROM generate_series(1, {LINES}) i;
INSERT INTO counter VALUES (0);
INSERT INTO tickets(n, line) SELECT -1, repeat('y', 2000) FROM generate_series(1, {TICKETS}) i;
"""

# The counter's row lock puts the transactions in line, so that the lines of the log have no gaps.
STEPS = """
UPDATE counter SET n = n + 1;
UPDATE accounts SET balance = balance - {amount} WHERE id = {payer};
UPDATE accounts SET balance = balance + {amount} WHERE id = {payee};
INSERT INTO tickets(n, line) SELECT n, repeat('z', 2000) FROM counter;
WITH gone AS (DELETE FROM tickets WHERE id = (SELECT min(id) FROM tickets) RETURNING id)
INSERT INTO log(n, payer, payee, amount, removed)
SELECT n, {payer}, {payee}, {amount}, gone.id FROM counter, gone;
"""


class Writers:
    """Sessions that move money and change what is in all the tables, until they are told to end."""

    def __init__(self, pair: Pair, count: int) -> None:
        self._pair = pair
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(seed,)) for seed in range(count)
        ]
        self._done: Counter[int] = Counter()
        self._errors: list[psycopg.Error] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        until(lambda: self.transactions > 0)
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()
        assert self._errors == []

    @property
    def transactions(self) -> int:
        return self._done.total()

    def _write(self, seed: int) -> None:
        dice = random.Random(seed)
        try:
            with self._pair.server.connect(self._pair.source) as connection:
                while not self._over.is_set():
                    payer, payee = dice.sample(range(1, ACCOUNTS + 1), 2)
                    script = STEPS.format(amount=dice.randint(1, 50), payer=payer, payee=payee)
                    with connection.transaction():
                        connection.execute(script.encode())
                    self._done[seed] += 1
                    if seed == 0 and self._done[seed] % 50 == 0:
                        connection.execute("VACUUM tickets, accounts, counter")
        except psycopg.Error as error:
            self._errors.append(error)


def _is_one_moment(pair: Pair) -> int:
    """Whether the target holds what its log says that there was at its last line; its number."""
    [(last,)] = pair.query(pair.target, "SELECT n FROM counter")
    assert isinstance(last, int)
    log = pair.query(pair.target, "SELECT n, payer, payee, amount, removed FROM log ORDER BY n")
    assert [n for n, *_ in log] == [*range(1, last + 1)]

    balances = dict.fromkeys(range(1, ACCOUNTS + 1), START)
    for _, payer, payee, amount, _ in log:
        assert isinstance(payer, int)
        assert isinstance(payee, int)
        assert isinstance(amount, int)
        balances[payer] -= amount
        balances[payee] += amount
    assert sum(balances.values()) == ACCOUNTS * START
    assert {
        row[0]: row[1] for row in pair.query(pair.target, "SELECT id, balance FROM accounts")
    } == balances

    tickets = {row[0]: row[1] for row in pair.query(pair.target, "SELECT id, n FROM tickets")}
    assert len(tickets) == TICKETS
    assert not tickets.keys() & {removed for *_, removed in log}
    assert [n for n in sorted(map(str, tickets.values()), key=int) if n != "-1"] == [
        str(n) for n in range(max(1, last - TICKETS + 1), last + 1)
    ]
    assert pair.query(pair.target, "SELECT count(*) FROM filler") == [(LINES,)]
    return last


def _sequences_are_not_behind(pair: Pair) -> None:
    """What is inserted next takes no number that is taken."""
    for table, column in (("tickets", "id"), ("log", "own")):
        sequence = f"pg_get_serial_sequence('{table}', '{column}')"
        [(enough,)] = pair.query(
            pair.target, f"SELECT nextval({sequence}) > max({column}) FROM {table}"
        )
        assert enough, table


def test_a_dump_amid_writing_by_two_workers_is_one_moment(plain_pair: Pair) -> None:
    plain_pair.server.run(plain_pair.source, SCHEMA)
    writers = Writers(plain_pair, count=3)
    with writers.at_work():
        before = writers.transactions
        manifest = plain_pair.create(source=SMALL)
        during = writers.transactions - before
    assert during > ENOUGH, "the writers did not write while it was dumped"
    assert sum(chunk.section == "data" for chunk in manifest.body.chunks) > 100
    plain_pair.restore(RestoreOptions(jobs=2))
    last = _is_one_moment(plain_pair)
    assert before <= last + 3, "the moment is not before the dump began"
    assert last <= before + during + 3, "nor after it ended"
    _sequences_are_not_behind(plain_pair)


def test_dumps_amid_writing_by_one_worker_are_moments_in_order(plain_pair: Pair) -> None:
    plain_pair.server.run(plain_pair.source, SCHEMA)
    with Writers(plain_pair, count=2).at_work():
        for name in ("first", "second"):
            plain_pair.create(name=name)
    plain_pair.restore(name="first")
    first = _is_one_moment(plain_pair)
    plain_pair.restore(RestoreOptions(wipe=True), name="second")
    assert _is_one_moment(plain_pair) > first
    _sequences_are_not_behind(plain_pair)
