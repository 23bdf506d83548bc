"""`replicate transformer show-plan`: rules as conf.yaml writes them, and names told apart."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from replicate.cli.rule_words import name_words, rule_words
from tests.support.cli_process import Workplace


@pytest.mark.parametrize(
    ("column", "path", "words"),
    [
        ("email", "", "email"),
        ("profile", "contacts[*].email", "profile.contacts[*].email"),
        ("phones", "[*]", "phones[*]"),
        ("größe_2", "", "größe_2"),
        ("a.b", "", '"a.b"'),
        ("a", "b", "a.b"),
        ("a.b", "c", '"a.b".c'),
        ("a b", "", '"a b"'),
        ('"a"', "", '"\\"a\\""'),
        ("a\\", "", '"a\\\\"'),
        ("", "", '""'),
        ("x*", "", '"x*"'),
        ("a\n\x1b[31m", "", '"a\\n\\x1b[31m"'),
        ("a", '["b\n\u202e"]', 'a["b\\n\\u202e"]'),
    ],
)
def test_names_and_paths(column: str, path: str, words: str) -> None:
    assert rule_words(column, path) == words


def test_names_with_dots_are_told_from_names_between_dots() -> None:
    assert name_words("a.b", "c") != name_words("a", "b.c") != name_words("a", "b", "c")


def test_a_plan_of_odd_names(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    place.source.unlink()
    with closing(sqlite3.connect(place.source)) as database:
        database.execute(
            'CREATE TABLE "t.x" (doc JSON, "a.b" TEXT, note TEXT, "odd\tone\x1b[31m" TEXT)'
        )
        database.commit()
    place.config.write_text(
        f"source:\n  connection_uri: sqlite:///{place.source}\n  transformers:\n"
        "    - database: main\n      table: t.x\n      columns:\n"
        '        - {name: "doc.contacts[*].email", transformer_name: email, link: people}\n'
        "        - {name: a.b, transformer_name: redacted, when: \"note != 'a\tb'\"}\n"
        '        - {name: "odd\\tone\\e[31m", transformer_name: redacted}\n'
    )
    out = place.run("transformer", "show-plan").succeeded().out
    assert 'main."t.x".doc.contacts[*].email  email, linked as people ' in out
    assert 'main."t.x"."a.b" ' in out
    assert 'main."t.x"."odd\\tone\\x1b[31m" ' in out
    assert "when note != 'a\\tb'" in out
    assert "\x1b" not in out
