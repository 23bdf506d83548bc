"""Where the sequences of a database stand, as statements that put them there again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import pq

from replicate.databases.postgresql.archive import literal, quote
from replicate.databases.postgresql.connection import Connection, errors_of
from replicate.databases.postgresql.dependents import Name, text
from replicate.errors import DatabaseError

_AT_ONCE = 500
"""Sequences read by one statement."""

_OF_EXTENSIONS = """
    SELECT c.oid, n.nspname, c.relname, e.oid
      FROM pg_catalog.pg_extension e
      CROSS JOIN LATERAL unnest(e.extconfig) AS x (oid)
      JOIN pg_catalog.pg_class c ON c.oid = x.oid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'S'
"""

_UNREADABLE = """
    SELECT c.oid
      FROM pg_catalog.pg_class c
     WHERE c.oid = ANY (%s::oid[])
       AND NOT (pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE')
                AND pg_catalog.has_sequence_privilege(c.oid, 'SELECT'))
     ORDER BY c.oid LIMIT 1
"""


def extension_sequences(connection: Connection) -> list[tuple[int, Name, int]]:
    """Sequences whose state an extension asks to be dumped: oid, name, the extension's oid."""
    with errors_of("the extensions can't be read"):
        rows = connection.execute(_OF_EXTENSIONS).fetchall()
    return [(oid, (text(schema), text(name)), owner) for oid, schema, name, owner in rows]


def refuse_unreadable(connection: Connection, sequences: Mapping[int, Name]) -> None:
    """Raise `DatabaseError` where one of them, by oid, may not be read."""
    with errors_of("the sequences can't be read"):
        refused = connection.execute(_UNREADABLE, [list(sequences)]).fetchone()
    if refused is not None:
        raise DatabaseError(
            f"the sequence {'.'.join(sequences[refused[0]])} can't be read",
            hint="grant SELECT on it to the role, or leave out the table that owns it, if one "
            "does, with source.skip",
        )


def read_states(connection: Connection, sequences: Mapping[int, Name]) -> dict[int, str]:
    """By oid, the statement that sets the sequence to where it is now.

    Sequences are not of the snapshot's moment: what was drawn since is passed over in the copy,
    and nothing is drawn twice. Raises `DatabaseError` where one may not be read.
    """
    refuse_unreadable(connection, sequences)
    states: dict[int, str] = {}
    oids = list(sequences)
    with errors_of("the sequences can't be read"):
        for start in range(0, len(oids), _AT_ONCE):
            batch = oids[start : start + _AT_ONCE]
            for oid, last, called in _read(connection, [(oid, sequences[oid]) for oid in batch]):
                name = literal(".".join(quote(part) for part in sequences[oid]))
                flag = "true" if called else "false"
                states[oid] = f"SELECT pg_catalog.setval({name}, {last}, {flag});"
    return states


def _read(connection: Connection, batch: Sequence[tuple[int, Name]]) -> list[tuple[int, int, bool]]:
    parts = [
        f"SELECT {oid}::oid, last_value, is_called FROM {quote(schema)}.{quote(name)}"  # noqa: S608 - quoted
        for oid, (schema, name) in batch
    ]
    # Each sequence that is read is locked until the transaction ends, and the server's table of
    # locks is small. A savepoint that is rolled back to gives the locks up.
    inside = connection.info.transaction_status == pq.TransactionStatus.INTRANS
    if inside:
        connection.execute("SAVEPOINT replicate_sequences")
    encoding = connection.info.encoding.replace("ascii", "utf-8")  # where there is none at all
    rows: list[tuple[int, int, bool]] = connection.execute(
        " UNION ALL ".join(parts).encode(encoding, "surrogateescape")
    ).fetchall()
    if inside:
        connection.execute("ROLLBACK TO SAVEPOINT replicate_sequences")
        connection.execute("RELEASE SAVEPOINT replicate_sequences")
    return rows
