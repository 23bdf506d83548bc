"""The whole suite, on moto, with a prefix and without."""

from __future__ import annotations

from contextlib import closing

import pytest

from replicate.datastores.base import ConditionalWrites
from replicate.datastores.conformance import CASES, Case
from tests.support.moto_bucket import Moto


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_store_conforms(moto: Moto, case: Case) -> None:
    with closing(moto.store()) as store:
        assert store.capabilities.conditional_writes is ConditionalWrites.ATOMIC
        case.run(store, "check/case/")
        store.delete([info.key for info in store.list("")])
        assert not [*store.list("")]
    assert not moto.names()


@pytest.mark.parametrize("case", [c for c in CASES if not c.heavy], ids=lambda case: case.name)
def test_store_conforms_below_a_prefix(moto: Moto, case: Case) -> None:
    with closing(moto.store(prefix="some/team")) as store:
        case.run(store, "check/case/")
        assert all(name.startswith("some/team/check/case/") for name in moto.names())
        store.delete([info.key for info in store.list("")])
    assert not moto.names()
