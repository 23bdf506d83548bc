"""A new database beside the target, which takes the target's name when it is whole.

Whatever fails or is killed before that leaves the target as it was, and at worst a database called
``…_replicate_…`` that nobody uses.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import errors, sql
from psycopg.abc import Query

from replicate.databases.postgresql.connection import Address, Connection, errors_of, translate
from replicate.databases.postgresql.sessions import execute, open_session
from replicate.errors import DatabaseError, GuardError

_NAME_BYTES = 63
"""What a name may have at most (NAMEDATALEN - 1)."""

_TRIES = 3
"""Tries to rename. The server itself waits five seconds in each for sessions to end."""

_ENDING_SECONDS = 5.0
"""How long sessions in the target may take to end: as long as the server's own renaming waits.
Those that looked at it a moment ago are closed here, and gone there only a little later."""

_LISTS = frozenset(
    {
        "local_preload_libraries", "search_path", "session_preload_libraries",
        "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories",
    }
)  # fmt: skip
"""Settings that are lists of names (GUC_LIST_QUOTE): one literal would be one name."""

_SETTINGS = """
    SELECT pg_catalog.pg_get_userbyid(NULLIF(s.setrole, 0)), c
    FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS c WHERE s.setdatabase = %s"""

_GRANTS = """
    SELECT CASE a.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(a.grantee) END,
           a.privilege_type, a.is_grantable
    FROM pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) AS a WHERE d.oid = %s"""

_SESSIONS = """
    SELECT count(*) FROM pg_catalog.pg_stat_activity
    WHERE datid = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""

_USES = {
    "prepared transactions": "pg_prepared_xacts WHERE database = current_database()",
    "subscriptions": "pg_subscription WHERE subdbid = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())",
    "logical replication slots": "pg_replication_slots WHERE database = current_database()",
}
"""What belongs to one database and keeps it from being dropped."""


@dataclass(frozen=True, slots=True)
class _Original:
    """The target as it was found."""

    oid: int
    name: str
    owner: str
    template: bool
    connections: int
    creation: sql.Composed
    """The options of CREATE DATABASE that make another one like it."""


class Swap:
    """One replacement of a database. `name` is that of the new one, once `create` has made it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._token = secrets.token_hex(4)
        self._original: _Original | None = None
        self.name = ""

    def create(self) -> None:
        """Make the new database: empty, with the encoding, locale and owner of the target.

        Raises `GuardError` where the target is in use, for then it could not be replaced in the
        end, and `DatabaseError` where the role may not do it.
        """
        with (
            contextlib.closing(open_session(self._address)) as target,
            errors_of("the database can't be looked at"),
        ):
            self._original = original = _look_at(target)
            _refuse_uses(target, original.name)
        with self._maintenance(original) as connection:
            _refuse_sessions(connection, original, patience=_ENDING_SECONDS)
            name = _beside(original.name, f"_replicate_{self._token}")
            with errors_of(f"a new database beside {original.name} can't be made"):
                _run(connection, sql.SQL("CREATE DATABASE {} TEMPLATE template0 {}").format(
                    sql.Identifier(name), original.creation))  # fmt: skip
            self.name = name

    def commit(self) -> None:
        """Give the new database the target's name, its settings, privileges and comment.

        Raises `GuardError` where others are connected to the target, which stays as it was.
        Nobody else may be connected to the new one. The old one is dropped.
        """
        original = self._found
        old = _beside(original.name, f"_old_{self._token}")
        with self._maintenance(original) as connection:
            for left in reversed(range(_TRIES)):
                try:
                    with connection.transaction():
                        self._exchange(connection, original, old)
                    break
                except errors.ObjectInUse:
                    if left:
                        continue
                    _refuse_sessions(connection, original)
                    raise GuardError(
                        f"{original.name} is in use, and can't be replaced",
                        hint="end what uses it, and restore again; it is as it was",
                    ) from None
                except psycopg.Error as error:
                    raise translate(error, f"{original.name} can't be replaced") from None
            self.name = ""
            _drop_old(connection, old, original.name)

    def _exchange(self, connection: Connection, original: _Original, old: str) -> None:
        new, name = sql.Identifier(self.name), sql.Identifier(original.name)
        [(oid,)] = connection.execute(
            "SELECT oid FROM pg_catalog.pg_database WHERE datname = %s", [original.name]
        ).fetchall() or [(None,)]
        if oid != original.oid:
            raise GuardError(f"{original.name} was replaced by somebody else during the restore")
        for statement in _likeness(connection, original, new):
            _run(connection, statement)
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        _run(connection, rename.format(name, sql.Identifier(old)))
        _run(connection, rename.format(new, name))

    def abort(self) -> None:
        """Drop the new database, if it is there. Never raises."""
        name, self.name = self.name, ""
        if not name or self._original is None:
            return
        for _ in range(_TRIES):
            with contextlib.suppress(Exception), self._maintenance(self._original) as connection:
                _drop(connection, name)
                return
            time.sleep(0.5)

    @property
    def _found(self) -> _Original:
        if self._original is None:
            raise DatabaseError("no restore has begun")
        return self._original

    @contextmanager
    def _maintenance(self, original: _Original) -> Iterator[Connection]:
        """A connection to a third database of the server."""
        connection = connect_beside(self._address, original.name)
        try:
            yield connection
        finally:
            connection.close()


def connect_beside(address: Address, name: str) -> Connection:
    """A session in another database of the same server than `name`. Raises `DatabaseError`."""
    names = [other for other in ("postgres", "template1") if other != name]
    for other in names[:-1]:
        with contextlib.suppress(DatabaseError):
            return open_session(address, other)
    return open_session(address, names[-1])


def _look_at(connection: Connection) -> _Original:
    version = connection.info.server_version // 10000
    provider = "datlocprovider::text" if version >= 15 else "'c'"
    locale = "datlocale" if version >= 17 else "daticulocale" if version >= 15 else "NULL"
    rules = "daticurules" if version >= 16 else "NULL"
    [row] = connection.execute(
        "SELECT d.oid, d.datname, pg_get_userbyid(d.datdba), d.datistemplate, d.datconnlimit, "  # noqa: S608
        f"pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, t.spcname, {provider}, "
        f"{locale}, {rules} FROM pg_catalog.pg_database d "
        "JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace "
        "WHERE d.datname = current_database()"
    ).fetchall()
    oid, name, owner, template, limit, encoding, collate, ctype, space, kind, locale, rules = row
    options = [
        _option("OWNER", sql.Identifier(owner)),
        _option("ENCODING", sql.Literal(encoding)),
        _option("LC_COLLATE", sql.Literal(collate)),
        _option("LC_CTYPE", sql.Literal(ctype)),
        _option("TABLESPACE", sql.Identifier(space)),
        _option("CONNECTION LIMIT", sql.Literal(limit)),
    ]
    if kind == "i":
        options += [
            _option("LOCALE_PROVIDER", sql.SQL("icu")),
            _option("ICU_LOCALE", sql.Literal(locale)),
        ]
        if rules:
            options.append(_option("ICU_RULES", sql.Literal(rules)))
    elif kind == "b":
        options += [
            _option("LOCALE_PROVIDER", sql.SQL("builtin")),
            _option("BUILTIN_LOCALE", sql.Literal(locale)),
        ]
    elif version >= 15:
        options.append(_option("LOCALE_PROVIDER", sql.SQL("libc")))
    return _Original(oid, name, owner, template, limit, sql.SQL(" ").join(options))


def _option(name: str, value: sql.Composable) -> sql.Composed:
    return sql.SQL("{} = {}").format(sql.SQL(name), value)


def _likeness(
    connection: Connection, original: _Original, new: sql.Identifier
) -> Iterator[sql.Composed]:
    """The statements that give the new database what the old one has beside its contents."""
    for role, setting in connection.execute(_SETTINGS, [original.oid]).fetchall():
        key, _, value = setting.partition("=")
        values = [part.strip() for part in _split_list(value)] if key in _LISTS else [value]
        where = (
            sql.SQL("ALTER DATABASE {}").format(new)
            if role is None
            else sql.SQL("ALTER ROLE {} IN DATABASE {}").format(sql.Identifier(role), new)
        )
        yield sql.SQL("{} SET {} TO {}").format(
            where,
            sql.SQL(".").join(map(sql.Identifier, key.split("."))),
            sql.SQL(", ").join(map(sql.Literal, values)),
        )
    [(acl, comment)] = connection.execute(
        "SELECT datacl IS NOT NULL, pg_catalog.shobj_description(oid, 'pg_database') "
        "FROM pg_catalog.pg_database WHERE oid = %s",
        [original.oid],
    ).fetchall()
    if acl:
        yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, {}").format(
            new, sql.Identifier(original.owner)
        )
        for grantee, privilege, grantable in connection.execute(_GRANTS, [original.oid]).fetchall():
            yield sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
                sql.SQL(privilege),
                new,
                sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee),
                sql.SQL(" WITH GRANT OPTION" if grantable else ""),
            )
    if comment is not None:
        yield sql.SQL("COMMENT ON DATABASE {} IS {}").format(new, sql.Literal(comment))
    if original.template:
        yield sql.SQL("ALTER DATABASE {} IS_TEMPLATE true").format(new)


def _split_list(value: str) -> list[str]:
    """The names of a list as `pg_db_role_setting` has it: quoted like identifiers, or bare."""
    names: list[str] = []
    rest = value.strip()
    while rest:
        if rest.startswith('"'):
            end = 1
            while (end := rest.index('"', end)) + 1 < len(rest) and rest[end + 1] == '"':
                end += 2
            names.append(rest[1:end].replace('""', '"'))
            rest = rest[end + 1 :]
        else:
            name, comma, tail = rest.partition(",")
            names.append(name.strip())
            rest = comma + tail
        rest = rest.strip().removeprefix(",").strip()
    return names or [""]


def _run(connection: Connection, statement: Query) -> None:
    connection.execute(statement, prepare=False)


def _refuse_uses(connection: Connection, name: str) -> None:
    for noun, query in _USES.items():
        with contextlib.suppress(errors.InsufficientPrivilege):
            [(count,)] = connection.execute(
                f"SELECT count(*) FROM pg_catalog.{query}".encode()  # noqa: S608 - constants
            ).fetchall()
            if count:
                raise GuardError(
                    f"{name} can't be replaced, since it has {noun}",
                    hint=f"remove its {noun}, or restore without a swap",
                )


def _others(connection: Connection, original: _Original) -> int:
    """How many other sessions the target has."""
    [(count,)] = connection.execute(_SESSIONS, [original.oid]).fetchall()
    return int(count)


def _refuse_sessions(connection: Connection, original: _Original, *, patience: float = 0.0) -> None:
    """Raises `GuardError` where the target has sessions that don't end in `patience` seconds."""
    deadline = time.monotonic() + patience
    while (count := _others(connection, original)) and time.monotonic() < deadline:
        time.sleep(0.05)
    if count:
        sessions = "another session is" if count == 1 else f"{count:,} other sessions are"
        raise GuardError(
            f"{sessions} connected to {original.name}, which can't be replaced meanwhile",
            hint="end them, and restore again; the database is as it was",
        )


def _drop(connection: Connection, name: str) -> None:
    force = " WITH (FORCE)" if connection.info.server_version >= 130000 else ""
    execute(connection, f"DROP DATABASE IF EXISTS {sql.Identifier(name).as_string(None)}{force}")


def _drop_old(connection: Connection, old: str, name: str) -> None:
    try:
        if connection.execute(
            "SELECT datistemplate FROM pg_catalog.pg_database WHERE datname = %s", [old]
        ).fetchall() == [(True,)]:
            _run(connection, sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(
                sql.Identifier(old)))  # fmt: skip
        _drop(connection, old)
    except psycopg.Error as error:
        found = translate(
            error, f"{name} is restored, but what it replaced is still there as {old}"
        )
        raise DatabaseError(found.message, hint="drop it when nothing needs it") from None


def _beside(name: str, ending: str) -> str:
    """A name that begins as `name` does and fits, however long that is."""
    room = _NAME_BYTES - len(ending)
    return name.encode()[:room].decode(errors="ignore") + ending
