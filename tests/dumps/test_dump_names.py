"""Names of dumps, and the keys of what they are made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from replicate.datastores.base import check_key
from replicate.dumps import layout
from replicate.dumps.names import check_dump_name, is_dump_name, new_dump_name
from replicate.errors import UsageError

RUN = "0123456789abcdef" * 2


@pytest.mark.parametrize("name", ["a", "A9", "prod", "prod-2", "a.b_c-d", "x" * 64, "a.json"])
def test_good_names_are_taken_as_they_are(name: str) -> None:
    assert check_dump_name(name) == name
    assert check_key(layout.manifest_key(name))
    assert layout.dump_of(layout.manifest_key(name)) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "-a",
        ".a",
        "_a",
        "a..b",
        "a/b",
        "../a",
        "a b",
        "a\n",
        "é",
        "x" * 65,
        "latest",
        "a\0",
    ],
)
def test_bad_names_are_refused(name: str) -> None:
    assert not is_dump_name(name)
    with pytest.raises(UsageError):
        check_dump_name(name)


def test_a_new_name_tells_the_time_in_utc_and_is_never_the_same() -> None:
    now = datetime(2026, 11, 21, 15, 45, 1, tzinfo=timezone(timedelta(hours=2)))
    names = {new_dump_name(now) for _ in range(20)}
    assert len(names) > 1
    assert all(check_dump_name(name).startswith("dump-20261121-134501-") for name in names)
    assert new_dump_name(datetime.now(UTC)) != new_dump_name(datetime.now(UTC) + timedelta(1))


@pytest.mark.parametrize(
    "key",
    [
        "dumps/a.txt",
        "dumps/.json",
        "dumps/a/b.json",
        "dumps/a.json.bak",
        "dumps/latest.json",
        "index.json",
        "Dumps/a.json",
        "other/a.json",
        "a.json",
        "dumps/a",
    ],
)
def test_other_keys_are_no_manifests(key: str) -> None:
    assert layout.dump_of(key) is None


def test_chunk_keys() -> None:
    names = {
        layout.chunk_name(RUN, 7, compressed=c, sealed=s)
        for c in (True, False)
        for s in (True, False)
    }
    assert names == {
        f"chunks/{RUN}/00000007.{ext}" for ext in ("zst", "zst.floe", "txt", "txt.floe")
    }
    assert {layout.run_of(check_key(name)) for name in names} == {RUN}
    for number in (-1, 100_000_000):
        with pytest.raises(ValueError, match="number"):
            layout.chunk_name(RUN, number, compressed=True, sealed=True)


@pytest.mark.parametrize(
    "key",
    [
        f"chunks/{RUN}/7.zst",
        f"chunks/{RUN}/000000007.zst",
        f"chunks/{RUN}/00000007.gz",
        f"chunks/{RUN}/00000007",
        f"chunks/{RUN[:-1]}/00000007.zst",
        f"chunks/{RUN.upper()}/00000007.zst",
        f"chunks/{RUN}/00000007.zst.floe.old",
        f"chunks/{RUN}/sub/00000007.zst",
    ],
)
def test_other_keys_are_no_chunks(key: str) -> None:
    assert layout.run_of(key) is None


def test_slot_keys() -> None:
    assert layout.slot_of(layout.slot_key("0123456789abcdef")) == "0123456789abcdef"
    for key in ("keys/x.json", "keys/0123456789abcdef", "keys/0123456789ABCDEF.json"):
        assert layout.slot_of(key) is None
