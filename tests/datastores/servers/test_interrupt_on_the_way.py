"""One Ctrl-C ends the program while a store keeps it waiting, and what answers is cleaned up."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from replicate.config import DatastoreConfig
from replicate.datastores.base import Datastore
from replicate.datastores.registry import open_datastore
from tests.support.cli_process import PATIENT_PROGRAM, PROGRAM, environment
from tests.support.fault_proxy import FaultProxy, WireFault, hang
from tests.support.journey import Project
from tests.support.object_servers.project import project_on
from tests.support.object_servers.reach import ObjectServer, Section, changed
from tests.support.waiting import until

_NUMBERS = itertools.count()
_ALWAYS = 10_000

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals")


class Place:
    """A project on moto by way of the proxy, and `behind` the same store with nothing between."""

    def __init__(
        self, folder: Path, proxy: FaultProxy, direct: Section, behind: Datastore, chunk_size: int
    ) -> None:
        self.proxy = proxy
        self.direct = direct
        self.slow = changed(direct, endpoint={"custom": proxy.url}, timeout=600)
        self.behind = behind
        self.project: Project = project_on(
            self.slow, folder, customers=1500, chunk_size=chunk_size, encrypted=False
        )

    def use(self, section: Section) -> None:
        """Have another datastore from now on."""
        lines = [
            f"datastore: {json.dumps(section)}" if line.startswith("datastore:") else line
            for line in self.project.conf.read_text().splitlines()
        ]
        self.project.conf.write_text("\n".join([*lines, ""]))

    def chunks(self) -> list[str]:
        return [info.key for info in self.behind.list("chunks/")]

    def interrupted(
        self,
        *arguments: str,
        fault: WireFault,
        stopped: bool = False,
        program: tuple[str, ...] = PROGRAM,
    ) -> str:
        """What the program says that gets one SIGINT while a request hangs by `fault`.

        With `stopped` its worker processes can't act on any signal but SIGKILL.
        """
        self.proxy.script(fault)
        plain = {k: v for k, v in environment().items() if not k.startswith("COVERAGE")}
        with subprocess.Popen(
            [*program, "-c", str(self.project.conf), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=plain,
            text=True,
        ) as process:
            try:
                # What is still passed on at the signal could arrive after it was taken back.
                until(
                    lambda: (
                        not self.proxy.passing
                        and any(exchange.fault for exchange in list(self.proxy.exchanges))
                    ),
                    process,
                    seconds=180,
                )
                time.sleep(0.2)  # until others of its threads wait as well
                workers = psutil.Process(process.pid).children(recursive=True)
                for worker in workers if stopped else ():
                    worker.suspend()
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=120)  # the request itself would hang for 600
            finally:
                process.kill()
        _, alive = psutil.wait_procs(workers, timeout=60)
        assert alive == []
        assert process.returncode == 130, err
        assert err.splitlines()[-1] == "interrupted"
        assert "Traceback" not in err
        assert "error:" not in err
        return err


@pytest.fixture
def place(tmp_path: Path, moto_server: ObjectServer) -> Iterator[Place]:
    direct = moto_server.section(f"interrupts-{os.getpid()}-{next(_NUMBERS)}")
    moto_server.make_bucket(direct["aws"]["bucket"])
    store = open_datastore(DatastoreConfig.model_validate(direct))
    with FaultProxy(moto_server.url) as proxy, closing(store) as behind:
        yield Place(tmp_path, proxy, direct, behind, chunk_size=64 * 1024)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_create_with_an_upload_unanswered(place: Place, jobs: str) -> None:
    err = place.interrupted(
        *("dump", "create", "--jobs", jobs),
        fault=hang("PUT", "*/chunks/*", skip=3, times=_ALWAYS),
        program=PATIENT_PROGRAM,
    )
    assert "orphans" not in err
    assert place.chunks() == []


def test_create_with_workers_that_are_stopped(place: Place) -> None:
    place.interrupted(
        *("dump", "create", "--jobs", "2"),
        fault=hang("PUT", "*/chunks/*", skip=3, times=_ALWAYS),
        stopped=True,
        program=PATIENT_PROGRAM,
    )
    assert place.chunks() == []


def test_create_with_nothing_answered_any_more(place: Place) -> None:
    err = place.interrupted("dump", "create", fault=hang(target="*chunks*", skip=3, times=_ALWAYS))
    assert "`replicate dump prune --orphans` removes" in err
    assert len(place.chunks()) == 3


@pytest.mark.parametrize("skip", [0, 3], ids=["coordinator", "upload"])
def test_create_with_one_copy_that_does_not_answer(place: Place, tmp_path: Path, skip: int) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    place.use({"mirrors": [{"local_disk": {"dir": str(mirror)}}, place.slow]})
    place.interrupted(
        *("dump", "create"),
        fault=hang("PUT", "*/chunks/*", skip=skip, times=_ALWAYS),
        program=PATIENT_PROGRAM,
    )
    assert place.chunks() == []
    assert [path for path in mirror.rglob("chunks/*/*") if path.is_file()] == []


def test_restore(place: Place) -> None:
    place.project.succeed("dump", "create", "--name", "one")
    place.interrupted(
        *("dump", "restore", "remote", "-v", "one"),
        fault=hang("GET", "*/chunks/*", skip=3, times=_ALWAYS),
    )
    assert [path.name for path in place.project.folder.glob("*dev.db*")] == []


def test_check(place: Place) -> None:
    err = place.interrupted(
        "datastore", "check", fault=hang(target="*check*", skip=3, times=_ALWAYS)
    )
    assert err.count("interrupted") == 1


def test_check_cleans_up_where_it_is_answered(place: Place) -> None:
    place.interrupted(
        *("datastore", "check"),
        fault=hang("PUT", "*/check/*", skip=1, times=_ALWAYS),
        program=PATIENT_PROGRAM,
    )
    assert [*place.behind.list("check/")] == []


def test_sync(place: Place, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    place.use({"local_disk": {"dir": str(old)}})
    place.project.succeed("dump", "create", "--name", "one")
    place.use({"mirrors": [{"local_disk": {"dir": str(old)}}, place.slow]})
    place.interrupted("datastore", "sync", fault=hang("PUT", "*/chunks/*", times=_ALWAYS))
    assert [*place.behind.list("dumps/")] == []
