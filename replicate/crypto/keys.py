"""Keys: where they come from, how one is derived from another, how one is kept under another.

    passphrase ── Argon2id ── key slot ─┐
                                        └─ wraps ── repository key ── wraps ── data key of a dump
    passphrase ── Argon2id, constant salt ── masking root ── derive ── key of a masking domain

All keys are 32 bytes. A key has one use: what is needed for another use is derived under a label
of its own. Python can't wipe a key from memory, and nothing here pretends to.
"""

from __future__ import annotations

import re
import secrets
import threading
from dataclasses import asdict, dataclass, field
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from replicate.crypto import checksummed, floe
from replicate.errors import CorruptError, ReplicateError, UsageError, WrongKeyError

KEY_LENGTH = floe.KEY_LENGTH

_WRAP_SEGMENT = 64
_WRAPPED_LENGTH = floe.sealed_length(KEY_LENGTH, segment_length=_WRAP_SEGMENT)

_SALT_LENGTH = 16
_MASKING_SALT = b"replicate/mask/1"
_KEY_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_SLOT_FORMAT = 1
_MAX_SLOT_SIZE = 4096


def random_key() -> bytes:
    """32 bytes from the operating system's generator."""
    return secrets.token_bytes(KEY_LENGTH)


def encode_context(*parts: bytes | str | int) -> bytes:
    """The parts as one byte string, injectively: other parts, or parts cut elsewhere, differ.

    Each part is a letter for its type (`b`, `s`, `i`), its length in 4 bytes big-endian, and its
    bytes: strings in UTF-8, integers from 0 to 2**64 - 1 in 8 bytes big-endian. Raises
    ValueError for what does not fit that.
    """
    encoded = bytearray()
    for part in parts:
        if isinstance(part, int):
            if not 0 <= part < 1 << 64:
                raise ValueError("an integer of a context is out of range")
            tag, value = b"i", part.to_bytes(8, "big")
        elif isinstance(part, str):
            tag, value = b"s", part.encode()
        else:
            tag, value = b"b", part
        encoded += tag + len(value).to_bytes(4, "big") + value
    return bytes(encoded)


def derive(key: bytes, label: str, context: bytes = b"") -> bytes:
    """A key of 32 bytes for the use that `label` names, one for each `context`: HKDF-SHA-256.

    The info string is ``encode_context("replicate/derive/1", label, context)``, the salt empty.
    """
    info = encode_context("replicate/derive/1", label, context)
    return HKDF(hashes.SHA256(), KEY_LENGTH, salt=None, info=info).derive(_checked(key))


def wrap(key: bytes, data_key: bytes, context: bytes) -> bytes:
    """`data_key`, sealed under `key` and bound to `context`: 138 bytes, other ones each time.

    It is a FLOE object, whose random IV of 32 bytes gives each wrapping a key of its own; so one
    key may wrap any number of others.
    """
    return bytes(
        floe.seal(derive(key, "wrap"), context, _checked(data_key), segment_length=_WRAP_SEGMENT)
    )


def unwrap(key: bytes, wrapped: bytes, context: bytes) -> bytes:
    """The key that `wrap` sealed.

    Raises WrongKeyError if it was wrapped under another key or for another context, and
    CorruptError if `wrapped` is no wrapped key, or was altered behind its header.
    """
    wrapping_key = derive(key, "wrap")
    if len(wrapped) != _WRAPPED_LENGTH:
        raise CorruptError(f"a wrapped key is {len(wrapped)} bytes long, not {_WRAPPED_LENGTH}")
    if not floe.header_fits(wrapping_key, context, wrapped):
        raise WrongKeyError("the key does not fit")
    return bytes(floe.open_sealed(wrapping_key, context, wrapped, max_plain=KEY_LENGTH))


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one guess of a passphrase costs. The default is RFC 9106's second recommendation.

    Raises ValueError outside of the bounds: 1 to 16 passes, 1 to 16 lanes, 8 MiB to 1 GiB, and
    no more than 4 GiB in all passes together. A hostile slot can't ask for more than that.
    """

    passes: int = 3
    lanes: int = 4
    memory_kib: int = 64 * 1024

    def __post_init__(self) -> None:
        if not (
            1 <= self.passes <= 16
            and 1 <= self.lanes <= 16
            and 8 * 1024 <= self.memory_kib <= 1024 * 1024
            and self.passes * self.memory_kib <= 4 * 1024 * 1024
        ):
            raise ValueError("the cost of Argon2id is out of bounds")


_RECOMMENDED = Argon2Cost()


@dataclass(frozen=True, slots=True)
class PassphraseSlot:
    """A repository key, kept under a passphrase. Nothing in a slot is secret.

    As JSON (`checksummed`), in this order: `format` 1, `type` "passphrase", `key_id`, `kdf`
    "argon2id", `passes`, `lanes`, `memory_kib`, `salt` (16 bytes) and `wrapped_key` (138 bytes)
    in hex, `sha256`. The wrapping key is Argon2id of the passphrase; the context of `wrap` is
    ``encode_context("replicate/passphrase-slot/1", key_id)``.

    A passphrase is used as the bytes it was given as, in UTF-8: neither normalised nor stripped.
    """

    key_id: str
    cost: Argon2Cost
    salt: bytes
    wrapped_key: bytes = field(repr=False)

    @classmethod
    def create(
        cls, passphrase: str, repository_key: bytes, *, cost: Argon2Cost = _RECOMMENDED
    ) -> Self:
        """A new slot with a random key id (16 hex digits). Raises UsageError: see `unlock`."""
        key_id = secrets.token_hex(8)
        salt = secrets.token_bytes(_SALT_LENGTH)
        wrapped = wrap(_stretch(passphrase, salt, cost), repository_key, _slot_context(key_id))
        return cls(key_id, cost, salt, wrapped)

    def unlock(self, passphrase: str) -> bytes:
        """The repository key, after as much work as the slot's cost says.

        Raises WrongKeyError if it is another passphrase, and UsageError if it is empty or not
        text.
        """
        wrapping_key = _stretch(passphrase, self.salt, self.cost)
        try:
            return unwrap(wrapping_key, self.wrapped_key, _slot_context(self.key_id))
        except WrongKeyError:
            raise WrongKeyError(
                f"the passphrase does not fit key {self.key_id}",
                hint="Use the passphrase that the dump was made with.",
            ) from None

    def to_json(self) -> bytes:
        """The slot as it is stored; equal slots give equal bytes."""
        return checksummed.encode(
            {
                "format": _SLOT_FORMAT,
                "type": "passphrase",
                "key_id": self.key_id,
                "kdf": "argon2id",
                **asdict(self.cost),
                "salt": self.salt.hex(),
                "wrapped_key": self.wrapped_key.hex(),
            }
        )

    @classmethod
    def from_json(cls, data: bytes, key_id: str) -> Self:
        """The slot stored for `key_id`. No work is done for it yet, and its cost is in bounds.

        Raises CorruptError for any other bytes than `to_json` gives for such a slot.
        """
        what = f"the slot of key {key_id}"
        fields = checksummed.decode(data, what, _MAX_SLOT_SIZE)
        if fields.get("format") != _SLOT_FORMAT:
            raise CorruptError(
                f"{what} is of an unknown format",
                hint="A newer version of Replicate may have written it.",
            )
        try:
            cost = [fields[name] for name in ("passes", "lanes", "memory_kib")]
            slot = cls(
                fields["key_id"],
                Argon2Cost(*cost),
                bytes.fromhex(fields["salt"]),
                bytes.fromhex(fields["wrapped_key"]),
            )
            sound = (
                all(type(number) is int for number in cost)
                and _KEY_ID.fullmatch(slot.key_id) is not None
                and len(slot.salt) == _SALT_LENGTH
                and len(slot.wrapped_key) == _WRAPPED_LENGTH
                and slot.to_json() == data
            )
        except (KeyError, TypeError, ValueError):
            sound = False
        if not sound:
            raise CorruptError(f"{what} holds what no slot can hold")
        if slot.key_id != key_id:
            raise CorruptError(f"{what} is the slot of key {slot.key_id}")
        return slot


def masking_root(passphrase: str) -> bytes:
    """The key that all masking derives from: the same for a passphrase in every run, everywhere.

    Argon2id at the recommended cost with the salt ``replicate/mask/1``, which is constant so that
    equal passphrases mask equally. It takes a quarter of a second; callers keep the result.
    Raises UsageError if the passphrase is empty or not text.
    """
    return _stretch(passphrase, _MASKING_SALT, _RECOMMENDED)


_STRETCHING = threading.Lock()
"""One at a time: beside one, OpenSSL has no threads left for another, and reports no memory."""


def _stretch(passphrase: str, salt: bytes, cost: Argon2Cost) -> bytes:
    if not passphrase:
        raise UsageError("the passphrase is empty")
    try:
        # Bytes of the environment that are no UTF-8 stand as surrogates, and become bytes again.
        secret = passphrase.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise UsageError("the passphrase holds what is not text") from None
    kdf = Argon2id(
        salt=salt,
        length=KEY_LENGTH,
        iterations=cost.passes,
        lanes=cost.lanes,
        memory_cost=cost.memory_kib,
    )
    try:
        with _STRETCHING:
            return kdf.derive(secret)
    except MemoryError:
        raise ReplicateError(
            f"there is not enough memory for Argon2id, which needs {cost.memory_kib // 1024} MiB"
        ) from None


def _slot_context(key_id: str) -> bytes:
    return encode_context("replicate/passphrase-slot/1", key_id)


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_LENGTH:
        raise ValueError(f"a key of {len(key)} bytes, where {KEY_LENGTH} are needed")
    return key
