"""FLOE, the Fast Lightweight Online Encryption of c2sp.org/FLOE, for objects held in memory.

Suite: AES-256-GCM, HKDF-EXPAND-SHA-384, a random IV of 32 bytes; associated data binds an object
to its place. All integers are big-endian. A sealed object is a header of 74 bytes

    0 | 0 | segment length (4) | 32 (4) | IV (32) | header tag (32)

(AEAD id, KDF id, parameters, and a tag that commits to the key and the associated data), followed
by one or more segments

    0xFFFFFFFF, or the length of this segment if it is the last (4) | nonce (12) | text | tag (16)

All segments but the last are of the header's segment length. Each is authenticated with its
position and with whether it is the last one, so that none can be moved, left out or added. The
AES key changes every 2**20 segments, and every object has keys of its own, drawn from its IV:
the same key may seal any number of objects, from any number of processes.

Segments are sealed one at a time, straight into the result. An AEAD call keeps other threads of
the process waiting, so it is never made on more than one segment.
"""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from replicate.errors import CorruptError

Buffer = bytes | bytearray | memoryview

KEY_LENGTH = 32
SEGMENT_LENGTH = 1 << 20
SHORTEST_SEGMENT = 64
LONGEST_SEGMENT = 64 << 20

HEADER_LENGTH = 74
SEGMENT_OVERHEAD = 32
"""Bytes that a segment is longer than its text: length 4, nonce 12, tag 16."""

_PARAMETERS = struct.Struct(">BBII")  # AEAD id, KDF id, segment length, IV length
_AES_256_GCM = 0
_HKDF_EXPAND_SHA_384 = 0
_IV_LENGTH = 32
_NONCE_LENGTH = 12
_PREFIX_LENGTH = _PARAMETERS.size + _IV_LENGTH
_NOT_LAST = 0xFFFFFFFF
_ROTATION_BITS = 20


def seal(
    key: bytes, aad: bytes, data: Buffer, *, segment_length: int = SEGMENT_LENGTH
) -> bytearray:
    """`data`, sealed under `key` (32 bytes) and bound to `aad`.

    Two calls never give the same bytes. The result is `sealed_length(len(data))` bytes long and
    belongs to the caller. Text that fills its segments exactly gets no empty segment after them;
    empty text is one empty segment. Raises ValueError where the key or the segment length is
    not one that FLOE can use here.
    """
    if not SHORTEST_SEGMENT <= segment_length <= LONGEST_SEGMENT:
        raise ValueError(f"a segment of {segment_length} bytes is out of bounds")
    return _seal(
        key,
        aad,
        data,
        segment_length=segment_length,
        iv=os.urandom(_IV_LENGTH),
        nonce=lambda _position: os.urandom(_NONCE_LENGTH),
    )


def open_sealed(key: bytes, aad: bytes, data: Buffer, *, max_plain: int | None = None) -> bytearray:
    """The text that was sealed in `data`, of at most `max_plain` bytes if that is given.

    All of it or nothing: every segment was authenticated, in its place, before this returns.
    `data` may be hostile; its claims are checked before memory is taken for them.

    Raises CorruptError, saying which: not a sealed object, a header that does not fit the key
    or `aad`, more text than `max_plain`, an altered segment (counted from 0), an object cut
    inside a segment or at the border between two, bytes after the last segment. A wrong key
    can't be told from another place or an altered header; see `header_fits`.
    """
    return _open(key, aad, data, max_plain=max_plain)


def header_fits(key: bytes, aad: bytes, data: Buffer) -> bool:
    """Whether the header of `data` was made with `key` and `aad`. The segments are not looked at.

    Raises CorruptError if `data` does not begin with the header of a sealed object.
    """
    header = memoryview(data).cast("B")[:HEADER_LENGTH]
    _read_segment_length(header, SHORTEST_SEGMENT)
    return _tag_fits(_checked(key), aad, header)


def sealed_length(plain_length: int, *, segment_length: int = SEGMENT_LENGTH) -> int:
    """How long `seal` makes a text of `plain_length` bytes."""
    segments = max(1, -(-plain_length // (segment_length - SEGMENT_OVERHEAD)))
    return HEADER_LENGTH + plain_length + segments * SEGMENT_OVERHEAD


class _Message:
    """The ciphers of one object: one for every 2**rotation_bits segments, derived when needed."""

    def __init__(self, key: bytes, prefix: bytes, aad: bytes, rotation_bits: int) -> None:
        self._prefix = prefix
        self._aad = aad
        self._rotation_bits = rotation_bits
        self._key = _derive(key, prefix, b"MESSAGE_KEY:", aad, 48)
        self._first = -1
        self._cipher: AESGCM | None = None

    def cipher(self, position: int) -> AESGCM:
        first = position >> self._rotation_bits << self._rotation_bits
        if self._cipher is None or first != self._first:
            purpose = b"DEK:" + first.to_bytes(8, "big")
            self._cipher = AESGCM(_derive(self._key, self._prefix, purpose, self._aad, 32))
            self._first = first
        return self._cipher

    def is_authentic(self, segment: memoryview, position: int, *, last: bool) -> bool:
        """Whether these bytes, but for their length field, are a segment of this object."""
        if len(segment) < SEGMENT_OVERHEAD:
            return False
        try:
            self.cipher(position).decrypt(segment[4:16], segment[16:], _place(position, last=last))
        except InvalidTag:
            return False
        return True


def _seal(
    key: bytes,
    aad: bytes,
    data: Buffer,
    *,
    segment_length: int,
    iv: bytes,
    nonce: Callable[[int], bytes],
    rotation_bits: int = _ROTATION_BITS,
) -> bytearray:
    """`seal` with everything that is random given, for known-answer tests alone."""
    text = memoryview(data).cast("B")
    prefix = _PARAMETERS.pack(_AES_256_GCM, _HKDF_EXPAND_SHA_384, segment_length, len(iv)) + iv
    message = _Message(_checked(key), prefix, aad, rotation_bits)

    sealed = bytearray(sealed_length(len(text), segment_length=segment_length))
    sealed[:_PREFIX_LENGTH] = prefix
    sealed[_PREFIX_LENGTH:HEADER_LENGTH] = _derive(key, prefix, b"HEADER_TAG:", aad, 32)
    body = memoryview(sealed)[HEADER_LENGTH:]
    step = segment_length - SEGMENT_OVERHEAD
    for position, at in enumerate(range(0, max(len(text), 1), step)):
        piece = text[at : at + step]
        last = at + step >= len(text)
        segment = body[position * segment_length :][: len(piece) + SEGMENT_OVERHEAD]
        segment[:4] = (len(segment) if last else _NOT_LAST).to_bytes(4, "big")
        segment[4:16] = nonce(position)
        message.cipher(position).encrypt_into(
            segment[4:16], piece, _place(position, last=last), segment[16:]
        )
    return sealed


def _open(
    key: bytes,
    aad: bytes,
    data: Buffer,
    *,
    max_plain: int | None,
    rotation_bits: int = _ROTATION_BITS,
    shortest: int = SHORTEST_SEGMENT,
) -> bytearray:
    """`open_sealed`; known-answer tests alone change how often keys rotate, and the bound."""
    view = memoryview(data).cast("B")
    segment_length = _read_segment_length(view, shortest)
    if len(view) < HEADER_LENGTH + SEGMENT_OVERHEAD:
        raise CorruptError("the sealed object ends inside segment 0")
    if not _tag_fits(_checked(key), aad, view):
        raise CorruptError(
            "the sealed object's header fits another key or another place",
            hint="The object was altered, renamed or copied from elsewhere, or the key is wrong.",
        )
    message = _Message(key, bytes(view[:_PREFIX_LENGTH]), aad, rotation_bits)

    body = view[HEADER_LENGTH:]
    step = segment_length - SEGMENT_OVERHEAD
    inner, remainder = divmod(len(body) - 1, segment_length)  # segments before the last one
    plain_length = inner * step + max(0, remainder + 1 - SEGMENT_OVERHEAD)
    if max_plain is not None and plain_length > max_plain:
        raise CorruptError(f"the sealed object holds more than {max_plain} bytes")

    plain = bytearray(plain_length)
    out = memoryview(plain)
    for position in range(inner + 1):
        last = position == inner
        rest = body[position * segment_length :]
        segment = rest[:segment_length]
        expected = len(segment) if last else _NOT_LAST
        if len(segment) < SEGMENT_OVERHEAD or int.from_bytes(segment[:4], "big") != expected:
            raise _misfit(message, position, rest, segment_length)
        try:
            message.cipher(position).decrypt_into(
                segment[4:16],
                segment[16:],
                _place(position, last=last),
                out[position * step :][: len(segment) - SEGMENT_OVERHEAD],
            )
        except InvalidTag:
            raise _altered(position) from None
    return plain


def _misfit(
    message: _Message, position: int, rest: memoryview, segment_length: int
) -> CorruptError:
    """What is wrong with a segment whose length field is not what its place in `rest` demands.

    `rest` begins with the segment and goes to the end of the object. A guess is made only from
    bytes that prove authentic; what is left can be no more than "altered" or "ends inside".
    """
    here = rest[:segment_length]
    claimed = int.from_bytes(rest[:4], "big")
    if claimed == _NOT_LAST and message.is_authentic(here, position, last=False):
        return CorruptError(f"the sealed object was cut off after segment {position}")
    extra = len(rest) - claimed
    is_short = extra > 0 and claimed <= segment_length
    if is_short and message.is_authentic(rest[:claimed], position, last=True):
        return CorruptError(f"the sealed object has {extra} bytes after its last segment")
    if message.is_authentic(here, position, last=len(rest) <= segment_length):
        return _altered(position)  # in nothing but its length field
    if len(here) < max(SEGMENT_OVERHEAD, min(claimed, segment_length)):
        return CorruptError(f"the sealed object ends inside segment {position}")
    return _altered(position)


def _altered(position: int) -> CorruptError:
    return CorruptError(f"segment {position} of the sealed object was altered")


def _read_segment_length(view: memoryview, shortest: int) -> int:
    """The segment length of a header of this suite. Nothing is authenticated yet."""
    if len(view) == 0:
        raise CorruptError("the sealed object is empty")
    if len(view) < HEADER_LENGTH:
        raise CorruptError(f"{len(view)} bytes are too short for a sealed object")
    aead, kdf, segment_length, iv_length = _PARAMETERS.unpack(view[: _PARAMETERS.size])
    if (aead, kdf, iv_length) != (_AES_256_GCM, _HKDF_EXPAND_SHA_384, _IV_LENGTH):
        raise CorruptError("the object does not begin like a sealed one")
    if not shortest <= segment_length <= LONGEST_SEGMENT:
        raise CorruptError(f"the sealed object names a segment length of {segment_length} bytes")
    return int(segment_length)


def _tag_fits(key: bytes, aad: bytes, view: memoryview) -> bool:
    expected = _derive(key, bytes(view[:_PREFIX_LENGTH]), b"HEADER_TAG:", aad, 32)
    return hmac.compare_digest(expected, view[_PREFIX_LENGTH:HEADER_LENGTH])


def _derive(key: bytes, prefix: bytes, purpose: bytes, aad: bytes, length: int) -> bytes:
    return HKDFExpand(hashes.SHA384(), length, prefix + purpose + aad).derive(key)


def _place(position: int, *, last: bool) -> bytes:
    return position.to_bytes(8, "big") + (b"\x01" if last else b"\x00")


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_LENGTH:
        raise ValueError(f"a key of {len(key)} bytes, where {KEY_LENGTH} are needed")
    return key
