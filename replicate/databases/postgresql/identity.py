"""What tells one database from another, whoever asks and by whatever way they came."""

from __future__ import annotations

import psycopg

from replicate.databases.postgresql.connection import Connection, errors_of


def fingerprint(connection: Connection) -> frozenset[str]:
    """Facets of the database that the connection is to. Raises `DatabaseError`.

    The one that lasts is the cluster's identifier, which initdb makes up, with the database's oid.
    A standby and a copied data directory have the same, and are the same database for us. One
    more is of the server's last start; two roles have it in common even where only one of them
    may ask for the identifier, which everybody may unless the right was taken away. For a role
    without it the server's address stands in, where that is not one that every machine has.
    """
    with errors_of("the database can't be identified"):
        row = connection.execute(
            "SELECT oid::text, extract(epoch FROM pg_postmaster_start_time())::text, "
            "host(inet_server_addr()), inet_server_port(), "
            "coalesce(inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1', true), "
            "has_function_privilege('pg_control_system()', 'EXECUTE') "
            "FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        if row is None:
            raise psycopg.DataError("the server does not name the database")
        oid, started, address, port, local, permitted = row
        facets = {f"postgresql:started:{started}:{oid}"}
        if permitted:
            found = connection.execute("SELECT system_identifier FROM pg_control_system()")
            facets.update(f"postgresql:{identifier}:{oid}" for (identifier,) in found)
        elif not local:
            facets.add(f"postgresql:address:{address}:{port}:{oid}")
    return frozenset(facets)


def server_start(connection: Connection) -> str:
    """What differs between two servers, even if one is the other's standby."""
    with errors_of("the server can't be identified"):
        [(started,)] = connection.execute(
            "SELECT extract(epoch FROM pg_postmaster_start_time())::text"
        ).fetchall()
    return str(started)
