"""`replicate datastore sync` as a user types it: what it prints, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli_process import KEY, Workplace


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path)
    place.configure(key=KEY)
    return place


def _mirror(place: Workplace, *folders: Path) -> None:
    for folder in folders:
        folder.mkdir(exist_ok=True)
    stores = ", ".join(f"{{local_disk: {{dir: {folder}}}}}" for folder in folders)
    text = place.config.read_text()
    place.config.write_text(
        text.replace(f"  local_disk:\n    dir: {place.store}\n", f"  mirrors: [{stores}]\n")
    )


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_a_new_mirror_gets_all_dumps(place: Workplace) -> None:
    for name in ("one", "two"):
        place.run("dump", "create", "--name", name).succeeded()
    copy = place.directory / "copy"
    _mirror(place, place.store, copy)

    told = place.run("datastore", "sync", "--dry-run").succeeded()
    assert told.out == f"two  local disk {copy}\none  local disk {copy}\n"
    assert "2 dumps would be copied, 6 chunks, " in told.err
    assert _files(copy) == {}

    done = place.run("datastore", "sync").succeeded()
    assert done.out == told.out
    assert "2 dumps copied, 6 chunks, " in done.err
    assert "; 2 there already" in done.err
    held, original = _files(copy), _files(place.store)
    assert held.keys() == original.keys()
    assert all(held[key] == original[key] for key in held if key != "index.json")

    again = place.run("datastore", "sync", "--quiet").succeeded()
    assert (again.out, again.err) == ("", "")


def test_as_json(place: Workplace) -> None:
    place.run("dump", "create", "--name", "one").succeeded()
    copy = place.directory / "copy"
    _mirror(place, place.store, copy)
    report = place.run("datastore", "sync", "--json").succeeded().json
    [copied] = report["copied"]
    assert copied.pop("stored_bytes") > 0
    assert copied == {"name": "one", "location": f"local disk {copy}", "chunks": 3}
    assert {**report, "copied": []} == {
        "dry_run": False, "copied": [], "skipped": [], "current": 1
    }  # fmt: skip


def test_the_dumps_of_another_datastore_and_a_name_that_is_taken(place: Workplace) -> None:
    for name in ("one", "two"):
        place.run("dump", "create", "--name", name).succeeded()
    old = place.directory / "old.yaml"
    # Only two of its sections count: the others are not even looked at.
    old.write_text(place.config.read_text().replace("sqlite:///", "$NOT_SET_ANYWHERE"))
    old.chmod(0o600)
    new = place.directory / "new"
    new.mkdir()
    place.configure(key=KEY, store=new)
    place.run("dump", "create", "--name", "one").succeeded()
    before = _files(place.store)

    done = place.run("datastore", "sync", "--from", str(old))
    assert done.code == 3, done.err
    assert done.out == f"two  local disk {new}\n"
    assert "1 dump copied" in done.err
    assert "warning: dump one was skipped" in done.err
    assert "another dump has the name one" in done.err
    assert "error: not everything that is missing could be copied\nhint: " in done.err
    assert _files(place.store) == before
    verified = place.run("dump", "verify", "--all", "--json").succeeded().json["dumps"]
    assert {(dump["name"], dump["ok"]) for dump in verified} == {("one", True), ("two", True)}

    report = place.run("datastore", "sync", "--from", str(old), "--json")
    assert report.code == 3
    assert [skipped["name"] for skipped in report.json["skipped"]] == ["one"]
    assert report.json["current"] == 1


def test_without_mirrors_it_needs_another_datastore(place: Workplace) -> None:
    result = place.run("datastore", "sync")
    assert "no mirrors" in result.failed_with(2)
    assert "hint: " in result.err
    assert "--from" in result.err


def test_another_configuration_that_is_not_there(place: Workplace) -> None:
    result = place.run("datastore", "sync", "--from", "nowhere.yaml")
    assert "nowhere.yaml" in result.failed_with(2)
