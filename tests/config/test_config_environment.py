"""Environment variables in values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicate.config.environment import (
    MAX_NESTING,
    FromEnvironment,
    expand,
    expand_sections,
    holds_reference,
)
from replicate.config.positions import Positions
from replicate.errors import ConfigError

ENVIRON = {"USER": "ann", "HOST": "db", "EMPTY": "", "PRICE": "$USER ${HOST} $$", "_x1": "under"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$USER", "ann"),
        ("${USER}", "ann"),
        ("$EMPTY", ""),
        ("postgres://$USER@${HOST}:5432/x", "postgres://ann@db:5432/x"),
        ("$USER$HOST", "anndb"),
        ("${USER}s", "anns"),
        ("$USER.txt", "ann.txt"),
        ("$_x1", "under"),
        ("${NOPE:-dump}", "dump"),
        ("${EMPTY:-dump}", "dump"),
        ("${USER:-dump}", "ann"),
        ("${NOPE:-}", ""),
        ("${NOPE:-a}b}", "ab}"),
        ("${NOPE:-$USER@$$}", "ann@$"),
        ("${NOPE:-${NEITHER:-${HOST}}}", "db"),
        ("${USER:-$NOPE}", "ann"),
        ("${NOPE:-sqlite:///x.db}", "sqlite:///x.db"),
        ("$$", "$"),
        ("$$USER", "$USER"),
        ("$$$USER", "$ann"),
        ("pa$$word", "pa$word"),
        ("pa$", "pa$"),
        ("$5 and $ 6", "$5 and $ 6"),
        ("a}b", "a}b"),
        ("", ""),
        # What a variable holds is not looked into.
        ("$PRICE", "$USER ${HOST} $$"),
        ("${NOPE:-$PRICE}", "$USER ${HOST} $$"),
    ],
)
def test_expansion(text: str, expanded: str) -> None:
    assert expand(text, ENVIRON) == expanded


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$NOPE", "the environment variable NOPE is not set"),
        ("x${NOPE}y", "the environment variable NOPE is not set"),
        ("${EMPTY:-$NOPE}", "the environment variable NOPE is not set"),
        ("${USER", "only ${NAME} and ${NAME:-default} are understood"),
        ("${USER:-x", "a `${` is not closed"),
        ("${", "a `${` is not followed by the name of a variable"),
        ("${}", "a `${` is not followed by the name of a variable"),
        ("${1}", "a `${` is not followed by the name of a variable"),
        ("${USER:?no}", "only ${NAME} and ${NAME:-default} are understood"),
        ("${USER-no}", "only ${NAME} and ${NAME:-default} are understood"),
        ("${A:-" * (MAX_NESTING + 1) + "}" * (MAX_NESTING + 1), "defaults are nested too deep"),
    ],
)
def test_what_can_not_be_expanded_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        expand(text, ENVIRON)
    assert str(caught.value) == message
    assert caught.value.hint is not None
    assert "$$" in caught.value.hint


def test_deep_nesting_is_no_recursion_error() -> None:
    with pytest.raises(ConfigError, match="nested too deep"):
        expand("${A:-" * 100_000, {})


def test_a_variable_that_is_not_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="the environment variable X is not UTF-8 text"):
        expand("$X", {"X": b"a\xff".decode("utf-8", "surrogateescape")})
    assert expand("$X", {"X": "é😀"}) == "é😀"


@pytest.mark.parametrize(
    ("text", "holds"),
    [("$A", True), ("${", True), ("$$A", False), ("$$$A", True), ("$1", False), ("a$", False)],
)
def test_what_is_a_reference(text: str, holds: bool) -> None:
    assert holds_reference(text) is holds


def test_only_text_with_a_variable_is_from_the_environment() -> None:
    assert isinstance(expand("$USER", ENVIRON), FromEnvironment)
    assert not isinstance(expand("$$5", ENVIRON), FromEnvironment)
    assert not isinstance(expand("x", ENVIRON), FromEnvironment)


def test_names_and_options_are_taken_as_written() -> None:
    data = {
        "source": {
            "connection_uri": "sqlite:$USER",
            "transformers": [
                {
                    "database": "$USER",
                    "table": "$NOPE",
                    "columns": [{"name": "$NOPE", "transformer_options": {"value": ["$NOPE"]}}],
                }
            ],
            "database_subset": {"table": "$x", "passthrough_tables": ["$NOPE"]},
        }
    }
    expanded, problems = expand_sections(data, {"source"}, ENVIRON, Positions())
    assert problems == []
    assert expanded["source"]["connection_uri"] == "sqlite:ann"
    assert expanded["source"]["transformers"] == data["source"]["transformers"]
    assert expanded["source"]["database_subset"] == data["source"]["database_subset"]


def test_other_sections_are_left_alone() -> None:
    data = {"source": {"connection_uri": "$NOPE"}, "destination": {"connection_uri": "$NOPE"}}
    positions = Positions("conf.yaml", {"destination.connection_uri": 7})
    expanded, problems = expand_sections(data, {"destination"}, ENVIRON, positions)
    assert expanded["source"]["connection_uri"] == "$NOPE"
    assert [(p.line, p.key) for p in problems] == [(7, "destination.connection_uri")]


@given(st.text(max_size=40))
def test_doubled_dollars_give_any_text_back(text: str) -> None:
    assert expand(text.replace("$", "$$"), {}) == text


@given(st.text(alphabet="${}:-AB1", max_size=30))
def test_any_text_is_expanded_or_refused(text: str) -> None:
    try:
        expand(text, {"A": "x"})
    except ConfigError as error:
        assert error.hint  # noqa: PT017 - either outcome is right
