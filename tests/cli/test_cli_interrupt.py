"""Ctrl-C and SIGTERM: one line, 130, and nothing half done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from replicate.cli.signals import Interrupts
from tests.support.cli_process import KEY, Workplace, environment, make_database, wait_for

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_it_with_one_line(place: Workplace, number: signal.Signals) -> None:
    # Reading a pipe that nobody writes to lasts as long as the test wants.
    place.config.unlink()
    os.mkfifo(place.config)
    with place.started(
        "--verbose", "dump", "list", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        wait_for(process, "configuration: ")
        time.sleep(0.2)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")


def test_json_has_no_other_last_word(place: Workplace) -> None:
    place.config.unlink()
    os.mkfifo(place.config)
    with place.started(
        "--verbose", "--json", "dump", "list", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        wait_for(process, "configuration: ")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_dump_leaves_nothing(
    place: Workplace, number: signal.Signals, jobs: str
) -> None:
    place.source.unlink()
    make_database(place.source, people=60_000)
    place.configure(key=KEY, chunk_size=64 * 1024)
    with place.started(
        *("dump", "create", "--name", "half", "--jobs", jobs),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        wait_for(process, "Dumping rows")
        deadline = time.monotonic() + 60
        while not any("/00000002." in key for key in place.objects()):
            assert time.monotonic() < deadline
            assert process.poll() is None, "it was done before it could be interrupted"
            time.sleep(0.005)
        # As a terminal does: the whole group, workers included.
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (130, ""), err
    assert err.splitlines()[-1:] == ["interrupted"]
    assert err.count("interrupted") == 1
    assert "Traceback" not in err
    assert "error:" not in err
    place.run("dump", "verify", "half").failed_with(10)
    assert place.run("dump", "list", "--json").succeeded().json == {"dumps": []}
    if number is signal.SIGINT or jobs == "1":
        assert not [key for key in place.objects() if key.startswith(("dumps/", "chunks/"))]
    place.configure(key=KEY)
    place.run("dump", "create", "--name", "half", "--jobs", jobs).succeeded()
    place.run("dump", "verify", "half").succeeded()


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.2, 0.4, 0.8])
def test_ctrl_c_while_workers_come_in_is_told_once(place: Workplace, delay: float) -> None:
    place.source.unlink()
    make_database(place.source, people=20_000)
    place.configure(key=KEY, chunk_size=64 * 1024)
    with place.started(
        *("dump", "create", "--name", "half", "--jobs", "2"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        wait_for(process, "Dumping rows")
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert "Traceback" not in err
    assert "error:" not in err
    # Whatever came first, what it says is what is there.
    complete = place.run("dump", "list", "--json").succeeded().json["dumps"]
    if process.returncode == 0:
        assert (out, len(complete)) == ("half\n", 1)
        return
    *before, last = err.splitlines()
    assert (process.returncode, last) == (130, "interrupted")
    # Before the interrupt a slow dump may have said how far it is, and a complete one that it is.
    done = [line for line in before if not line.startswith("Dumping rows: ")]
    assert not done or (len(done) == 1 and done[0].startswith("60,000 rows of 2 tables, "))
    assert out in ("", "half\n")
    if done or out:
        assert len(complete) == 1


SCRIPT = """
import multiprocessing, signal, time
from replicate.cli import signals

signals._SAME_KEYSTROKE = {same_keystroke}
signals.Interrupts().catch()
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
child.start()
try:
    print(child.pid, flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    try:
        print("first", flush=True)
        time.sleep({cleaning_up})
    finally:
        child.kill()
        print("cleaned up", flush=True)
"""


def _script(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    )


def test_the_same_keystroke_passed_on_twice_is_one() -> None:
    with _script(SCRIPT.format(same_keystroke=60, cleaning_up=0.3)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "first\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "cleaned up\n", "")


def test_a_second_signal_ends_it_at_once_and_its_workers_too() -> None:
    with _script(SCRIPT.format(same_keystroke=0, cleaning_up=60)) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "first\n"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")
    deadline = time.monotonic() + 60
    while _is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_running(pid: int) -> bool:
    """Whether the process runs; one that is dead and not yet fetched does not."""
    shown = subprocess.run(
        ["/bin/ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return bool(shown.stdout.strip()) and not shown.stdout.startswith("Z")


def test_a_forked_child_dies_of_the_signal_without_a_word() -> None:
    script = """
import os, signal, time
from replicate.cli.signals import Interrupts

Interrupts().catch()
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    os.write(writing, b"x")
    time.sleep(60)
    os._exit(0)
os.read(reading, 1)  # Python forgets signals that a child gets before its first line
os.kill(child, signal.SIGTERM)
_, status = os.waitpid(child, 0)
print(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM)
"""
    with _script(script) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "True\n", "")


def test_a_signal_when_all_is_done_changes_nothing() -> None:
    script = """
import os, signal, sys
from replicate.cli import main
from replicate.cli.signals import Interrupts

release = Interrupts.release

def late(self, code):
    if not self.came:
        os.kill(os.getpid(), signal.SIGTERM)
    release(self, code)

Interrupts.release = late
sys.argv = ["replicate", "--no-such-option"]
main()
"""
    with _script(script) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert "no-such-option" in err
    assert "Traceback" not in err
    assert "interrupted" not in err


def test_a_signal_that_is_ignored_at_the_start_stays_ignored() -> None:
    before = signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupts = Interrupts()
    others = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        interrupts.catch()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert not interrupts.came
    finally:
        interrupts.release(0)
        for number, handler in others.items():
            signal.signal(number, handler)
        signal.signal(signal.SIGHUP, before)
