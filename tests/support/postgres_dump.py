"""A small dump of PostgreSQL's made by hand, and the journey that restores it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from replicate.databases.base import Destination, LoadTable, RowBlock
from replicate.databases.postgresql.entries import SETTINGS, Entry, write_script

SET = Entry(
    900,
    SETTINGS,
    "",
    "settings",
    "SET client_encoding = 'UTF8';\nSELECT pg_catalog.set_config('search_path', '', false);\n"
    "SET check_function_bodies = false;\nSET setting_of_a_newer_server = 0;",
)

USERS = LoadTable("public", "users", ("id", "name", "mood"))
ORDERS = LoadTable("public", "orders", ("id", "user_id", "total"))


def table(number: int, name: str, columns: str, *depends: int) -> Entry:
    return Entry(
        number, "TABLE", "public", name, f"CREATE TABLE public.{name} ({columns});",
        depends=depends, drop=f"DROP TABLE public.{name};",
    )  # fmt: skip


def after(number: int, kind: str, owner: str, name: str, sql: str, *depends: int) -> Entry:
    return Entry(number, kind, "public", name, sql, depends=depends, table=("public", owner))


PRE = (
    SET,
    Entry(1, "TYPE", "public", "mood", "CREATE TYPE public.mood AS ENUM ('sad', 'ok');",
          drop="DROP TYPE public.mood;"),
    Entry(2, "FUNCTION", "public", "touch()",
          "CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS "
          "$$ BEGIN new.name := new.name || '%'; RETURN new; END $$;",
          drop="DROP FUNCTION public.touch();"),
    table(3, "users", "id integer NOT NULL, name text, mood public.mood", 1),
    Entry(4, "SEQUENCE", "public", "users_id_seq", "CREATE SEQUENCE public.users_id_seq;",
          drop="DROP SEQUENCE public.users_id_seq;"),
    Entry(5, "SEQUENCE OWNED BY", "public", "users_id_seq",
          "ALTER SEQUENCE public.users_id_seq OWNED BY public.users.id;", depends=(3, 4)),
    table(6, "orders", "id integer NOT NULL, user_id integer, total numeric CHECK (total >= 0)"),
    Entry(7, "VIEW", "public", "totals",
          "CREATE VIEW public.totals AS SELECT user_id, sum(total) FROM public.orders GROUP BY 1;",
          depends=(6,), drop="DROP VIEW public.totals;"),
    Entry(8, "MATERIALIZED VIEW", "public", "kept",
          "CREATE MATERIALIZED VIEW public.kept AS SELECT count(*) FROM public.users WITH NO DATA;",
          depends=(3,), drop="DROP MATERIALIZED VIEW public.kept;"),
    Entry(9, "DEFAULT", "public", "users id",
          "ALTER TABLE ONLY public.users ALTER COLUMN id SET DEFAULT "
          "nextval('public.users_id_seq'::regclass);", depends=(3, 4), table=("public", "users")),
)  # fmt: skip

POST = (
    SET,
    after(20, "TRIGGER", "users", "users touched",
          "CREATE TRIGGER touched BEFORE INSERT ON public.users FOR EACH ROW "
          "EXECUTE FUNCTION public.touch();", 3, 2),
    after(21, "CONSTRAINT", "users", "users users_pkey",
          "ALTER TABLE ONLY public.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);", 3),
    after(22, "CONSTRAINT", "orders", "orders orders_pkey",
          "ALTER TABLE ONLY public.orders ADD CONSTRAINT orders_pkey PRIMARY KEY (id);", 6),
    after(23, "FK CONSTRAINT", "orders", "orders orders_user",
          "ALTER TABLE ONLY public.orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) "
          "REFERENCES public.users(id);", 6, 3, 21),
    after(24, "INDEX", "users", "users_name", "CREATE INDEX users_name ON public.users (name);", 3),
    after(25, "INDEX", "users", "users_mood", "CREATE INDEX users_mood ON public.users (mood);", 3),
    after(26, "MATERIALIZED VIEW DATA", "kept", "kept",
          "REFRESH MATERIALIZED VIEW public.kept;", 8),
    after(27, "SEQUENCE SET", "users", "users_id_seq",
          "SELECT pg_catalog.setval('public.users_id_seq', 177, true);", 4),
)  # fmt: skip


@dataclass(frozen=True)
class Dump:
    """The two sections, and pieces of tables' rows."""

    pre: Sequence[Entry] = PRE
    post: Sequence[Entry] = POST
    rows: Sequence[tuple[LoadTable, Sequence[RowBlock]]] = ()


def block(*lines: str) -> RowBlock:
    return RowBlock("".join(f"{line}\n" for line in lines).encode(), len(lines))


def users(first: int, count: int) -> tuple[LoadTable, list[RowBlock]]:
    return USERS, [block(*(f"{i}\tname {i}\tok" for i in range(first, first + count)))]


def orders(first: int, count: int) -> tuple[LoadTable, list[RowBlock]]:
    return ORDERS, [block(*(f"{i}\t{i}\t{i}.50" for i in range(first, first + count)))]


def shop(size: int = 100) -> Dump:
    half = size // 2
    return Dump(rows=(users(0, half), users(half, half), orders(0, half), orders(half, half)))


def restore(
    destination: Destination,
    dump: Dump,
    *,
    wipe: bool = False,
    jobs: int = 2,
    only: Sequence[LoadTable] | None = None,
) -> int:
    """What `replicate restore` does with a destination; the number of rows."""
    pre, post = write_script(dump.pre), write_script(dump.post)
    chosen = [piece for piece in dump.rows if only is None or piece[0] in only]
    try:
        if wipe:
            destination.would_drop(pre, post)
        lanes = destination.begin(wipe=wipe, jobs=jobs)
        destination.run(pre, only=only)
        with ThreadPoolExecutor(lanes) as threads:
            rows = sum(threads.map(lambda piece: destination.load(piece[0], piece[1]), chosen))
        destination.run(post, only=only)
        destination.finish()
    except BaseException:
        destination.abort()
        raise
    return rows


def failing(blocks: Iterable[RowBlock], error: BaseException) -> Iterator[RowBlock]:
    yield from blocks
    raise error
