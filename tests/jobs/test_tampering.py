"""A hostile or a rotten datastore: every change is named, with exit 13, and nothing is restored."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from replicate.errors import CorruptError
from replicate.jobs.create import create_dump
from replicate.jobs.progress import Silent
from replicate.jobs.restore import RestoreOptions, restore_dump
from replicate.jobs.verify import verify_dumps
from tests.support.journey import Project, make_project

SEED = 20260102


@pytest.fixture(params=[True, False], ids=["encrypted", "plain"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    made = make_project(tmp_path, customers=60, encrypted=request.param)
    for name in ("first", "second"):
        create_dump(made.config(), name=name, progress=Silent())
    made.target.write_bytes(b"")
    return made


def _first_dump(project: Project) -> dict[str, bytes]:
    """The objects that a restore of `first` reads: not the index, nor what `second` has."""
    run = json.loads(project.objects()["dumps/first.json"])["header"]["run_id"]
    return {
        key: data
        for key, data in project.objects().items()
        if key == "dumps/first.json" or key.startswith((f"chunks/{run}/", "keys/"))
    }


def _refused(project: Project) -> str:
    with pytest.raises(CorruptError) as caught:
        restore_dump(project.config(), "first", RestoreOptions(), progress=Silent())
    assert project.target.read_bytes() == b""
    assert [path.name for path in project.folder.glob(".dev*")] == []
    return caught.value.message


def test_any_flipped_byte_is_refused(project: Project) -> None:
    draw = random.Random(SEED)
    for key, data in _first_dump(project).items():
        places = {0, len(data) - 1, *(draw.randrange(len(data)) for _ in range(12))}
        for place in places:
            altered = bytearray(data)
            altered[place] ^= 1 << draw.randrange(8)
            (project.store / key).chmod(0o600)
            (project.store / key).write_bytes(altered)
            message = _refused(project)
            assert Path(key).stem in message, f"{key} at {place}: {message}"
        (project.store / key).write_bytes(data)
    [report] = verify_dumps(project.config(), ["first"], progress=Silent())
    assert report.ok


@pytest.mark.parametrize("keep", [0, 1, -1])
def test_any_cut_object_is_refused(project: Project, keep: int) -> None:
    for key, data in _first_dump(project).items():
        (project.store / key).chmod(0o600)
        (project.store / key).write_bytes(data[:keep])
        _refused(project)
        (project.store / key).write_bytes(data)


def test_any_missing_chunk_or_slot_is_refused(project: Project) -> None:
    for key, data in _first_dump(project).items():
        if key == "dumps/first.json":
            continue
        (project.store / key).unlink()
        assert "missing" in _refused(project)
        (project.store / key).write_bytes(data)


def test_any_object_of_another_dump_in_its_place_is_refused(project: Project) -> None:
    mine = _first_dump(project)
    others = {key: data for key, data in project.objects().items() if key not in mine}
    for key, data in mine.items():
        kind = key.partition("/")[0]
        for other, foreign in others.items():
            if other.partition("/")[0] == kind and foreign != data:
                (project.store / key).chmod(0o600)
                (project.store / key).write_bytes(foreign)
                _refused(project)
        (project.store / key).write_bytes(data)


def test_chunks_of_one_dump_swapped_are_refused(project: Project) -> None:
    chunks = [(k, d) for k, d in _first_dump(project).items() if k.startswith("chunks/")]
    (one, first), (two, second) = chunks[:2]
    (project.store / one).write_bytes(second)
    (project.store / two).write_bytes(first)
    _refused(project)


def test_verify_finds_every_damage_and_goes_on(project: Project) -> None:
    chunks = [key for key in _first_dump(project) if key.startswith("chunks/")]
    for key in chunks:
        path = project.store / key
        path.write_bytes(path.read_bytes()[:-1])
    by_name = {
        report.name: report for report in verify_dumps(project.config(), None, progress=Silent())
    }
    assert len(by_name["first"].problems) == len(chunks)
    assert by_name["second"].ok


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00" * 64, None])
def test_a_damaged_index_costs_nothing(project: Project, content: bytes | None) -> None:
    index = project.store / "index.json"
    index.unlink()
    if content is not None:
        index.write_bytes(content)
    assert set(project.listed()) == {"first", "second"}
    restore_dump(project.config(), "latest", RestoreOptions(), progress=Silent())
