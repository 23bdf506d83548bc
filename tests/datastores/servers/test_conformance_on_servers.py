"""Every datastore of conf.yaml passes the suite on real servers, as conf.yaml reaches them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from replicate.config import DatastoreConfig
from replicate.datastores.base import ConditionalWrites, Datastore
from replicate.datastores.conformance import CASES, Case
from replicate.datastores.registry import open_datastore
from tests.support.object_servers.targets import TARGETS, Servers, Target

_HEAVY = {
    "more than a page of objects": {"aws on rclone over https"},
    "large object": {"aws on rclone over https", "gcs on its emulator", "azure on Azurite"},
}
"""Where the cases that are heavy are run: where they take no more than seconds."""

_NOT_PROMISED = {"race for one key": {"aws on rclone over https"}}
"""rclone shows an object that is being replaced torn, or not at all, once in a few thousand reads.

No dump depends on it: nothing but the index is ever replaced, and that is made anew.
"""

Opener = Callable[[Target], Datastore]


@pytest.fixture(scope="module")
def opened(running: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opener]:
    """Opens the datastore of a target, once, in a bucket of its own."""
    stores: dict[str, Datastore] = {}
    with ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())

        def open_once(target: Target) -> Datastore:
            if target.name not in stores:
                place = target.place(running, tmp_path_factory.mktemp("store"))
                for name, value in place.environment.items():
                    environment.setenv(name, value)
                config = DatastoreConfig.model_validate(place.section)
                stores[target.name] = stack.enter_context(closing(open_datastore(config)))
            return stores[target.name]

        yield open_once


def _applies(case: Case, target: Target) -> bool:
    return (
        (target.atomic or not case.conditional)
        and (not case.heavy or target.name in _HEAVY[case.name])
        and target.name not in _NOT_PROMISED.get(case.name, ())
    )


@pytest.mark.parametrize(
    ("target", "case"),
    [(target, case) for target in TARGETS for case in CASES if _applies(case, target)],
    ids=lambda value: value.name,
)
def test_store_conforms(target: Target, case: Case, opened: Opener) -> None:
    store = opened(target)
    prefix = f"check/{case.name.replace(' ', '-')}/"
    case.run(store, prefix)
    store.delete([info.key for info in store.list(prefix)])
    assert not [*store.list(prefix)]


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_store_knows_what_its_server_can(target: Target, opened: Opener) -> None:
    """What the conditional cases above are run by: a server that ignores them is found out."""
    found = opened(target).capabilities.conditional_writes
    assert found is (ConditionalWrites.ATOMIC if target.atomic else ConditionalWrites.NONE)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_two_stores_in_one_place_see_the_same(
    target: Target, running: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that matters is kept in the process."""
    place = target.place(running, tmp_path)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    config = DatastoreConfig.model_validate(place.section)
    with closing(open_datastore(config)) as one, closing(open_datastore(config)) as other:
        put = one.put("dumps/a", b"written by one")
        assert other.get("dumps/a") == b"written by one"
        assert [info.key for info in other.list("")] == ["dumps/a"]
        assert other.stat("dumps/a").version == put.version
        other.delete(["dumps/a"])
        assert not [*one.list("")]
