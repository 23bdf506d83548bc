"""The store on moto: buckets, prefixes, what goes with an object, versions, and foreign objects."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import pytest

from replicate.datastores.base import ConditionalWrites, KeepsVersions
from replicate.datastores.s3.store import S3Store
from replicate.errors import DatastoreError, NotFoundError
from tests.support.moto_bucket import Moto


def test_bucket_is_made_by_the_first_put(moto: Moto) -> None:
    with closing(moto.store()) as store:
        assert not [*store.list("")]
        store.delete(["a", "b"])
        for work in (lambda: store.get("a"), lambda: store.stat("a")):
            with pytest.raises(NotFoundError, match=f"the bucket {moto.bucket} does not exist"):
                work()
        store.put("a", b"x")
        assert store.get("a") == b"x"
    with closing(moto.store()) as store:
        store.put("b", b"x")
        assert [info.key for info in store.list("")] == ["a", "b"]


def test_bucket_is_made_by_a_conditional_put(moto: Moto) -> None:
    with closing(moto.store()) as store:
        store.put("a", b"x", mode="create")
    assert moto.names() == ["a"]


def test_bucket_is_made_once_by_many(moto: Moto) -> None:
    with closing(moto.store()) as store, ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda number: store.put(f"k{number}", b"x"), range(16)):
            pass
    assert len(moto.names()) == 16


def test_bucket_is_made_in_its_region(moto: Moto) -> None:
    with closing(moto.store(region="eu-west-3")) as store:
        store.put("a", b"x")
    found = moto.client.get_bucket_location(Bucket=moto.bucket)
    assert found["LocationConstraint"] == "eu-west-3"


def test_bucket_that_is_not_to_be_made(moto: Moto) -> None:
    with closing(moto.store(create_bucket=False)) as store:
        for work in (
            lambda: store.put("a", b"x"),
            lambda: store.put("a", b"x", mode="create"),
            lambda: store.get("a"),
            lambda: store.stat("a"),
            lambda: [*store.list("")],
            lambda: store.delete(["a"]),
            lambda: store.delete(["a", "b"]),
        ):
            with pytest.raises(NotFoundError) as caught:
                work()
            assert f"the bucket {moto.bucket} does not exist" in caught.value.message
            assert caught.value.hint == "create it, or set `create_bucket: true`"


def test_missing_object_names_itself(moto: Moto) -> None:
    with closing(moto.store(prefix="team")) as store:
        store.put("a", b"x")
        for work in (lambda: store.get("b"), lambda: store.stat("b")):
            with pytest.raises(NotFoundError) as caught:
                work()
            assert caught.value.message == f"there is no b in {store.location}"


def test_prefix(moto: Moto) -> None:
    with closing(moto.store(prefix="one")) as one, closing(moto.store(prefix="one-2")) as two:
        one.put("dumps/a", b"1")
        two.put("dumps/a", b"2")
        assert moto.names() == ["one-2/dumps/a", "one/dumps/a"]
        assert [info.key for info in one.list("dumps/")] == ["dumps/a"]
        one.delete(["dumps/a"])
        assert two.get("dumps/a") == b"2"
        assert one.location == f"s3://{moto.bucket}/one at {moto.url}"


def test_only_own_objects(moto: Moto) -> None:
    moto.client.create_bucket(Bucket=moto.bucket)
    foreign = [f"{number:04}.bin" for number in range(1_250)]
    foreign += [f"dumps//{number:04}" for number in range(1_250)]
    foreign += [f"dumps/.{number:04}" for number in range(500)]
    foreign += [f"dumps/prod {number:04}.json" for number in range(500)]

    def put(name: str) -> None:
        moto.client.put_object(Bucket=moto.bucket, Key=name, Body=b"foreign")

    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(put, foreign):
            pass
    own = ["dumps/prod-2.json", "dumps/prod.json", "dumps/zebra.json"]
    with closing(moto.store()) as store:
        for key in own:
            store.put(key, b"own")
        assert [info.key for info in store.list("dumps/")] == own
        assert [info.key for info in store.list("dumps/prod.")] == ["dumps/prod.json"]
        store.delete(info.key for info in store.list("dumps/"))
    assert moto.names() == sorted(foreign)


def test_what_goes_with_an_object_arrives(moto: Moto) -> None:
    changes = {
        "server_side_encryption": "aws:kms",
        "kms_key_id": "alias/dumps",
        "storage_class": "STANDARD_IA",
        "metadata": {"Team": "data", "scal-location-constraint": "us-east-1"},
    }
    with closing(moto.store(**changes)) as store:
        store.put("a", b"x", mode="create")
    found = moto.client.head_object(Bucket=moto.bucket, Key="a")
    assert found["ServerSideEncryption"] == "aws:kms"
    assert found["SSEKMSKeyId"] == "alias/dumps"
    assert found["StorageClass"] == "STANDARD_IA"
    assert found["Metadata"] == {"team": "data", "scal-location-constraint": "us-east-1"}


def test_plain_encryption_arrives(moto: Moto) -> None:
    with closing(moto.store(server_side_encryption="AES256")) as store:
        store.put("a", b"x")
    assert moto.client.head_object(Bucket=moto.bucket, Key="a")["ServerSideEncryption"] == "AES256"


def test_nothing_is_left_of_the_probe(moto: Moto) -> None:
    with closing(moto.store()) as store:
        assert store.capabilities.conditional_writes is ConditionalWrites.ATOMIC
    assert not moto.names()


def test_probes_at_the_same_time_come_to_the_same(moto: Moto) -> None:
    moto.client.create_bucket(Bucket=moto.bucket)

    def probe(_: int) -> ConditionalWrites:
        with closing(moto.store()) as store:
            assert store.location
            started.wait()
            return store.capabilities.conditional_writes

    started = Barrier(20)
    with ThreadPoolExecutor(20) as pool:
        for _ in range(5):
            assert [*pool.map(probe, range(20))] == [ConditionalWrites.ATOMIC] * 20
    assert not moto.names()


def _versioned(moto: Moto, status: str = "Enabled") -> None:
    moto.client.put_bucket_versioning(
        Bucket=moto.bucket, VersioningConfiguration={"Status": status}
    )


def _versions(moto: Moto) -> list[str]:
    found = moto.client.list_object_versions(Bucket=moto.bucket)
    return [v["Key"] for kind in ("Versions", "DeleteMarkers") for v in found.get(kind, [])]


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_no_version_is_left_of_the_probe(moto: Moto, status: str) -> None:
    moto.client.create_bucket(Bucket=moto.bucket)
    _versioned(moto, status)
    with closing(moto.store(prefix="team")) as store:
        assert store.capabilities.conditional_writes is ConditionalWrites.ATOMIC
    assert not _versions(moto)


def test_delete_in_a_versioned_bucket_says_what_remains(moto: Moto) -> None:
    moto.client.create_bucket(Bucket=moto.bucket)
    with closing(moto.store()) as store:
        assert isinstance(store, KeepsVersions)
        assert store.remains() is None
        _versioned(moto)
        store.put("a", b"1")
        store.delete(["a"])
        remains = store.remains()
        assert remains is not None
        assert f"the bucket {moto.bucket} keeps versions" in remains
        assert _versions(moto) == ["a", "a"]
        _versioned(moto, "Suspended")
        assert "kept versions once" in (store.remains() or "")


def test_remains_of_a_bucket_that_is_missing(moto: Moto) -> None:
    with closing(moto.store()) as store:
        assert store.remains() is None


def test_purge_takes_every_version_of_exactly_its_keys(moto: Moto) -> None:
    moto.client.create_bucket(Bucket=moto.bucket)
    _versioned(moto)
    with closing(moto.store(prefix="team", purge_versions=True)) as store:
        for number in range(3):
            for key in ("dumps/prod", "dumps/prod-2", "dumps/other", "index"):
                store.put(key, b"%d" % number)
        store.delete(["dumps/prod"])
        store.put("dumps/prod", b"again")
        assert store.remains() is None
        store.delete(["dumps/prod", "dumps/other", "index"])
        assert _versions(moto) == ["team/dumps/prod-2"] * 3
        assert store.get("dumps/prod-2") == b"2"


def test_purge_of_more_than_a_page(moto: Moto) -> None:
    moto.client.create_bucket(Bucket=moto.bucket)
    _versioned(moto)
    keys = [f"chunks/{number:04}" for number in range(600)]
    with closing(moto.store(purge_versions=True)) as store, ThreadPoolExecutor(4) as pool:
        for _ in range(2):
            for _ in pool.map(lambda key: store.put(key, b"x"), keys):
                pass
        store.delete(keys)
    assert not _versions(moto)


def test_settings_may_be_pickled(moto: Moto) -> None:
    settings = pickle.loads(pickle.dumps(moto.settings(prefix="p", metadata={"a": "b"})))  # noqa: S301  (our own)
    assert settings == moto.settings(prefix="p", metadata={"a": "b"})
    with closing(S3Store(settings)) as store:
        store.put("a", b"x")
    assert moto.names() == ["p/a"]


def test_store_can_be_used_after_it_was_closed(moto: Moto) -> None:
    store = moto.store()
    store.put("a", b"x")
    store.close()
    store.close()
    assert store.get("a") == b"x"
    store.close()


def test_role_is_assumed(moto: Moto) -> None:
    arn = "arn:aws:iam::123456789012:role/dumper"
    with closing(moto.store(role_arn=arn)) as store:
        store.put("a", b"x")
        session = store._bucket.connection.session
        found = session.get_credentials()
        assert found is not None
        assert found.method == "assume-role"
        assert found.token
    assert moto.names() == ["a"]


def test_empty_range(moto: Moto) -> None:
    with closing(moto.store()) as store:
        store.put("a", b"abc")
        assert store.get("a", byte_range=(3, 3)) == b""
        for byte_range in ((4, 4), (2, 1), (-1, 2)):
            with pytest.raises(DatastoreError, match="were asked of a"):
                store.get("a", byte_range=byte_range)
