"""Any sequence of operations has the effect that it has on a dictionary."""

from __future__ import annotations

import shutil
import tempfile

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from replicate.datastores import posix_files
from replicate.datastores.base import Replace
from replicate.datastores.local_disk import LocalDisk
from replicate.errors import ConflictError, DatastoreError, NotFoundError

# Close relatives in every way: of one folder, with folders among them, one the start of another.
_KEYS = st.sampled_from(
    ["a-b", "a.b", "a/b", "a/b-c", "a/b.c/d", "a0", "dumps/x.json", "dumps/x-2.json", "z/y/x/w"]
)
_DATA = st.binary(max_size=40)


class LocalDiskModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.mkdtemp()
        self.store = LocalDisk(self.directory)
        self.model: dict[str, bytes] = {}
        self.versions: dict[str, list[str]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.directory)

    def _stored(self, key: str, data: bytes, version: str) -> None:
        self.model[key] = data
        earlier = self.versions.setdefault(key, [])
        assert version not in earlier
        earlier.append(version)

    @rule(key=_KEYS, data=_DATA)
    def overwrite(self, key: str, data: bytes) -> None:
        self._stored(key, data, self.store.put(key, data).version)

    @rule(key=_KEYS, data=_DATA)
    def create(self, key: str, data: bytes) -> None:
        if key in self.model:
            with pytest.raises(ConflictError):
                self.store.put(key, data, mode="create")
        else:
            self._stored(key, data, self.store.put(key, data, mode="create").version)

    @rule(key=_KEYS, data=_DATA, back=st.integers(0, 2))
    def replace(self, key: str, data: bytes, back: int) -> None:
        version = [*reversed(self.versions.get(key, [])), "none"][: back + 1][-1]
        if key in self.model and version == self.versions[key][-1]:
            self._stored(key, data, self.store.put(key, data, mode=Replace(version)).version)
        else:
            with pytest.raises(ConflictError):
                self.store.put(key, data, mode=Replace(version))

    @rule(keys=st.lists(_KEYS, max_size=4))
    def delete(self, keys: list[str]) -> None:
        self.store.delete(keys)
        for key in keys:
            self.model.pop(key, None)

    @rule(key=_KEYS, start=st.integers(0, 45), length=st.integers(0, 45))
    def get_range(self, key: str, start: int, length: int) -> None:
        if key not in self.model:
            with pytest.raises(NotFoundError):
                self.store.get(key, byte_range=(start, start + length))
        elif start + length > len(self.model[key]):
            with pytest.raises(DatastoreError):
                self.store.get(key, byte_range=(start, start + length))
        else:
            part = self.store.get(key, byte_range=(start, start + length))
            assert part == self.model[key][start : start + length]

    @rule(key=_KEYS, length=st.integers(0, 12))
    def list_prefix(self, key: str, length: int) -> None:
        prefix = key[:length]
        found = [info.key for info in self.store.list(prefix)]
        assert found == sorted(name for name in self.model if name.startswith(prefix))

    @invariant()
    def same(self) -> None:
        found = {info.key: info for info in self.store.list("")}
        assert [*found] == sorted(self.model)
        for key, data in self.model.items():
            assert self.store.get(key) == data
            assert self.store.stat(key) == found[key]
            assert found[key].size == len(data)
            assert found[key].version == self.versions[key][-1]


def test_like_a_dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posix_files, "_sync", lambda _: None)  # nobody pulls the plug here
    run_state_machine_as_test(
        LocalDiskModel,
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
