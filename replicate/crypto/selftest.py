"""A check, before anything is encrypted, that this machine's cryptography gives known answers.

A broken build of a library, or a processor that errs, must not be found out at restore time.
"""

from __future__ import annotations

import numpy as np
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from replicate.crypto import floe, keys
from replicate.crypto.prf import SLACK, Prf
from replicate.errors import ReplicateError

# NIST SP 800-38B's examples for AES-256: the CMAC of the first so many bytes of one message.
_CMAC_KEY = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
_CMAC_MESSAGE = (
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
_CMACS = {
    0: "028962f61b7bf89efc6b551f4667d983",
    16: "28a7023f452e8f82bd4bf28d8c37c35c",
    40: "aaf3d8f1de5640c232f5b169b9c911e6",
    64: "e1992190549f6ed5696a2c056c315410",
}
_ROWS_EACH = 16  # enough of each for all of their blocks to go in lockstep

# RFC 9106, section 5.3.
_ARGON2ID_TAG = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"

# tests/vectors/floe/text_of_two_segments.json
_FLOE_KEY = bytes(range(32))
_FLOE_AAD = b"a chunk of a dump"
_FLOE_PLAIN = b"0\tname-0\n1\tname-1\n2\tname-2\n3\tname-3\n4\tname-4\n5\tnam"
_FLOE_SEALED = (
    "000000000040000000204b01d5b2a7e2aaa4915925883959e9e528609842145f668e7d3592a719c16a825231"
    "d9c0c29eca161026e814c63c6ec38a4d6a37907b7ad2de1b1723f184e9abffffffff38c16de8e8e3e8ceb002"
    "f5ab0b0a2df62025aa7a15458752af6c0bc3d785ce0fb12e7ec78dcc34494aee77ec2bc458eda8b7eae8cb99"
    "7a4aa88519300000003277932d40c0bc90f65d16ebd1ee4b9d0f8d492ea28383f64d6248f86be3b58474a0a5"
    "d2a07ed31db8eace1ce648c5"
)

# Of _FLOE_KEY, computed with HMAC alone.
_DERIVED = "d70f6ae8410f6b8ea7da75f7556e51295eefcd9be778752ecab5b78afa698cf3"


def check() -> None:
    """Runs one known answer each for FLOE, CMAC, Argon2id and key derivation: a few ms.

    Raises ReplicateError if one of them comes out otherwise; nothing must be encrypted then.
    """
    for name, answers in (
        ("FLOE", _floe_answers),
        ("AES-256-CMAC", _cmac_answers),
        ("Argon2id", _argon2id_answers),
        ("HKDF-SHA-256", _hkdf_answers),
    ):
        try:
            sound = answers()
        except Exception as error:
            raise _failure(name) from error
        if not sound:
            raise _failure(name)


def _failure(name: str) -> ReplicateError:
    return ReplicateError(
        f"the self-test of {name} failed: this machine's cryptography can't be trusted",
        hint="Reinstall the cryptography package; if that does not help, suspect the hardware.",
    )


def _floe_answers() -> bool:
    opened = floe.open_sealed(_FLOE_KEY, _FLOE_AAD, bytes.fromhex(_FLOE_SEALED))
    again = floe.seal(_FLOE_KEY, _FLOE_AAD, opened, segment_length=64)
    return opened == _FLOE_PLAIN == floe.open_sealed(_FLOE_KEY, _FLOE_AAD, again)


def _cmac_answers() -> bool:
    prf = Prf(bytes.fromhex(_CMAC_KEY))
    message = bytes.fromhex(_CMAC_MESSAGE)
    length = np.array([*_CMACS] * _ROWS_EACH, np.int64)
    data = np.frombuffer(message + bytes(SLACK), np.uint8)
    lanes = prf.lanes(data, np.zeros_like(length), length)
    return lanes.tobytes().hex() == "".join(_CMACS.values()) * _ROWS_EACH and all(
        prf.one(message[:size]).hex() == mac for size, mac in _CMACS.items()
    )


def _argon2id_answers() -> bool:
    kdf = Argon2id(
        salt=b"\x02" * 16,
        length=32,
        iterations=3,
        lanes=4,
        memory_cost=32,
        ad=b"\x04" * 12,
        secret=b"\x03" * 8,
    )
    return kdf.derive(b"\x01" * 32).hex() == _ARGON2ID_TAG


def _hkdf_answers() -> bool:
    return keys.derive(_FLOE_KEY, "self-test", b"context").hex() == _DERIVED
