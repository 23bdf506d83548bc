"""A session whose text is exact, whose names mean what they say, and that no timeout ends.

What is set is what pg_dump sets, and for the same reasons (setup_connection in pg_dump.c), but for
a few settings that only steady the plans of many small reads.
"""

from __future__ import annotations

from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Escaping

from replicate.databases.postgresql.connection import Connection, errors_of

_EXACT = {
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",  # one moment has one text, whatever the server's zone
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmloption": "content",
    "search_path": "",
    "row_security": "off",  # a policy is an error, rather than a table with rows missing
    "quote_all_identifiers": "off",
    "synchronize_seqscans": "off",
    "default_transaction_deferrable": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "enable_tidscan": "on",
}
_ENDLESS = (
    ("lock_timeout", 0),
    ("idle_in_transaction_session_timeout", 0),
    ("idle_session_timeout", 140000),
    ("transaction_timeout", 170000),
)
_TEXTUAL = ("text", "name", "varchar", "bpchar", '"char"')


def session_settings(connection: Connection) -> None:
    """Set up a connection that has just been made. Raises `DatabaseError`.

    Text comes and goes as UTF-8. In a database of SQL_ASCII, whose bytes are in no known encoding,
    it does so as it is, and names are read as `identifier` takes them. A statement_timeout holds
    only where the user gave it for this very connection, in the URI or in PGOPTIONS.
    """
    raw = connection.pgconn.parameter_status(b"server_encoding") == b"SQL_ASCII"
    settings = dict(_EXACT, client_encoding="SQL_ASCII" if raw else "UTF8")
    version = connection.info.server_version
    settings.update({name: "0" for name, since in _ENDLESS if version >= since})
    with errors_of("the session can't be set up"):
        connection.execute(
            "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings "
            "WHERE name = 'statement_timeout' AND source <> 'client'"
        )
        connection.execute(
            "; ".join(f"SET {name} = '{value}'" for name, value in settings.items()).encode()
        )
    if raw:
        for name in _TEXTUAL:
            connection.adapters.register_loader(name, _RawText)


class _RawText(Loader):
    """Text of no known encoding: as UTF-8, and what is not that as lone surrogates."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", "surrogateescape")


def identifier(connection: Connection, *names: str) -> bytes:
    """The name, or the qualified name, as it stands in SQL.

    It is what `psycopg.sql.Identifier` makes, and takes the names of a database of SQL_ASCII too.
    """
    escaping = Escaping(connection.pgconn)
    return b".".join(
        escaping.escape_identifier(name.encode("utf-8", "surrogateescape")) for name in names
    )
