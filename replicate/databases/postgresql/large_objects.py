"""Large objects: what creates them, without their bytes, which travel as a table's rows."""

from __future__ import annotations

from replicate.databases.postgresql.archive import literal, quote
from replicate.databases.postgresql.connection import Connection, errors_of
from replicate.databases.postgresql.dependents import text
from replicate.databases.postgresql.entries import Entry

NAME = ("pg_catalog", "pg_largeobject")
"""The table that stands for all large objects."""

_AT_ONCE = 10_000
"""Large objects created by one statement."""

_OBJECTS = """
    SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner), d.description
      FROM pg_catalog.pg_largeobject_metadata m
      LEFT JOIN pg_catalog.pg_description d
        ON d.classoid = 2613 AND d.objoid = m.oid AND d.objsubid = 0
     ORDER BY m.oid
"""
_GRANTS = """
    SELECT m.oid, CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee) END,
           a.privilege_type, a.is_grantable
      FROM pg_catalog.pg_largeobject_metadata m CROSS JOIN LATERAL pg_catalog.aclexplode(m.lomacl) a
     WHERE a.grantee <> m.lomowner
     ORDER BY m.oid
"""


def large_objects(connection: Connection, number: int) -> Entry | None:
    """The entry of that number that creates all large objects, or None if there are none."""
    with errors_of("the large objects can't be listed"):
        found = connection.execute(_OBJECTS).fetchall()
        grants = connection.execute(_GRANTS).fetchall()
    if not found:
        return None
    creating, dropping = [], []
    for start in range(0, len(found), _AT_ONCE):
        oids = ",".join(str(oid) for oid, _, _ in found[start : start + _AT_ONCE])
        batch = f"'{{{oids}}}'::pg_catalog.oid[]"
        # Counted, so that a script's output is a line and not thousands.
        creating.append(
            "SELECT pg_catalog.count(pg_catalog.lo_create(oid)) "  # noqa: S608 - numbers
            f"FROM pg_catalog.unnest({batch}) AS o (oid);"
        )
        dropping.append(
            "SELECT pg_catalog.count(pg_catalog.lo_unlink(oid)) "  # noqa: S608 - numbers
            f"FROM pg_catalog.pg_largeobject_metadata WHERE oid = ANY ({batch});"
        )
    creating += (
        f"COMMENT ON LARGE OBJECT {oid} IS {literal(text(comment))};"
        for oid, _, comment in found
        if comment is not None
    )
    owners = (f"ALTER LARGE OBJECT {oid} OWNER TO {quote(text(owner))};" for oid, owner, _ in found)
    privileges = (
        f"GRANT {text(privilege)} ON LARGE OBJECT {oid} "
        f"TO {'PUBLIC' if grantee is None else quote(text(grantee))}"
        f"{' WITH GRANT OPTION' if grantable else ''};"
        for oid, grantee, privilege, grantable in grants
    )
    return Entry(
        number,
        "LARGE OBJECTS",
        *NAME,
        "\n".join(creating),
        table=NAME,
        drop="\n".join(dropping),
        owner="\n".join(owners),
        privileges="\n".join(privileges),
    )
