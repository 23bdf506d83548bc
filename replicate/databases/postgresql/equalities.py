"""Which values of a column are equal to PostgreSQL: what collations and citext make of them."""

from __future__ import annotations

from replicate.databases.postgresql.connection import Connection
from replicate.databases.postgresql.kinds import Types
from replicate.rows.comparing import Equality

# Those by which different texts may be equal. What version 11 hasn't got is asked for as JSON.
_LOOSE_COLLATIONS = b"""
SELECT oid FROM pg_collation c WHERE to_jsonb(c) ->> 'collisdeterministic' = 'false'
"""
_ASCII = b"SELECT lower('I') = 'i', getdatabaseencoding() = 'UTF8'"
_CASE = b"""
SELECT lower(chr(196)), lower(chr(913) || chr(931)), lower(chr(304)), lower('i' || chr(775))
"""
_LOWERED = {
    ("\u00e4", "\u03b1\u03c3", "i", "i\u0307"): Equality.CASE,
    ("\u00e4", "\u03b1\u03c2", "i\u0307", "i\u0307"): Equality.CASE_IN_CONTEXT,
    ("\u00c4", "\u0391\u03a3", "\u0130", "i\u0307"): Equality.ASCII_CASE,
}
"""What `_CASE` answers: in these letters libraries differ."""


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
        if collation in self._loose:
            return Equality.UNKNOWN
        return Equality.PADDED if self._types.is_padded(type_oid) else Equality.BYTES


def _of_citext(connection: Connection) -> Equality:
    """Texts that lower() makes the same by the database's own collation.

    Unknown by Turkish rules, and in encodings of which nothing is known here.
    """
    [(of_ascii, unicode)] = connection.execute(_ASCII).fetchall()
    if not of_ascii or not unicode:
        return Equality.UNKNOWN
    [answer] = connection.execute(_CASE).fetchall()
    return _LOWERED.get(tuple(answer), Equality.UNKNOWN)
