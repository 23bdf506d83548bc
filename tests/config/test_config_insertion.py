"""Rules put into conf.yaml: where they go, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from replicate.config import load_config
from replicate.config.insertion import NewRules, insert_rules, section
from replicate.errors import ConfigError

RULES = (
    NewRules("main", "people", (("email", "email"), ("profile.contacts[*].email", "email"))),
    NewRules("main", "no", (("null", "null"), ('a"b: #é', "redacted"))),
)

BARE = """\
# the head
source:   # where it comes from
  connection_uri: sqlite:///prod.db   # the file

  # about speed
  jobs: 2


# where it goes
datastore:
  local_disk: {dir: ./dumps}
"""

LISTED = """\
source:
    transformers:
    # people first
    - table: people
      database: main
      columns:
      - {name: phone, transformer_name: phone-number}   # flow
      - name: note # free text
        transformer_name: random

        # more to come
    - {database: main, table: visits, columns: [{name: email, transformer_name: email}]}
    connection_uri: 'sqlite:///prod.db'
datastore: {local_disk: {dir: ./dumps}}"""


def loaded(text: str) -> dict[tuple[str, str], dict[str, str]]:
    source = yaml.safe_load(text)["source"]
    return {
        (rule["database"], rule["table"]): {
            column["name"]: column["transformer_name"] for column in rule["columns"]
        }
        for rule in source["transformers"] or ()
    }


def lines_kept(before: str, after: str) -> bool:
    """Whether all lines of the first are in the second, in their order."""
    rest = iter(after.splitlines())
    return all(line in rest for line in before.splitlines())


NEW = {(rule.database, rule.table): dict(rule.columns) for rule in RULES}


def test_a_source_without_rules_gets_a_section() -> None:
    after = insert_rules(BARE, RULES)
    assert loaded(after) == NEW
    head, _, tail = BARE.partition("  jobs: 2\n")
    assert after == head + "  jobs: 2\n" + section(RULES) + tail


def test_a_list_grows_and_its_entries_grow() -> None:
    after = insert_rules(LISTED, RULES)
    assert lines_kept(LISTED, after)
    found = loaded(after)
    assert found["main", "people"] == {
        "phone": "phone-number", "note": "random", **NEW["main", "people"],
    }  # fmt: skip
    assert found["main", "no"] == NEW["main", "no"]
    assert found["main", "visits"] == {"email": "email"}
    assert after.endswith("{dir: ./dumps}}"), "a last line without its end stays so"


@pytest.mark.parametrize(
    "empty", ["", " ", " null", " ~", " []", " [ ]", "  # none yet", " []  # none yet"]
)
@pytest.mark.parametrize("last", [True, False])
def test_an_empty_list_is_filled(empty: str, last: bool) -> None:
    uri = "  connection_uri: sqlite:///prod.db\n"
    key = f"  transformers:{empty}\n"
    before = "source:\n" + (uri + key if last else key + uri) + "# the end\n"
    after = insert_rules(before, RULES)
    assert loaded(after) == NEW
    assert ("# none yet" in after) == ("# none yet" in before)
    assert after.endswith("# the end\n")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("text", [BARE, LISTED])
def test_line_ends_stay(text: str, newline: str) -> None:
    before = text.replace("\n", newline)
    after = insert_rules(before, RULES)
    assert loaded(after).items() >= {("main", "no"): NEW["main", "no"]}.items()
    assert after.count("\n") == after.count(newline)
    assert after.replace(newline, "\n") == insert_rules(text, RULES)


@pytest.mark.parametrize(
    "tail",
    [
        "  pg_bin_path: |\n    a\n\n    b\n\n# after\n",
        "  pg_bin_path: >-\n    a\n    b",
        "  pg_bin_path: 'a\n    b'\n",
        "  pg_bin_path: a\n    b # said\n",
        "  skip:\n  - database: main\n    table: t\n\n",
        "  skip: [\n    {database: main, table: t}\n  ]\n",
        "  slice_size:\n",
        "  slice_size:",
        "  slice_size:   # default\n# after\n",
        "  skip:\n  -\n",
    ],
)
def test_whatever_the_section_ends_with(tail: str) -> None:
    before = "source:\n  connection_uri: x\n" + tail
    after = insert_rules(before, RULES)
    assert loaded(after) == NEW
    assert lines_kept(before, after)
    rest = yaml.safe_load(after)
    del rest["source"]["transformers"]
    assert rest == yaml.safe_load(before)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("source: {connection_uri: x}\n", 1),
        ("source:\n  transformers: [{database: d, table: t, columns: []}]\n", 2),
        ("source:\n  transformers:\n  - {database: main, table: people, columns: []}\n", 3),
        ("source:\n  transformers:\n  - database: main\n    table: people\n    columns: []\n", 5),
    ],
)
def test_brackets_are_refused(text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        insert_rules(text, RULES, file="conf.yaml")
    assert caught.value.message.startswith(f"conf.yaml:{line}: ")
    assert "brackets or braces" in caught.value.message
    assert caught.value.hint


names = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufeff\ufffe\uffff"),
    min_size=1,
    max_size=12,
).filter(str.strip)


@given(st.sampled_from([BARE, LISTED, "source:\n  transformers:\n"]), names, names, names)
def test_any_name_comes_back(text: str, database: str, table: str, column: str) -> None:
    after = insert_rules(text, [NewRules(database, table, ((column, "email"),))])
    assert loaded(after)[database, table][column] == "email"
    assert lines_kept(text, after)


def test_the_loader_reads_what_is_written(tmp_path: Path) -> None:
    file = tmp_path / "conf.yaml"
    rules = [
        NewRules("main", name, ((name, "null"),))
        for name in (
            "yes",
            "1",
            "0x1",
            "1.5",
            "~",
            "a b",
            "$HOME",
            "${X}",
            "'",
            "- a",
            "#",
            "Ü",
            "-",
        )
    ]
    file.write_text(insert_rules(BARE, rules), encoding="utf-8")
    source = load_config(file, sections=["source"]).source
    assert source is not None
    assert [(r.table, r.columns[0].name) for r in source.transformers] == [
        (r.table, r.table) for r in rules
    ]
    assert {r.columns[0].transformer_name for r in source.transformers} == {"null"}
