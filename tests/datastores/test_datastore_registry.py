"""From the section `datastore` of conf.yaml to a store."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest

from replicate.config import DatastoreConfig
from replicate.datastores.registry import open_datastore
from replicate.errors import NotFoundError, UsageError

_HMAC = {"access_key": "id", "secret": "hidden"}
_KEYS = {"access_key_id": "id", "secret_access_key": "hidden"}


def _open(**section: Any) -> str:
    store = open_datastore(DatastoreConfig.model_validate(section))
    try:
        return store.location
    finally:
        store.close()


def test_section_of_a_directory(tmp_path: Path) -> None:
    store = open_datastore(DatastoreConfig.model_validate({"local_disk": {"dir": str(tmp_path)}}))
    store.put("a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"
    assert store.location == f"local disk {tmp_path}"


def test_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        _open(local_disk={"dir": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ({"aws": {"bucket": "dumps", "prefix": "a", "credentials": _KEYS}}, ("dumps", "a")),
        ({"gcp": {"bucket": "dumps", **_HMAC}}, ("dumps",)),
        (
            {"azure": {"container": "dumps", "account": "mine", "key": "aGlkZGVu"}},
            ("dumps", "mine"),
        ),
        (
            {"mirrors": [{"aws": {"bucket": "one"}}, {"aws": {"bucket": "two"}}]},
            ("one", "two"),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_opening_asks_nobody(
    section: dict[str, Any], names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a request was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    location = _open(**section)
    assert all(name in location for name in names)
    assert "hidden" not in location
    assert "aGlkZGVu" not in location


@pytest.mark.parametrize(("name", "keys"), [("aws", {}), ("gcp", _HMAC)])
def test_plain_http_to_another_machine_is_refused(name: str, keys: dict[str, str]) -> None:
    address = "http://storage.example.com:9000"
    section = {"bucket": "dumps", "endpoint": {"custom": address}, **keys}
    with pytest.raises(UsageError, match=r"storage\.example\.com") as caught:
        _open(**{name: section})
    assert "secure" in (caught.value.hint or "")
    _open(**{name: section | {"secure": False}})
    _open(**{name: section | {"endpoint": {"custom": "http://127.0.0.1:9000"}}})


def test_a_mirror_that_can_not_be_opened_is_said(tmp_path: Path) -> None:
    here = {"local_disk": {"dir": str(tmp_path)}}
    gone = {"local_disk": {"dir": str(tmp_path / "none")}}
    with pytest.raises(NotFoundError):
        _open(mirrors=[here, gone])


def test_an_optional_mirror_that_can_not_be_opened_is_left_out(tmp_path: Path) -> None:
    here = {"local_disk": {"dir": str(tmp_path)}}
    gone = {"local_disk": {"dir": str(tmp_path / "none")}, "required": False}
    said: list[str] = []
    section = DatastoreConfig.model_validate({"mirrors": [gone, here]})
    store = open_datastore(section, warn=said.append)
    store.put("a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"
    assert len(said) == 1
    assert str(tmp_path / "none") in said[0]
