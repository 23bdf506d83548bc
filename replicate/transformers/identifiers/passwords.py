"""Hashes of passwords."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from replicate.crypto.passwords import FORMS, SALT_LENGTH
from replicate.errors import TransformError, UsageError
from replicate.rows.arrays import strings
from replicate.rows.column import Column, Replacement
from replicate.rows.spans import heads
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.pools import Assembly
from replicate.transformers.rule import TEXTUAL, Rule

_Flags = npt.NDArray[np.bool_]

_LONGEST_PASSWORD = 72  # bytes; bcrypt takes no more

_PREFIXES: tuple[tuple[bytes, bytes, str], ...] = (
    (b"$2b$", b"", "bcrypt"),
    (b"$2a$", b"$2a$", "bcrypt"),
    (b"$2y$", b"$2y$", "bcrypt"),
    (b"{bcrypt}$2a$", b"{bcrypt}$2a$", "bcrypt"),
    (b"{bcrypt}$2b$", b"{bcrypt}$2b$", "bcrypt"),
    (b"$argon2id$", b"", "argon2id"),
    (b"argon2$argon2id$", b"argon2$argon2id$", "argon2id"),
    (b"pbkdf2_sha256$", b"", "pbkdf2-sha256"),
    (b"pbkdf2:sha256:", b"", "pbkdf2-sha256-werkzeug"),
    (b"scrypt$", b"", "scrypt"),
    (b"scrypt:", b"", "scrypt-werkzeug"),
    (b"$6$", b"", "sha512-crypt"),
)
"""How hashes begin, what replaces the beginning of the new one if anything, and their schemes.

The letter of bcrypt's $2a$ tells of errors of old programs, none of which bears on a password in
ASCII; so the hash is the same.
"""
_LOCKED = b"!*"
_LOCK = b"!"


class PasswordHashOptions(base.Options):
    """`password` is what everybody logs in with, `scheme` how its hash is made."""

    password: str = Field(
        default="password", min_length=1, description="the password of all accounts"
    )
    scheme: Literal["keep", "bcrypt", "argon2id", "pbkdf2-sha256", "scrypt", "sha512-crypt"] = (
        Field(default="keep", description="keep: the scheme of each value, as its beginning tells")
    )

    @field_validator("password")
    @classmethod
    def _is_usable(cls, password: str) -> str:
        if not (password.isascii() and password.isprintable()):
            raise ValueError("a password of printable ASCII characters is needed")
        if len(password) > _LONGEST_PASSWORD:
            raise ValueError(f"a password of up to {_LONGEST_PASSWORD} characters is needed")
        return password


class PasswordHash(Rule):
    """Any value but NULL and the empty string becomes a valid hash of `password`.

    So everybody who uses the development database can log in as anybody, and no hash of a real
    password leaves production. Its salt comes from the masking key, so that all rows, and all
    dumps, have the same hash. It costs as little as the scheme allows: it protects nothing.

    - ``bcrypt``: ``$2b$04$...``; needs the package bcrypt (``pip install 'replicate[bcrypt]'``)
    - ``argon2id``: ``$argon2id$v=19$m=1024,t=1,p=1$...``
    - ``pbkdf2-sha256``: ``pbkdf2_sha256$1000$...``, as Django writes it
    - ``scrypt``: ``scrypt$1024$...``, as Django writes it
    - ``sha512-crypt``: ``$6$rounds=1000$...``, as the C library's crypt writes it
    - ``keep``: whichever of them the value begins as. Also known are ``$2a$`` and ``$2y$``, the
      prefixes ``{bcrypt}`` of Spring and ``argon2$`` of Django, and Werkzeug's
      ``pbkdf2:sha256:`` and ``scrypt:``. A value that begins with ``!`` or ``*`` is no hash but
      locks an account: it becomes ``!``. Any other value is an error.
    """

    name = "password-hash"
    summary = "Replaces the hash of a password by that of one that everybody knows"
    examples = (
        Example("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", {"scheme": "argon2id"}),
        Example("pbkdf2_sha256$600000$salt$aGFzaA==", {"scheme": "keep", "password": "letmein"}),
        Example("!locked", {"scheme": "keep"}),
    )
    kinds = TEXTUAL
    refuses = "with `scheme: keep`, what begins like the hash of no known scheme"
    Options: ClassVar[type[base.Options]] = PasswordHashOptions

    def __init__(self, options: PasswordHashOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._password = options.password.encode()
        self._salt = draw(Column.of([b"the salt of a password's hash"])).tobytes()[:SALT_LENGTH]
        self._keep = options.scheme == "keep"
        self._made: dict[str, bytes] = {}
        if self._keep:
            return
        made = self._hash(options.scheme)
        if target.limits.max_chars is not None and len(made) > target.limits.max_chars:
            raise UsageError(
                f"a hash of {options.scheme} has {len(made)} characters, more than the "
                f"{target.limits.max_chars} that the column takes",
                hint="choose another scheme, or use fixed or null",
            )
        self._pool = strings([made])

    @property
    def effects(self) -> Effects:
        # Without a key each process has a salt of its own.
        constant = not self._keep and self.draw.key is not None
        return Effects(Uniqueness.CONSTANT if constant else Uniqueness.MAY_COLLIDE, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        result = Assembly(column)
        if not self._keep:
            result.put(None, self._pool, np.zeros(len(column), np.int32))
            return result.replacement()
        text = heads(column.data, column.start, column.length, 16)
        left = column.length > 0
        locked = left & np.isin(text[:, 0], np.frombuffer(_LOCKED, np.uint8))
        _put(result, locked, _LOCK)
        left &= ~locked
        for prefix, other, scheme in _PREFIXES:
            begins = (text[:, : len(prefix)] == np.frombuffer(prefix, np.uint8)).all(axis=1)
            if (begins & left).any():
                row = int(np.flatnonzero(begins & left)[0])
                _put(result, begins & left, self._written(scheme, other, row))
                left &= ~begins
        if left.any():
            raise TransformError(
                "a value begins like the hash of no scheme that password-hash knows",
                hint="name one with scheme, such as scheme: argon2id",
                row=int(np.flatnonzero(left)[0]),
            )
        return result.replacement()

    def _written(self, scheme: str, prefix: bytes, row: int) -> bytes:
        """The hash with that prefix in place of as much of its beginning, if there is one."""
        try:
            made = self._hash(scheme)
        except UsageError as error:
            raise TransformError(error.message, hint=error.hint, row=row) from error
        if prefix:
            made = prefix + made[made.index(b"$", 1) + 1 :]
        if self.target.limits.max_chars is not None and len(made) > self.target.limits.max_chars:
            raise TransformError(
                f"a hash of {scheme} has {len(made)} characters, more than the "
                f"{self.target.limits.max_chars} that the column takes",
                hint="name a scheme whose hashes are shorter",
                row=row,
            )
        return made

    def _hash(self, scheme: str) -> bytes:
        """Made once: the same password and salt give nothing else."""
        if scheme not in self._made:
            self._made[scheme] = FORMS[scheme](self._password, self._salt)
        return self._made[scheme]


def _put(result: Assembly, flags: _Flags, value: bytes) -> None:
    rows = np.flatnonzero(flags)
    if rows.size:
        result.put(rows, strings([value]), np.zeros(len(rows), np.int32))
