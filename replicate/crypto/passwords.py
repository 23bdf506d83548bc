"""Hashes of a password that everybody knows, as applications store them.

They are for development databases: every scheme is used at the least cost that programs accept, so
that logging in is quick. Nothing here is fit to protect a password.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from replicate.errors import UsageError

SALT_LENGTH = 16

_BCRYPT_COST = 4
_PBKDF2_ROUNDS = 1000
_ARGON2_MEMORY, _ARGON2_PASSES = 1024, 1  # KiB
_SCRYPT_COST, _SCRYPT_BLOCK = 1024, 8
_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def argon2id(password: bytes, salt: bytes) -> bytes:
    """In the PHC string format, which all libraries of Argon2 read."""
    made = Argon2id(
        salt=salt, length=32, iterations=_ARGON2_PASSES, lanes=1, memory_cost=_ARGON2_MEMORY
    ).derive(password)
    cost = b"m=%d,t=%d,p=1" % (_ARGON2_MEMORY, _ARGON2_PASSES)
    return b"$argon2id$v=19$%s$%s$%s" % (cost, _unpadded(salt), _unpadded(made))


def bcrypt(password: bytes, salt: bytes) -> bytes:
    """With the prefix $2b$. Raises `UsageError` if the package bcrypt is not installed."""
    try:
        package = importlib.import_module("bcrypt")
    except ImportError as error:
        raise UsageError(
            "hashes of bcrypt need the package bcrypt, which is not installed",
            hint="pip install 'replicate[bcrypt]', or choose another scheme",
        ) from error
    setting = _unpadded(salt).translate(bytes.maketrans(_STANDARD, _BCRYPT))
    made: bytes = package.hashpw(password, b"$2b$%02d$%s" % (_BCRYPT_COST, setting))
    return made


def pbkdf2_django(password: bytes, salt: bytes) -> bytes:
    made = hashlib.pbkdf2_hmac("sha256", password, salt.hex().encode(), _PBKDF2_ROUNDS)
    return b"pbkdf2_sha256$%d$%s$%s" % (
        _PBKDF2_ROUNDS,
        salt.hex().encode(),
        base64.b64encode(made),
    )


def pbkdf2_werkzeug(password: bytes, salt: bytes) -> bytes:
    made = hashlib.pbkdf2_hmac("sha256", password, salt.hex().encode(), _PBKDF2_ROUNDS)
    return f"pbkdf2:sha256:{_PBKDF2_ROUNDS}${salt.hex()}${made.hex()}".encode()


def scrypt_django(password: bytes, salt: bytes) -> bytes:
    made = base64.b64encode(_scrypt(password, salt))
    return b"scrypt$%d$%s$%d$1$%s" % (_SCRYPT_COST, salt.hex().encode(), _SCRYPT_BLOCK, made)


def scrypt_werkzeug(password: bytes, salt: bytes) -> bytes:
    made = _scrypt(password, salt)
    return f"scrypt:{_SCRYPT_COST}:{_SCRYPT_BLOCK}:1${salt.hex()}${made.hex()}".encode()


def _scrypt(password: bytes, salt: bytes) -> bytes:
    text = salt.hex().encode()  # both programs take the salt as the text that they write
    return hashlib.scrypt(password, salt=text, n=_SCRYPT_COST, r=_SCRYPT_BLOCK, p=1, dklen=64)


def sha512_crypt(password: bytes, salt: bytes) -> bytes:
    """As the C library's crypt writes it, with $6$ and the least of rounds, 1000."""
    setting = salt.hex().encode()[:16]
    other = hashlib.sha512(password + setting + password).digest()
    start = hashlib.sha512(password + setting + _filled(other, len(password)))
    bits = len(password)
    while bits:
        start.update(other if bits & 1 else password)
        bits >>= 1
    state = start.digest()
    word = _filled(hashlib.sha512(password * len(password)).digest(), len(password))
    grain = _filled(hashlib.sha512(setting * (16 + state[0])).digest(), len(setting))
    for i in range(_CRYPT_ROUNDS):
        turn = hashlib.sha512(word if i & 1 else state)
        turn.update((grain if i % 3 else b"") + (word if i % 7 else b""))
        turn.update(state if i & 1 else word)
        state = turn.digest()
    return b"$6$rounds=%d$%s$%s" % (_CRYPT_ROUNDS, setting, _crypt_text(state))


_CRYPT_ROUNDS = 1000
_CRYPT = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _filled(block: bytes, length: int) -> bytes:
    """The block again and again, `length` bytes of it."""
    return (block * (length // len(block) + 1))[:length]


def _crypt_text(state: bytes) -> bytes:
    """The 64 bytes in the alphabet of crypt: three at a time, a third of the first 63 apart."""
    text = bytearray()
    for i in range(21):
        three = bytes(state[(22 * i + place) % 63] for place in (0, 21, 42))
        text += _sixes(int.from_bytes(three, "big"), 4)
    return bytes(text + _sixes(state[63], 2))


def _sixes(number: int, count: int) -> bytes:
    return bytes(_CRYPT[number >> 6 * i & 63] for i in range(count))


def _unpadded(value: bytes) -> bytes:
    return base64.b64encode(value).rstrip(b"=")


FORMS: Mapping[str, Callable[[bytes, bytes], bytes]] = {
    "bcrypt": bcrypt,
    "argon2id": argon2id,
    "pbkdf2-sha256": pbkdf2_django,
    "pbkdf2-sha256-werkzeug": pbkdf2_werkzeug,
    "scrypt": scrypt_django,
    "scrypt-werkzeug": scrypt_werkzeug,
    "sha512-crypt": sha512_crypt,
}
"""What makes a hash of a password and a salt of 16 bytes, by the name of its scheme."""
