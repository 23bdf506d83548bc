"""Which rule decides over which column, and which columns change together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from replicate.config import load_config
from replicate.config.lock import lock_path, write_lock
from replicate.databases.base import ColumnInfo, ForeignKey, Schema, Table, UniqueKey
from replicate.errors import ConfigError
from replicate.jobs.masking import MaskingPlan, plan_masking
from replicate.jobs.masking.drift import lockable_columns
from replicate.rows.column import Kind, Limits

TEXT = ("id", "email", "work_email", "name", "note", "odd*name", "a.b")


def table(name: str, *columns: str | ColumnInfo, schema: str = "app", **more: object) -> Table:
    infos = [c if isinstance(c, ColumnInfo) else ColumnInfo(c, "text", Kind.TEXT) for c in columns]
    return Table(schema, name, tuple(infos), **more)  # type: ignore[arg-type]  # the test's own


def key_of(column: str) -> UniqueKey:
    return UniqueKey((column,), (column,))


def plan_of(folder: Path, rules: str, *tables: Table, more: str = "") -> MaskingPlan:
    """The plan for `rules`, one a line: table, column, transformer and other keys."""
    lines = ["source:", "  connection_uri: sqlite:///prod.db", *more.splitlines()]
    lines.append("  transformers:")
    by_place: dict[str, list[list[str]]] = {}
    for rule in rules.strip().splitlines():
        place, *parts = rule.split(">")
        by_place.setdefault(place, []).append(parts)
    for place, columns in by_place.items():
        schema, _, name = place.partition(".")
        lines.append(f'    - {{database: "{schema}", table: "{name}", columns: [')
        for column, transformer, *others in columns:
            keys = "".join(f", {key}" for key in others)
            lines.append(f"        {{name: '{column}', transformer_name: {transformer}{keys}}},")
        lines.append("      ]}")
    conf = folder / "conf.yaml"
    conf.write_text("\n".join(lines) + "\n")
    schema_ = Schema(tables)
    return plan_masking(load_config(conf, sections={"source"}), schema_, schema_.tables)


def found(plan: MaskingPlan) -> dict[str, str]:
    return {
        f"{name}.{mask.column}": mask.transformer
        for (_, name), masks in plan.tables.items()
        for mask in masks.columns
    }


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        # Exact names go before patterns, of tables first and then of columns.
        ("*.*>*>redacted\napp.users>email>email", {"email": "email", "name": "redacted"}),
        ("app.users>*>redacted\n*.*>email>email", {"email": "redacted", "name": "redacted"}),
        ("app.*>*>redacted\napp.us*>*>random\napp.u*>*>null", {"email": "random"}),
        ("app.*>*mail>redacted\napp.*>/mail/>random\napp.*>*_e*>null", {"email": "redacted"}),
        ("app.*>*email>redacted\napp.*>work_*email>random", {"work_email": "random"}),
        ("app.*>/^(name|note)$/>random", {"name": "random", "note": "random", "email": None}),
        # A name that looks like a pattern or a path is a name where there is such a column.
        ("app.users>odd*name>random\napp.*>odd*>null", {"odd*name": "random"}),
        ("app.users>a.b>random", {"a.b": "random"}),
    ],
)
def test_the_most_specific_rule_decides(
    tmp_path: Path, rules: str, expected: dict[str, str | None]
) -> None:
    outcome = found(plan_of(tmp_path, rules, table("users", *TEXT)))
    for column, transformer in expected.items():
        assert outcome.get(f"users.{column}") == transformer


def test_a_partition_follows_its_table_and_a_rule_of_its_own_goes_first(tmp_path: Path) -> None:
    parent = table("visits", "who", "ip", partitioned=True)
    inherits = (("app", "visits"),)
    parts = [table(f"visits_{i}", "who", "ip", inherits=inherits) for i in (1, 2)]
    rules = "app.visits>who>random\napp.visits_*>*>null\napp.visits_2>who>redacted"
    assert found(plan_of(tmp_path, rules, parent, *parts)) == {
        "visits.who": "random",
        "visits_1.who": "random",
        "visits_1.ip": "null",
        "visits_2.who": "redacted",
        "visits_2.ip": "null",
    }


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("app.*>na*>random\napp.*>*me>redacted", "two rules fit app.users.name equally well"),
        ("*.users>name>random\napp.*>name>null", ""),  # `users` says more than `app`
        ("ap?.users>name>random\nap*.users>name>null", "two rules fit"),
        ("app.user*>nmae>random", "has no column nmae"),
        ("app.*s>nmae>random", "none of 2 tables has a column that fits nmae"),
        ("app.x*>name>random", "the source has no table that fits app.x*"),
        ("app.users>/(/>random", "is no regular expression"),
        ("app.users>no*thing>random", "has no column no*thing"),
    ],
)
def test_what_no_rule_may_be(tmp_path: Path, rules: str, message: str) -> None:
    tables = [table("users", *TEXT)]
    if ".*s>" in rules:
        tables.append(table("posts", "title"))
    if not message:
        assert found(plan_of(tmp_path, rules, *tables)) == {"users.name": "random"}
        return
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        plan_of(tmp_path, rules, *tables)
    assert caught.value.line is not None


def test_one_transformer_of_two_equal_rules_is_no_contradiction(tmp_path: Path) -> None:
    rules = "app.*>na*>random\napp.*>*me>random"
    assert found(plan_of(tmp_path, rules, table("users", *TEXT)))["users.name"] == "random"


def test_a_pattern_passes_over_generated_columns(tmp_path: Path) -> None:
    made = ColumnInfo("email_low", "text", Kind.TEXT, generated=True)
    users = table("users", "email", made)
    assert found(plan_of(tmp_path, "app.users>*email*>email", users)) == {"users.email": "email"}
    with pytest.raises(ConfigError, match="email_low is a generated column"):
        plan_of(tmp_path, "app.users>email_low>email", users)


@pytest.mark.parametrize(
    ("kind", "takes"),
    [(kind, kind in (Kind.JSON, Kind.TEXT, Kind.ANY)) for kind in Kind],
)
def test_a_path_needs_a_column_that_can_hold_json(tmp_path: Path, kind: Kind, takes: bool) -> None:
    element = Kind.TEXT if kind is Kind.ARRAY else None
    users = table("users", ColumnInfo("doc", "declared", kind, element=element))
    rules = "app.users>doc.a>random"
    if takes:
        assert found(plan_of(tmp_path, rules, users)) == {"users.doc": "random"}
        return
    with pytest.raises(ConfigError, match=r"app\.users\.doc has no JSON for a path") as caught:
        plan_of(tmp_path, rules, users)
    assert caught.value.line is not None


def test_a_custom_transformer_for_a_unique_column_is_told_what_to_promise(tmp_path: Path) -> None:
    rules = "app.users>email>custom-command>transformer_options: {command: [cat]}"
    with pytest.raises(ConfigError, match="unique key") as caught:
        plan_of(tmp_path, rules, USERS)
    assert "`unique: true`" in (caught.value.hint or "")
    with pytest.raises(ConfigError, match="unique key") as caught:
        plan_of(tmp_path, "app.users>email>redacted", USERS)
    assert "use email, token" in (caught.value.hint or "")


USERS = table("users", "email", "boss", "name", unique_keys=(key_of("email"),))
ORDERS = table("orders", "who", foreign_keys=(ForeignKey(("who",), "users", ("email",)),))
LINES = table("lines", "who", foreign_keys=(ForeignKey(("who",), "orders", ("who",)),))


def test_foreign_keys_follow_what_they_refer_to(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "app.users>email>email>link: people", LINES, ORDERS, USERS)
    assert found(plan) == dict.fromkeys(["users.email", "orders.who", "lines.who"], "email")
    masks = {name: masks.columns[0] for (_, name), masks in plan.tables.items()}
    assert masks["lines"].recipe == masks["users"].recipe
    assert masks["orders"].reason.text == "it refers to app.users.email"


def test_a_table_that_refers_to_itself(tmp_path: Path) -> None:
    key = ForeignKey(("boss",), "users", ("email",))
    users = table(
        "users",
        "email",
        "boss",
        unique_keys=(key_of("email"),),
        foreign_keys=(key,),
    )
    assert found(plan_of(tmp_path, "app.users>email>email", users)) == {
        "users.email": "email",
        "users.boss": "email",
    }


@pytest.mark.parametrize(
    "rules",
    [
        "app.orders>who>email",
        "app.orders>who>random\napp.users>email>email",
        "app.orders>who>transient\napp.users>email>email",
        "app.users>email>email\napp.orders>who>email>link: other",
        "app.users>email>email\napp.orders>who>null>when: who is null",
        "app.users>email>template>transformer_options: {template: '{name}'}",
        "app.users>email>email>consistent: false",
        "app.users>email>email>transformer_options: {domain: a.test}\napp.orders>who>email",
    ],
)
def test_the_ends_of_a_foreign_key_change_alike(tmp_path: Path, rules: str) -> None:
    with pytest.raises(ConfigError, match="would break the foreign key") as caught:
        plan_of(tmp_path, rules, ORDERS, USERS)
    assert caught.value.line is not None


def test_what_is_not_dumped_binds_nothing(tmp_path: Path) -> None:
    conf = tmp_path / "conf.yaml"
    plan_of(tmp_path, "app.orders>who>email", ORDERS)
    config = load_config(conf, sections={"source"})
    assert found(plan_masking(config, Schema((ORDERS, USERS)), [ORDERS])) == {"orders.who": "email"}


def test_columns_that_are_bound_share_uniqueness_and_the_narrowest_length(tmp_path: Path) -> None:
    short = ColumnInfo("who", "varchar(40)", Kind.TEXT, limits=Limits(max_chars=40))
    orders = table("orders", short, foreign_keys=ORDERS.foreign_keys)
    longer = ColumnInfo("mail", "varchar(50)", Kind.TEXT, limits=Limits(max_chars=50))
    guests = table("guests", "phone", longer)
    rules = "app.users>email>email\napp.guests>mail>email\napp.guests>phone>random"
    plan = plan_of(tmp_path, rules, orders, USERS, guests)
    targets = {
        f"{name}.{mask.column}": (mask.target.unique, mask.target.limits.max_chars)
        for (_, name), masks in plan.tables.items()
        for mask in masks.columns
    }
    assert targets == {
        "orders.who": (True, 40),
        "users.email": (True, 40),
        "guests.mail": (True, 50),  # of the same domain, though nothing binds it
        "guests.phone": (False, None),
    }


def test_columns_of_a_link_share_the_narrowest_length(tmp_path: Path) -> None:
    one = table("one", ColumnInfo("mail", "varchar(30)", Kind.TEXT, limits=Limits(max_chars=30)))
    two = table("two", "mail")
    plan = plan_of(tmp_path, "app.*>mail>email>link: people", one, two)
    assert [masks.columns[0].target.limits.max_chars for masks in plan.tables.values()] == [30, 30]


def test_what_refers_to_a_table_that_stays_behind_is_masked_all_the_same(tmp_path: Path) -> None:
    plan_of(tmp_path, "app.users>email>email>link: people", ORDERS, USERS)
    config = load_config(tmp_path / "conf.yaml", sections={"source"})
    schema = Schema((ORDERS, USERS))
    whole, part = (
        plan_masking(config, schema, schema.tables),
        plan_masking(config, schema, [ORDERS]),
    )
    assert found(part) == {"orders.who": "email"}
    # And as it is masked in a dump that has both.
    key = ("app", "orders")
    assert part.tables[key].columns == whole.tables[key].columns
    assert part.tables[key].columns[0].target.unique


def test_a_key_to_a_partitioned_table_is_one_to_its_partitions(tmp_path: Path) -> None:
    parent = table("visits", "who", partitioned=True, unique_keys=(key_of("who"),))
    inherits = (("app", "visits"),)
    parts = [table(f"visits_{i}", "who", inherits=inherits) for i in (1, 2)]
    notes = table("notes", "who", foreign_keys=(ForeignKey(("who",), "visits", ("who",)),))
    with pytest.raises(ConfigError, match=r"app.notes.who refers to app.visits_2.who"):
        plan_of(tmp_path, "app.visits_1>who>email", parent, *parts, notes)
    assert found(plan_of(tmp_path, "app.visits>who>email", parent, *parts, notes)) == dict.fromkeys(
        ["visits.who", "visits_1.who", "visits_2.who", "notes.who"], "email"
    )


def test_ends_of_different_sizes_take_what_fits_both(tmp_path: Path) -> None:
    small = ColumnInfo("n", "smallint", Kind.INTEGER, limits=Limits(bits=16))
    parent = table(
        "parent",
        ColumnInfo("n", "bigint", Kind.INTEGER, limits=Limits(bits=64)),
        unique_keys=(key_of("n"),),
    )
    child = table("child", small, foreign_keys=(ForeignKey(("n",), "parent", ("n",)),))
    plan = plan_of(tmp_path, "app.parent>n>format-preserving", parent, child)
    assert [masks.columns[0].target.limits.bits for masks in plan.tables.values()] == [16, 16]
    padded = ColumnInfo("who", "character(60)", Kind.TEXT, limits=Limits(max_chars=60))
    orders = table("orders", padded, foreign_keys=ORDERS.foreign_keys)
    with pytest.raises(ConfigError, match="padded with spaces"):
        plan_of(tmp_path, "app.users>email>email", orders, USERS)


def test_columns_of_a_link_keep_their_own_labels(tmp_path: Path) -> None:
    """Those of another column may be none that it takes."""
    labels = ("new", "open"), ("Open", "New")
    one, two = (
        table(f"t{i}", ColumnInfo("state", "text", Kind.TEXT, limits=Limits(labels=each)))
        for i, each in enumerate(labels)
    )
    plan = plan_of(tmp_path, "app.*>state>choice>link: state", one, two)
    assert tuple(plan.of(each).columns[0].target.limits.labels for each in (one, two)) == labels


def test_an_untouched_column_of_a_link_binds_nothing(tmp_path: Path) -> None:
    notes = table("notes", "s", ColumnInfo("doc", "jsonb", Kind.JSON))
    rules = "app.notes>s>transient>link: a\napp.notes>doc.a>transient>link: a"
    plan = plan_of(tmp_path, f"{rules}\napp.notes>doc.b>email", notes)
    [doc] = [mask for mask in plan.of(notes).columns if mask.column == "doc"]
    assert [each.max_chars for each in doc.paths] == [None, None]


def test_a_link_binds_columns_of_one_transformer(tmp_path: Path) -> None:
    phone = ColumnInfo("phone", "varchar(12)", Kind.TEXT, limits=Limits(max_chars=12))
    rules = "app.users>email>email>link: people\napp.phones>phone>phone-number>link: people"
    plan = plan_of(tmp_path, rules, USERS, table("phones", phone))
    assert plan.tables["app", "users"].columns[0].target.limits.max_chars is None


def test_a_path_agrees_with_the_columns_that_share_its_replacements(tmp_path: Path) -> None:
    mail = ColumnInfo("mail", "varchar(30)", Kind.TEXT, limits=Limits(max_chars=30))
    people = table(
        "people",
        mail,
        ColumnInfo("doc", "jsonb", Kind.JSON),
        unique_keys=(key_of("mail"),),
    )
    rules = "app.people>mail>email>link: a\napp.people>doc.x[*].mail>email>link: a"
    whole, inside = plan_of(tmp_path, rules, people).tables["app", "people"].columns
    assert (whole.target.unique, whole.target.limits.max_chars) == (True, 30)
    assert (inside.paths[0].unique, inside.paths[0].max_chars) == (True, 30)


DOC = ColumnInfo("doc", "jsonb", Kind.JSON)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("app.*>doc.a>email\napp.t>doc>transient", "transient"),
        ("app.t>doc.a>email\napp.*>doc>transient", "email"),
        ("app.t>doc.a>email\napp.t>doc>transient", "email"),
        ("app.t>doc.a>email\napp.*>doc>null", None),
        ("app.*>doc.a>email\napp.t>doc>null", None),
        ("app.t>doc.a>email\napp.*>/do/>null", None),
    ],
)
def test_a_rule_for_a_path_and_one_for_the_whole_column(
    tmp_path: Path, rules: str, expected: str | None
) -> None:
    if expected is None:
        with pytest.raises(ConfigError, match=r"app.t.doc has a rule as a whole"):
            plan_of(tmp_path, rules, table("t", DOC))
    else:
        assert found(plan_of(tmp_path, rules, table("t", DOC))) == {"t.doc": expected}


def test_brackets_in_a_pattern_are_what_they_are(tmp_path: Path) -> None:
    tables = [table("t[1]", "a"), table("t1", "a")]
    assert found(plan_of(tmp_path, "app.*[1]>a>random", *tables)) == {"t[1].a": "random"}


def locked(folder: Path, *tables: Table) -> None:
    write_lock(
        lock_path(folder / "conf.yaml"), sorted(lockable_columns(Schema(tables))), of="conf.yaml"
    )


def test_a_new_column_stops_the_dump(tmp_path: Path) -> None:
    locked(tmp_path, table("users", "email", "name"))
    policy = "  on_new_column: fail"
    now = table("users", "email", "name", "ssn")
    with pytest.raises(ConfigError, match=r"1 column is new since conf.lock: app.users.ssn"):
        plan_of(tmp_path, "app.users>email>email", now, more=policy)
    plan_of(tmp_path, "app.users>email>email\napp.users>ssn>transient", now, more=policy)
    retyped = table("users", "email", ColumnInfo("name", "json", Kind.JSON))
    with pytest.raises(ConfigError, match=r"new since conf.lock: app.users.name"):
        plan_of(tmp_path, "app.users>email>email", retyped, more=policy)
    plan_of(tmp_path, "app.users>email>email", now, more="  on_new_column: pass")


def test_a_policy_without_a_lock_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no conf.lock") as caught:
        plan_of(tmp_path, "app.users>email>email", USERS, more="  on_new_column: fail")
    assert "replicate config lock" in (caught.value.hint or "")


def test_new_columns_are_masked_by_what_they_are(tmp_path: Path) -> None:
    locked(tmp_path, USERS)
    new = table(
        "people",
        ColumnInfo("id", "bigint", Kind.INTEGER, nullable=False),
        "note",
        ColumnInfo("doc", "json", Kind.JSON),
        ColumnInfo("born", "date", Kind.DATE),
        ColumnInfo("email", "text", Kind.TEXT),
        foreign_keys=(ForeignKey(("email",), "users", ("email",)),),
    )
    plan = plan_of(tmp_path, "app.users>name>random", USERS, new, more="  on_new_column: mask")
    assert found(plan) == {
        "users.name": "random",
        "people.id": "random",
        "people.note": "random",
        "people.doc": "null",
        "people.born": "random-date",
        # and people.email holds what users.email holds, which stays
    }
    plan = plan_of(tmp_path, "app.users>email>email", USERS, new, more="  on_new_column: mask")
    assert found(plan)["people.email"] == "email"
    nulls = table("people", "email", foreign_keys=new.foreign_keys)
    plan = plan_of(tmp_path, "app.users>name>random", USERS, nulls, more="  on_new_column: null")
    assert found(plan) == {"users.name": "random", "people.email": "null"}


def test_a_new_column_that_takes_no_null_is_not_passed_on(tmp_path: Path) -> None:
    locked(tmp_path, table("users", "email"))
    now = table("users", "email", ColumnInfo("doc", "json", Kind.JSON, nullable=False))
    for policy in ("mask", '"null"'):
        with pytest.raises(ConfigError, match=r"the new column app.users.doc can't be masked"):
            plan_of(tmp_path, "app.users>email>email", now, more=f"  on_new_column: {policy}")


def test_the_word_null_is_a_policy_without_quotes_as_well(tmp_path: Path) -> None:
    locked(tmp_path, table("users", "email"))
    now = table("users", "email", "ssn")
    plan = plan_of(tmp_path, "app.users>email>email", now, more="  on_new_column: null")
    assert found(plan)["users.ssn"] == "null"


def test_a_new_partition_is_nothing_new(tmp_path: Path) -> None:
    parent = table("visits", "who", partitioned=True)
    locked(tmp_path, parent, USERS)
    part = table("visits_9", "who", inherits=(("app", "visits"),))
    plan_of(tmp_path, "app.users>email>email", USERS, parent, part, more="  on_new_column: fail")


def test_new_columns_that_refer_to_each_other_are_masked(tmp_path: Path) -> None:
    locked(tmp_path, USERS)
    key = ForeignKey(("id",), "b", ("id",))
    one = table("a", "id", foreign_keys=(key,), unique_keys=(key_of("id"),))
    back = ForeignKey(("id",), "a", ("id",))
    other = table("b", "id", foreign_keys=(back,), unique_keys=(key_of("id"),))
    itself = ForeignKey(("boss",), "c", ("id",))
    alone = table("c", "id", "boss", foreign_keys=(itself,), unique_keys=(key_of("id"),))
    policy = "  on_new_column: mask"
    plan = plan_of(tmp_path, "app.users>email>transient", USERS, one, other, alone, more=policy)
    assert found(plan) == {"users.email": "transient"} | dict.fromkeys(
        ["a.id", "b.id", "c.id", "c.boss"], "token"
    )


def test_a_new_table_that_can_not_be_masked_stops_the_dump(tmp_path: Path) -> None:
    locked(tmp_path, USERS)
    index = table("index", "word", maskable=False, note="an index kept as a table")
    with pytest.raises(ConfigError, match=r"app.index.word can't be masked: an index") as caught:
        plan_of(tmp_path, "app.users>email>email", USERS, index, more="  on_new_column: mask")
    assert "skip" in (caught.value.hint or "")
