"""Connection URIs show everything but their passwords."""

from __future__ import annotations

import copy
import json
import logging
import pickle

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from replicate.config import ConnectionURI
from replicate.config.connection import SCHEMES, redact
from replicate.errors import ConfigError

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("sqlite:///prod.db", "sqlite:///prod.db"),
        ("sqlite:////var/a@b:c/prod.db", "sqlite:////var/a@b:c/prod.db"),
        ("sqlite:prod.db", "sqlite:prod.db"),
        ("sqlite:///x.db?mode=ro&key=hunter2", "sqlite:///x.db?mode=ro&key=***"),
        ("sqlite://u:hunter2@h/x.db", "sqlite://u:***@h/x.db"),
        ("postgres://u:hunter2@h:5432/db", "postgres://u:***@h:5432/db"),
        ("POSTGRES://u:hunter2@h/db", "POSTGRES://u:***@h/db"),
        ("postgres://u@h:5432/db", "postgres://u@h:5432/db"),
        ("postgres://u:@h/db", "postgres://u:@h/db"),
        ("postgres://h:5432/db?sslmode=require", "postgres://h:5432/db?sslmode=require"),
        ("postgres:///db?host=/run/postgresql", "postgres:///db?host=/run/postgresql"),
        ("postgres://[::1]:5432/db", "postgres://[::1]:5432/db"),
        ("postgres://u:hunter2@[::1]:5432/db", "postgres://u:***@[::1]:5432/db"),
        # Unescaped characters that mean something in a URI.
        ("postgres://app:p@ss:hunter2@db/prod", "postgres://app:***@db/prod"),
        ("postgres://app:a/hunter2@db/prod", "postgres://app:***@db/prod"),
        ("postgres://app:a/b@c/hunter2@db/prod", "postgres://app:***@db/prod"),
        ("postgres://app:a?hunter2#b@db/prod", "postgres://app:***@db/prod"),
        ("postgres://root@azure:hunter2@h/db", "postgres://root@azure:***@h/db"),
        ("postgres:u:hunter2@h/db", "postgres:u:***@h/db"),
        # The host was forgotten.
        ("postgres://root:hunter2", "postgres://root:***"),
        ("postgres://root:a/hunter2", "postgres://root:***"),
        ("postgres://root:123456789", "postgres://root:***"),
        # Parameters.
        ("postgres://u@h/db?password=hunter2", "postgres://u@h/db?password=***"),
        ("postgres://h/db?passfile=hunter2&sslmode=x", "postgres://h/db?passfile=***&sslmode=x"),
        (
            "postgres://h/db?sslmode=x&sslpassword=hunter2",
            "postgres://h/db?sslmode=x&sslpassword=***",
        ),
        ("postgres://h/db?PassWord=a&hunter2", "postgres://h/db?PassWord=***"),
        ("postgres://h/db?pass%77ord=hunter2", "postgres://h/db?pass%77ord=***"),
        ("postgres://u@h:5432/db?password=p@hunter2", "postgres://u@h:***"),
        ("mysql://u:hunter2@h/db?charset=utf8", "mysql://u:***@h/db?charset=utf8"),
        ("mongodb://a:27017,b:27018/db", "mongodb://a:27017,b:27018/db"),
        (
            "mongodb://u:hunter2@a:1,b:2/?authSource=admin",
            "mongodb://u:***@a:1,b:2/?authSource=admin",
        ),
        ("mongodb+srv://u:hunter2@h/db", "mongodb+srv://u:***@h/db"),
        (
            "mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:hunter2",
            "mongodb://h/?authMechanismProperties=***",
        ),
        (
            "mongodb://h/?tlsCertificateKeyFile=a&tlsCertificateKeyFilePassword=hunter2",
            "mongodb://h/?tlsCertificateKeyFile=a&tlsCertificateKeyFilePassword=***",
        ),
    ],
)
def test_redaction(text: str, redacted: str) -> None:
    uri = ConnectionURI(text)
    assert uri.redacted == redacted
    assert uri.reveal() == text
    assert SECRET not in redacted


def test_nothing_but_reveal_gives_the_password_away(caplog: pytest.LogCaptureFixture) -> None:
    class Model(BaseModel):
        uri: ConnectionURI

    uri = ConnectionURI("postgres://u:hunter2@h/db")
    model = Model(uri=uri)
    logging.getLogger("x").warning("%s %r", uri, uri)
    shown = [
        repr(uri),
        str(uri),
        f"{uri}",
        f"{uri!r:>60}",
        repr([uri]),
        repr(model),
        str(model.model_dump()),
        model.model_dump_json(),
        json.dumps(model.model_dump(mode="json")),
        repr(copy.deepcopy(model)),
        repr(pickle.loads(pickle.dumps(uri))),  # noqa: S301 - our own pickle
        caplog.text,
    ]
    assert not any(SECRET in text for text in shown)
    assert all("***" in text for text in shown)


def test_a_pickle_comes_back_whole() -> None:
    uri = ConnectionURI("postgres://u:hunter2@h/db")
    again = pickle.loads(pickle.dumps(uri))  # noqa: S301 - our own pickle
    assert again.reveal() == uri.reveal()
    assert again == uri
    assert hash(again) == hash(uri)
    assert again != ConnectionURI("postgres://u:other@h/db")
    assert uri != uri.reveal()


def test_it_can_not_be_changed() -> None:
    uri = ConnectionURI("sqlite:a")
    with pytest.raises(AttributeError):
        uri.scheme = "b"  # type: ignore[misc] # that it fails is what is tested


@pytest.mark.parametrize("scheme", SCHEMES)
def test_schemes(scheme: str) -> None:
    assert ConnectionURI(f"{scheme}://h/db").scheme == scheme
    assert ConnectionURI(f"{scheme.upper()}://h/db").scheme == scheme


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("postgre://u:hunter2@h", "unknown scheme postgre://", "postgres://"),
        ("sqllite:///hunter2", "unknown scheme sqllite://", "sqlite://"),
        ("oracle://u:hunter2@h", "unknown scheme oracle://", "known are sqlite"),
        ("u:hunter2@h", "has no known scheme", "sqlite:///"),
        ("hunter2:", "has no known scheme", "sqlite:///"),
        ("hunter2", "has no known scheme", "sqlite:///"),
        ("./hunter2.db", "has no known scheme", "sqlite:///"),
        ("", "is empty", "sqlite:///"),
        ("postgres://u:hunter2@h\n", "line break", ""),
        ("postgres://u:hunter2\x00@h", "control character", ""),
    ],
)
def test_a_wrong_uri_tells_its_scheme_at_most(text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ConnectionURI(text)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert SECRET not in caught.value.message + (caught.value.hint or "")


def test_a_model_refuses_without_showing() -> None:
    class Model(BaseModel):
        uri: ConnectionURI

        model_config = {"hide_input_in_errors": True}

    for value in ("postgre://u:hunter2@h", ["hunter2"]):
        with pytest.raises(ValidationError) as caught:
            Model(uri=value)  # type: ignore[arg-type] # that it fails is what is tested
        assert SECRET not in str(caught.value)


_PASSWORDS = st.text(
    alphabet=st.one_of(
        st.sampled_from("@:/?#&=;%[]$ "), st.characters(exclude_categories=("Cc", "Cs"))
    ),
    min_size=1,
    max_size=20,
)


@given(
    st.sampled_from([s for s in SCHEMES if s != "sqlite"]),
    _PASSWORDS,
    st.sampled_from(["/db", ":5432/db", ":5432/db?sslmode=verify-full", ""]),
)
@example("postgres", "a?password=b&sslmode=c", "/db")
@example("postgres", "@", "/db")
def test_no_part_of_a_password_is_shown(scheme: str, password: str, rest: str) -> None:
    redacted = ConnectionURI(f"{scheme}://user:{password}@host{rest}").redacted
    assert redacted in (
        f"{scheme}://user:***@host{rest}",
        # A password that looks like a parameter takes along what follows it, or a part.
        f"{scheme}://user:***",
        f"{scheme}://user:***&sslmode=verify-full",
    )


@given(_PASSWORDS, st.sampled_from(["", ":5432"]))
def test_no_part_of_a_parameter_is_shown(password: str, port: str) -> None:
    assume("=" not in password)
    redacted = ConnectionURI(f"postgres://user@host{port}/db?password={password}").redacted
    assert redacted in (
        f"postgres://user@host{port}/db?password=***",
        f"postgres://user@host{port[:1]}***",
    )


@given(st.text(max_size=60))
def test_any_text_is_redacted_without_an_error(text: str) -> None:
    assert "\n" not in redact(text)
