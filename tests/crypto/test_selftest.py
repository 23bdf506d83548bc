from __future__ import annotations

import json
from pathlib import Path

import pytest

from replicate.crypto import floe, keys, selftest
from replicate.crypto.prf import Prf
from replicate.errors import ReplicateError


def test_this_machine_passes() -> None:
    selftest.check()


def test_the_sealed_answer_is_the_published_vector() -> None:
    path = Path(__file__).parents[1] / "vectors" / "floe" / "text_of_two_segments.json"
    vector = json.loads(path.read_text())
    assert vector["sealed"] == selftest._FLOE_SEALED
    assert vector["plain"] == selftest._FLOE_PLAIN.hex()
    assert vector["key"] == selftest._FLOE_KEY.hex()
    assert vector["aad"] == selftest._FLOE_AAD.hex()


@pytest.mark.parametrize(
    ("owner", "name", "broken", "blamed"),
    [
        (floe, "open_sealed", lambda *_args, **_more: b"", "FLOE"),
        (floe, "seal", lambda *_args, **_more: b"not sealed", "FLOE"),
        (Prf, "one", lambda _self, _value: bytes(16), "AES-256-CMAC"),
        (Prf, "lanes", None, "AES-256-CMAC"),  # a crash counts as a wrong answer
        (selftest, "_ARGON2ID_TAG", "00", "Argon2id"),
        (keys, "derive", lambda *_args: bytes(32), "HKDF-SHA-256"),
    ],
)
def test_a_wrong_answer_stops_the_program(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, broken: object, blamed: str
) -> None:
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises(ReplicateError, match=f"the self-test of {blamed} failed") as caught:
        selftest.check()
    assert caught.value.exit_code == 1
    assert caught.value.hint
