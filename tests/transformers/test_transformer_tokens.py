"""Tokens, hashes, UUIDs and the hashes of passwords."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import uuid
from typing import Any

import bcrypt
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.security import check_password_hash

from replicate.crypto import passwords
from replicate.errors import TransformError, UsageError
from replicate.rows.column import Kind, Limits
from replicate.transformers.base import Target, Uniqueness
from replicate.transformers.registry import build
from tests.support.distinct import outcomes
from tests.support.masking import KEYED, OTHER, RANDOM, apply, one, value_and_key_decide

MANY: list[bytes | None] = [b"value %d" % i for i in range(3000)]
ALPHABETS = {
    "hex": (rb"[0-9a-f]", 19),
    "base32": (rb"[a-z2-7]", 15),
    "base64url": (rb"[A-Za-z0-9_-]", 13),
    "alphanumeric": (rb"[A-Za-z0-9]", 13),
    "digits": (rb"[0-9]", 23),
}


def column_of(most: int | None = None, *, unique: bool = False) -> Target:
    return Target(Kind.TEXT, Limits(max_chars=most), unique=unique)


# Tokens


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("length", [1, 15, 32, 33, 200])
def test_a_token_has_so_many_characters_of_its_alphabet(alphabet: str, length: int) -> None:
    form = re.compile(b"sk_" + ALPHABETS[alphabet][0] + b"{%d}" % length)
    outcome = apply("token", MANY, alphabet=alphabet, length=length, prefix="sk_")
    assert all(form.fullmatch(value or b"") for value in outcome)
    # Every character comes at every place, none much more often than another.
    for place in {3, 2 + length}:
        counts = [0] * 256
        for value in outcome:
            counts[(value or b"")[place]] += 1
        seen = sorted(count for count in counts if count)
        assert len(seen) == {"hex": 16, "base32": 32, "digits": 10}.get(alphabet, len(seen))
        assert seen[-1] < 3 * len(outcome) / len(seen)


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_how_long_a_token_has_to_be_for_values_to_stay_distinct(alphabet: str) -> None:
    enough = ALPHABETS[alphabet][1]
    for length, expected in ((enough, "PRESERVES"), (enough - 1, "MAY_COLLIDE")):
        options = {"alphabet": alphabet, "length": length}
        made = build("token", options, target=column_of(), draw=KEYED)
        assert made.effects.uniqueness is Uniqueness[expected]
    with pytest.raises(UsageError, match="stay distinct") as caught:
        build("token", options, target=column_of(unique=True), draw=KEYED)
    assert "length" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("token", {"alphabet": "hex", "length": 19}),
        ("token", {"alphabet": "digits", "length": 23}),
        ("hash", {"length": 33}),
        ("uuid", {}),
    ],
)
def test_a_million_values_stay_distinct(name: str, options: dict[str, Any]) -> None:
    values = [b"%d" % i for i in range(1_000_000)]
    assert outcomes(name, values, **options) == len(values)


@pytest.mark.parametrize(
    ("name", "most", "options", "size"),
    [
        ("token", None, {}, 32),
        ("token", 20, {}, 20),
        ("token", 1, {}, 1),
        ("token", 20, {"prefix": "äö_"}, 20),
        ("token", 20, {"length": 20}, 20),
        ("hash", None, {}, 64),
        ("hash", 40, {}, 40),
        ("hash", None, {"length": 65}, 65),
    ],
)
def test_a_column_s_length_is_kept(
    name: str, most: int | None, options: dict[str, Any], size: int
) -> None:
    for value in apply(name, MANY, target=column_of(most), **options):
        assert len((value or b"").decode()) == size


@pytest.mark.parametrize(
    ("name", "most", "options"),
    [
        ("token", 20, {"length": 21}),
        ("token", 20, {"length": 18, "prefix": "sk_"}),
        ("token", 3, {"prefix": "sk_"}),
        ("hash", 20, {"length": 21}),
        ("uuid", 31, {}),
    ],
)
def test_what_the_column_has_no_room_for_is_refused(
    name: str, most: int, options: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=f"more than the {most} characters") as caught:
        build(name, options, target=column_of(most), draw=KEYED)
    assert caught.value.hint


@pytest.mark.parametrize(
    "options", [{"prefix": "\ud800"}, {"prefix": "\0"}, {"alphabet": "emoji"}, {"length": 0}]
)
def test_options_of_tokens_that_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="token"):
        build("token", options, target=column_of(), draw=KEYED)


# Hashes


def test_a_hash_looks_like_one_and_is_none_that_can_be_looked_up() -> None:
    value = one("hash", b"jane.roe@mail.test")
    assert re.fullmatch(rb"[0-9a-f]{64}", value)
    assert value.decode() != hashlib.sha256(b"jane.roe@mail.test").hexdigest()
    assert one("hash", b"jane.roe@mail.test", length=40) == one("hash", b"jane.roe@mail.test")[:40]
    assert one("hash", b"x", uppercase=True) == one("hash", b"x").upper()


# UUIDs


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (b"6f1d2c3a-9b47-4e0f-8a51-c2d3e4f5a6b7", rb"h{8}-h{4}-4h{3}-[89ab]h{3}-h{12}"),
        (b"6F1D2C3A-9B47-4E0F-8A51-C2D3E4F5A6B7", rb"H{8}-H{4}-4H{3}-[89AB]H{3}-H{12}"),
        (b"6f1d2c3a9b474e0f8a51c2d3e4f5a6b7", rb"h{12}4h{3}[89ab]h{15}"),
        (b"6F1D2C3A9B474E0F8A51C2D3E4F5A6B7", rb"H{12}4H{3}[89AB]H{15}"),
        (b"{6f1d2c3a-9b47-4e0f-8a51-c2d3e4f5a6b7}", rb"\{h{8}-h{4}-4h{3}-[89ab]h{3}-h{12}\}"),
        (b"{6F1D2C3A-9B47-4E0F-8A51-C2D3E4F5A6B7}", rb"\{H{8}-H{4}-4H{3}-[89AB]H{3}-H{12}\}"),
        (b"JANE", rb"h{8}-h{4}-4h{3}-[89ab]h{3}-h{12}"),
    ],
)
def test_a_uuid_is_written_as_the_value_is(value: bytes, form: bytes) -> None:
    form = form.replace(b"h", b"[0-9a-f]").replace(b"H", b"[0-9A-F]")
    outcome = apply("uuid", [b"other", value, None, b"", b"f" * 32])
    assert re.fullmatch(form, outcome[1] or b"")
    assert uuid.UUID((outcome[1] or b"").decode()).version == 4
    assert outcome[2:4] == [None, b""]


@pytest.mark.parametrize(("most", "length"), [(32, 32), (35, 32), (36, 36), (37, 36), (38, 38)])
def test_a_uuid_fits_the_column(most: int, length: int) -> None:
    braced = b"{6f1d2c3a-9b47-4e0f-8a51-c2d3e4f5a6b7}"
    (value,) = apply("uuid", [braced], target=column_of(most))
    assert len(value or b"") == length
    assert uuid.UUID((value or b"").decode()).version == 4


def test_a_uuid_that_is_a_blob_stays_one() -> None:
    raw, text = uuid.uuid4().bytes, str(uuid.uuid4()).encode()
    outcome = apply("uuid", [raw, text], Kind.BINARY, built_for=Kind.ANY)
    assert uuid.UUID(bytes=outcome[0]).version == 4
    assert uuid.UUID((outcome[1] or b"").decode()).version == 4


# Hashes of passwords


def checks(password: str, made: bytes) -> bool:
    """Whether the password opens the hash: by other programs' code where there is some."""
    text = made.decode()
    kind, *fields = text.split("$")
    if text.startswith(("scrypt:", "pbkdf2:")):
        return check_password_hash(text, password)
    if text.startswith("$argon2id$"):
        Argon2id.verify_phc_encoded(password.encode(), text)
        return True
    if kind == "pbkdf2_sha256":
        rounds, salt, found = fields
        again = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), int(rounds))
        return base64.b64decode(found) == again
    if text.startswith("$6$"):
        raw = bytes.fromhex(fields[2]) + bytes(8)
        return passwords.sha512_crypt(password.encode(), raw) == made
    assert kind == "scrypt"
    n, salt, r, p, found = fields
    again = hashlib.scrypt(
        password.encode(), salt=salt.encode(), n=int(n), r=int(r), p=int(p), dklen=64
    )
    return base64.b64decode(found) == again


@pytest.mark.parametrize("scheme", ["argon2id", "pbkdf2-sha256", "scrypt", "sha512-crypt"])
@pytest.mark.parametrize("password", ["password", "x", "p@ss word" * 8])
def test_the_password_opens_every_account(scheme: str, password: str) -> None:
    values: list[bytes | None] = [b"$2b$12$abc", b"plain", "ü".encode(), None, b""]
    outcome = apply("password-hash", values, scheme=scheme, password=password)
    assert outcome[3:] == [None, b""]
    assert len(set(outcome[:3])) == 1
    assert checks(password, outcome[0] or b"")
    assert outcome == apply("password-hash", values, scheme=scheme, password=password)
    for draw in (OTHER, RANDOM):
        other = apply("password-hash", values, scheme=scheme, password=password, draw=draw)
        assert other[0] != outcome[0]
        assert checks(password, other[0] or b"")


def test_each_value_keeps_its_scheme() -> None:
    values: list[bytes | None] = [
        b"$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
        b"argon2$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
        b"pbkdf2_sha256$600000$salt$aGFzaA==",
        b"pbkdf2:sha256:600000$salt$68617368",
        b"scrypt$16384$salt$8$5$aGFzaA==",
        b"scrypt:32768:8:1$salt$68617368",
        b"$6$rounds=656000$salt$aGFzaA",
        b"!",
        b"*LK*",
        None,
        b"",
    ]
    outcome = apply("password-hash", values, scheme="keep", password="letmein")
    for value, new in zip(values[:7], outcome[:7], strict=True):
        assert value
        assert new
        assert new[:7] == value[:7]
        assert checks("letmein", new.removeprefix(b"argon2"))
    assert outcome[7:] == [b"!", b"!", None, b""]


@pytest.mark.parametrize(
    "value", [b"5f4dcc3b5aa765d61d8327deb882cf99", b"hunter2", b"$2x$04$", b"$"]
)
def test_a_scheme_that_is_not_known_stops(value: bytes) -> None:
    with pytest.raises(TransformError, match="no scheme") as caught:
        apply("password-hash", [b"!", None, value, value], scheme="keep")
    assert caught.value.row == 2
    assert "scheme" in (caught.value.hint or "")
    assert value.decode() not in caught.value.message or value == b"$"


def test_the_hash_has_to_fit_the_column() -> None:
    with pytest.raises(UsageError, match="more than the 60 that"):
        apply("password-hash", [b"x"], target=column_of(60), scheme="argon2id")
    values: list[bytes | None] = [b"!", b"$argon2id$..."]
    with pytest.raises(TransformError, match="more than the 60 that") as caught:
        apply("password-hash", values, target=column_of(60), scheme="keep")
    assert caught.value.row == 1


def test_one_hash_serves_all_rows_under_a_key_alone() -> None:
    for draw, options, expected in (
        (KEYED, {"scheme": "scrypt"}, "CONSTANT"),
        (RANDOM, {"scheme": "scrypt"}, "MAY_COLLIDE"),
        (KEYED, {"scheme": "keep"}, "MAY_COLLIDE"),
    ):
        made = build("password-hash", options, target=column_of(), draw=draw)
        assert made.effects.uniqueness is Uniqueness[expected]


@pytest.mark.parametrize("password", ["", "ü", "a\nb", "x" * 73])
def test_passwords_that_not_every_scheme_takes_are_refused(password: str) -> None:
    with pytest.raises(UsageError, match="option password"):
        build("password-hash", {"password": password}, target=column_of(), draw=KEYED)


def test_bcrypt_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(UsageError, match="need the package bcrypt") as caught:
        apply("password-hash", [b"x"], scheme="bcrypt")
    assert "replicate[bcrypt]" in (caught.value.hint or "")
    with pytest.raises(TransformError, match="need the package bcrypt") as stopped:
        apply("password-hash", [None, b"$2b$12$abc"], scheme="keep")
    assert stopped.value.row == 1


def test_hashes_of_bcrypt() -> None:
    made = one("password-hash", b"x", scheme="bcrypt")
    assert re.fullmatch(rb"\$2b\$04\$[./A-Za-z0-9]{53}", made)
    assert bcrypt.checkpw(b"password", made)
    values: list[bytes | None] = [b"$2a$12$x", b"$2y$12$x", b"$2b$12$x", b"{bcrypt}$2a$12$x"]
    outcome = apply("password-hash", values, scheme="keep")
    assert outcome == [p + made[4:] for p in (b"$2a$", b"$2y$", b"$2b$", b"{bcrypt}$2a$")]
    assert bcrypt.checkpw(b"password", outcome[0] or b"")


# Made by the program openssl, with the salt that `sha512_crypt` makes of 16 zeros.
@pytest.mark.parametrize(
    ("password", "expected"),
    [
        (
            b"password",
            b"$6$rounds=1000$0000000000000000$8P57QCXPgbR7SU3DFOCrldrNnzli1NKx1ElOjf0nq6OTadw1vbK6o0hgww23KzTdvUt5Qv.q1RWd4aTITwUE01",
        ),
        (
            b"x",
            b"$6$rounds=1000$0000000000000000$oN1kYmJapbMmFoO3fFQYt6Je8Z5DtkNRgjiy5LEeKGRS9LAJTjZ4CSJgvjgm.ZdqFWzmqayl8YP1aYX3KqmKx1",
        ),
        (
            b"a much longer password than sixty-four bytes, so that blocks wrap 123",
            b"$6$rounds=1000$0000000000000000$eXuCuoRN117UU6esxw6EBLpt4v/zOJft.dT6p1wEvK4gqfRo/5dwRkgFEpDlJAnU2faOynRrGzXrMHc9cweAl.",
        ),
    ],
)
def test_hashes_of_crypt_are_those_of_other_programs(password: bytes, expected: bytes) -> None:
    assert passwords.sha512_crypt(password, bytes(16)) == expected


# All of them


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("token", {}),
        ("token", {"alphabet": "alphanumeric", "length": 100, "prefix": "ü"}),
        ("hash", {}),
        ("uuid", {}),
    ],
)
@given(st.lists(st.one_of(st.none(), st.text(), st.just("ä\t\\N\n")), min_size=1, max_size=9))
@settings(deadline=None, max_examples=30)
def test_the_value_and_the_key_decide(
    name: str, options: dict[str, Any], texts: list[str | None]
) -> None:
    value_and_key_decide(name, texts, **options)
