"""What a bucket on moto tells of itself, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import pytest

from replicate.datastores.base import Examinable, Finding
from replicate.datastores.s3 import examining
from replicate.datastores.s3.bucket import Bucket
from tests.support.moto_bucket import Moto
from tests.support.scripted_server import Reply, ScriptedServer, xml_error

NAMES = ["credentials", "region", "checksums", "versioning", "lifecycle", "object lock"]


def _findings(moto: Moto, **changes: object) -> Mapping[str, Finding]:
    with closing(moto.store(**changes)) as store:
        assert isinstance(store, Examinable)
        found = [*store.examine("check/x/")]
        store.delete([info.key for info in store.list("check/")])
    assert [finding.name for finding in found] == NAMES
    return {finding.name: finding for finding in found}


@pytest.fixture
def made(moto: Moto) -> Moto:
    moto.client.create_bucket(Bucket=moto.bucket)
    return moto


def _lifecycle(moto: Moto, *rules: Mapping[str, Any]) -> None:
    full: Sequence[Mapping[str, Any]] = [
        {"ID": f"rule{number}", "Status": "Enabled", **rule} for number, rule in enumerate(rules)
    ]
    moto.client.put_bucket_lifecycle_configuration(
        Bucket=moto.bucket, LifecycleConfiguration={"Rules": full}
    )


def test_plain_bucket(made: Moto) -> None:
    found = _findings(made)
    assert found["credentials"].detail == "accepted"
    assert found["region"].detail == "the bucket is in us-east-1"
    # moto compares no checksum: that is what this row is there to find out.
    assert {name: finding.ok for name, finding in found.items()} == {
        **dict.fromkeys(NAMES, True),
        "checksums": None,
    }
    assert not made.names()


def test_region_is_another(made: Moto) -> None:
    finding = _findings(made, region="eu-west-1")["region"]
    assert finding.detail == "the bucket is in us-east-1, and the settings say eu-west-1"


def test_versioning(made: Moto) -> None:
    made.client.put_bucket_versioning(
        Bucket=made.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    finding = _findings(made)["versioning"]
    assert (finding.ok, finding.detail) == (True, "enabled")
    assert "stays as an old version" in finding.consequence
    assert "removes old versions" in _findings(made, purge_versions=True)["versioning"].consequence


@pytest.mark.parametrize(
    ("rule", "detail"),
    [
        ({"Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}, "removes objects after 30 days"),
        ({"Filter": {"Prefix": "te"}, "Expiration": {"Days": 1}}, "removes objects after 1 days"),
        (
            {"Filter": {"Prefix": ""}, "Transitions": [{"Days": 9, "StorageClass": "GLACIER"}]},
            "moves objects to GLACIER, where they can't be read at once",
        ),
    ],
)
def test_rules_that_bite(made: Moto, rule: Mapping[str, Any], detail: str) -> None:
    _lifecycle(made, rule)
    finding = _findings(made, prefix="team")["lifecycle"]
    assert finding.ok is False
    assert finding.detail == f"the rule rule0 {detail}"
    assert finding.hint is not None


def test_rule_for_a_part(made: Moto) -> None:
    _lifecycle(made, {"Filter": {"Prefix": "team/dumps/"}, "Expiration": {"Days": 2}})
    finding = _findings(made, prefix="team")["lifecycle"]
    assert finding.ok is None
    assert "for what starts with team/dumps/" in finding.detail


def test_rules_that_do_not_touch(made: Moto) -> None:
    _lifecycle(
        made,
        {"Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}},
        {"Filter": {"Prefix": ""}, "Expiration": {"Days": 30}, "Status": "Disabled"},
        {"Filter": {"Tag": {"Key": "a", "Value": "b"}}, "Expiration": {"Days": 30}},
        {"Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}},
    )
    assert _findings(made, prefix="team")["lifecycle"].ok is True


def test_object_lock(moto: Moto) -> None:
    moto.client.create_bucket(Bucket=moto.bucket, ObjectLockEnabledForBucket=True)
    moto.client.put_object_lock_configuration(
        Bucket=moto.bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 7}},
        },
    )
    finding = _findings(moto)["object lock"]
    assert finding.ok is True
    assert finding.detail == "each object is retained for 7 days (governance)"


def test_object_lock_without_retention(moto: Moto) -> None:
    moto.client.create_bucket(Bucket=moto.bucket, ObjectLockEnabledForBucket=True)
    assert _findings(moto)["object lock"].detail == "on, and nothing is retained by default"


def test_lock_and_purge_do_not_go_together(moto: Moto) -> None:
    moto.client.create_bucket(Bucket=moto.bucket, ObjectLockEnabledForBucket=True)
    moto.client.put_object_lock_configuration(
        Bucket=moto.bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 1}},
        },
    )
    with closing(moto.store(purge_versions=True)) as store:
        finding = [*store.examine("check/x/")][-1]
    assert finding.ok is False
    assert "purge_versions" in (finding.hint or "")


def test_what_may_not_be_asked(moto: Moto) -> None:
    with (
        ScriptedServer(lambda _: Reply(403, xml_error("AccessDenied"))) as server,
        closing(moto.store(endpoint={"custom": server.url})) as store,
    ):
        found = [*store.examine("check/x/")]
        assert store.remains() is None
    assert [finding.name for finding in found] == NAMES
    assert [finding.ok for finding in found] == [None] * len(NAMES)
    assert found[4].detail == (
        f"can't be asked: access denied: s3:GetLifecycleConfiguration on {moto.bucket}"
    )


def test_checksum_that_is_compared(moto: Moto) -> None:
    with (
        ScriptedServer(lambda _: Reply(400, xml_error("BadDigest"))) as server,
        closing(moto.store(endpoint={"custom": server.url})) as store,
    ):
        found = {finding.name: finding for finding in store.examine("check/x/")}
    assert found["checksums"].ok is True


def test_key_that_is_refused(moto: Moto) -> None:
    with (
        ScriptedServer(lambda _: Reply(403, xml_error("InvalidAccessKeyId"))) as server,
        closing(moto.store(endpoint={"custom": server.url})) as store,
    ):
        finding = next(iter(store.examine("check/x/")))
    assert finding.ok is False
    assert finding.detail == f"{server.url} doesn't know the access key"


def test_amazon_says_who_one_is(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto.url)
    settings = moto.settings(endpoint=None, region="eu-west-1")
    finding = examining._credentials(Bucket(settings))
    assert finding.ok is True
    assert finding.detail.startswith("of arn:aws:sts::")
