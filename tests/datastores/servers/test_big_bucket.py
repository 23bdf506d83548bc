"""A dump of 12,000 chunks in a bucket that holds much else: read in order, and deleted, alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from replicate.config import DatastoreConfig
from replicate.datastores.base import Datastore
from replicate.datastores.registry import open_datastore
from replicate.dumps.catalog import Catalog
from replicate.dumps.chunks import open_chunk
from tests.support.memory_store import MemoryStore
from tests.support.object_servers.rclone import start_rclone
from tests.support.small_dump import Small, make_dump

_CHUNKS = 12_000
_FOREIGN = 3_500
_READERS = 4
_BUCKET = "much-else"


class BigBucket:
    """A bucket with the dumps `prod` and `prod-2`; `folder` is where the server keeps it."""

    def __init__(self, folder: Path, store: Datastore, prod: Small, prod_2: Small) -> None:
        self.folder = folder
        self.store = store
        self.prod = prod
        self.prod_2 = prod_2

    def names(self) -> set[str]:
        """All objects there are, behind the server's back."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix() for path in found}


def _foreign() -> dict[str, bytes]:
    """What others keep: beside ours, among ours, and under names that look like ours."""
    among = [
        "dumps/readme.txt", "dumps/prod", "dumps/prod-2.json.old", "dumps/archive/prod.json",
        "chunks/notes.txt", "chunks/prod/00000001.zst", "index.json.backup", "keys/mine.pem",
        "prod/00000001.zst", "prod-2/00000001.zst", "dumpster/fire.json", "a name/with spaces",
        "chunks/.hidden", "ärger/über.txt",
    ]  # fmt: skip
    beside = [f"photos/{number // 100}/{number}.jpg" for number in range(_FOREIGN - len(among))]
    return {name: f"of somebody else: {name}".encode() for name in [*among, *beside]}


@pytest.fixture
def big_bucket(tmp_path: Path) -> Iterator[BigBucket]:
    made = MemoryStore()
    rows = ([(0, b"%d\tname\n" % number)] for number in range(_CHUNKS - 2))
    prod = make_dump(made, "prod", chunks=rows)
    prod_2 = make_dump(made, "prod-2")
    # One by one through the server, the objects would take most of a minute to be put.
    with start_rclone(https=False, folder=tmp_path) as server:
        folder = tmp_path / _BUCKET
        objects = {key: data for key, (data, _) in made.objects.items()} | _foreign()
        for parent in {(folder / name).parent for name in objects}:
            parent.mkdir(parents=True, exist_ok=True)
        for name, data in objects.items():
            (folder / name).write_bytes(data)
        section = DatastoreConfig.model_validate(server.section(_BUCKET))
        with closing(open_datastore(section)) as store:
            yield BigBucket(folder, store, prod, prod_2)


def test_only_what_is_ours_is_read_and_deleted(big_bucket: BigBucket) -> None:
    store, catalog = big_bucket.store, Catalog(big_bucket.store)
    foreign = _foreign()
    before = big_bucket.names()
    assert foreign.keys() < before

    assert {header.name for header in catalog.headers()} == {"prod", "prod-2"}
    manifest = catalog.read(catalog.resolve("prod"), None)
    assert len(manifest.body.chunks) == _CHUNKS

    def read(place: int) -> bytes:
        record = manifest.body.chunks[place]
        return open_chunk(big_bucket.prod.format, record, store.get(big_bucket.prod.key(place)))

    with ThreadPoolExecutor(_READERS) as readers:
        texts = [*readers.map(read, range(_CHUNKS))]
    assert texts[1:-1] == [b"%d\tname\n" % number for number in range(_CHUNKS - 2)]

    listed = [info.key for info in store.list("chunks/")]
    ours = {big_bucket.prod.key(place) for place in range(_CHUNKS)}
    assert ours < set(listed)
    assert listed == sorted(listed)
    assert catalog.orphans(timedelta(0)) == []

    deleted = catalog.delete("prod")
    assert deleted.chunks == _CHUNKS
    assert before - big_bucket.names() == ours | {"dumps/prod.json"}
    assert [header.name for header in catalog.headers()] == ["prod-2"]
    assert len(big_bucket.prod_2.texts(store)) == len(big_bucket.prod_2.manifest.body.chunks)

    catalog.delete("prod-2")
    assert big_bucket.names() - {"index.json"} == set(foreign)
    for name, data in foreign.items():
        assert (big_bucket.folder / name).read_bytes() == data
