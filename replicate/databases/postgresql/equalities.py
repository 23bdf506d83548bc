"""Which values of a column are equal to PostgreSQL: what collations and citext make of them."""

from __future__ import annotations

from replicate.databases.postgresql.connection import Connection
from replicate.databases.postgresql.kinds import Types
from replicate.rows.comparing import Equality

# Those by which different texts may be equal. What version 11 hasn't got is asked for as JSON.
_LOOSE_COLLATIONS = b"""
SELECT oid FROM pg_collation c WHERE to_jsonb(c) ->> 'collisdeterministic' = 'false'
"""
_CASE = b"""
SELECT lower('I') = 'i',
    CASE WHEN getdatabaseencoding() = 'UTF8' THEN lower(chr(196)) = chr(228) END
"""


class Equalities:
    """What is equal by the types and collations of one database, asked of its catalogs once."""

    def __init__(self, connection: Connection, types: Types) -> None:
        self._types = types
        self._loose = {oid for (oid,) in connection.execute(_LOOSE_COLLATIONS)}
        self._citext = _of_citext(connection) if types.citext else Equality.UNKNOWN

    def of(self, type_oid: int, collation: int) -> Equality:
        """Of a column or the part of an index; of an array, that of its elements."""
        if self._types.is_citext(type_oid):
            return self._citext
        return Equality.UNKNOWN if collation in self._loose else Equality.BYTES


def _of_citext(connection: Connection) -> Equality:
    """Texts that lower() makes the same by the database's own collation.

    Unknown by Turkish rules, and in encodings of which nothing is known here.
    """
    [(of_ascii, of_others)] = connection.execute(_CASE).fetchall()
    if not of_ascii or of_others is None:
        return Equality.UNKNOWN
    return Equality.CASE if of_others else Equality.ASCII_CASE
