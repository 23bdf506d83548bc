"""Finding pg_dump and running it: versions, failures, and where a password may be seen."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from replicate.databases.postgresql import programs
from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.programs import Program, find_pg_dump, run_pg_dump
from replicate.errors import DatabaseError, UsageError

SECRET = "s3cr3t/p@ss"
ADDRESS = Address("postgresql://me:s3cr3t%2Fp%40ss@db.example:5433/shop?sslmode=prefer")


def stub(folder: Path, version: str, body: str = "") -> Path:
    """A pg_dump of ours: it says the version, or runs the Python `body`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pg_dump"
    path.write_text(
        f"#!{sys.executable}\nimport json, os, signal, sys, time\n"
        f"if sys.argv[1:] == ['--version']:\n    print({version!r})\n    sys.exit()\n{body}\n"
    )
    path.chmod(0o755)
    return path


def said(version: str) -> str:
    return f"pg_dump (PostgreSQL) {version}"


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which pg_dump is nowhere but in PATH."""
    monkeypatch.setattr(programs, "_PLACES", (f"{tmp_path}/places/*/bin",))
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    return tmp_path


def test_the_newest_that_is_new_enough_is_taken(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub(alone / "a", said("15.4"))
    stub(alone / "b", said("16.2 (Debian 16.2-1)"))
    stub(alone / "places" / "17" / "bin", "pg_dump (EnterpriseDB) 17.10.1")
    stub(alone / "places" / "9" / "bin", said("17.9"))
    monkeypatch.setenv("PATH", f"relative:{alone}/a::{alone}/b")
    found = find_pg_dump(150007, None)
    assert found.version == (17, 10)
    assert found.path == alone / "places" / "17" / "bin" / "pg_dump"


def test_beta_versions_are_understood(alone: Path) -> None:
    path = stub(alone / "beta", said("19beta2"))
    assert find_pg_dump(190000, str(alone / "beta")) == Program(path, (19, 0))
    assert find_pg_dump(180004, str(path)).major == 19


def test_debians_stand_in_and_broken_programs_are_passed_over(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapper = stub(alone / "share", said("18.0")).rename(alone / "share" / "pg_wrapper")
    (alone / "debian").mkdir()
    (alone / "debian" / "pg_dump").symlink_to(wrapper)
    stub(alone / "broken", said("18.0")).write_text("#!/nowhere\n")
    stub(alone / "silent", "nothing to see")
    (alone / "folder" / "pg_dump").mkdir(parents=True)
    real = stub(alone / "real", said("16.1"))
    (alone / "linked").mkdir()
    (alone / "linked" / "pg_dump").symlink_to(real)
    folders = ("debian", "broken", "silent", "folder", "linked", "real")
    monkeypatch.setenv("PATH", os.pathsep.join(str(alone / name) for name in folders))
    assert find_pg_dump(160001, None).version == (16, 1)


def test_none_or_too_old_says_what_is_needed_and_what_is_there(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DatabaseError, match="needs pg_dump 18 or newer; none was found") as none:
        find_pg_dump(180004, None)
    assert "pg_bin_path" in str(none.value.hint)
    stub(alone / "old", said("15.4"))
    monkeypatch.setenv("PATH", str(alone / "old"))
    with pytest.raises(DatabaseError, match=r"needs pg_dump 18 or newer; found: 15\.4 \("):
        find_pg_dump(180004, None)
    with pytest.raises(DatabaseError, match=r"found: 15\.4"):
        find_pg_dump(180004, str(alone / "old"))


@pytest.mark.parametrize("place", ["missing", "empty", "text"])
def test_a_given_path_that_is_none_is_an_error(alone: Path, place: str) -> None:
    (alone / "empty").mkdir()
    (alone / "text").write_text("x")
    with pytest.raises(DatabaseError, match="pg_bin_path has no pg_dump that runs") as error:
        find_pg_dump(160000, str(alone / place))
    assert "/usr/lib/postgresql/16/bin" in str(error.value.hint)


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_password_is_neither_in_arguments_nor_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    if not in_memory:  # as on a system that has no such files
        monkeypatch.delattr("os.memfd_create", raising=False)
    elif not hasattr(os, "memfd_create"):
        return
    monkeypatch.setenv("PGPASSWORD", SECRET)
    monkeypatch.setenv("UNRELATED", "x")
    body = (
        "line = open('/proc/self/cmdline', 'rb').read().decode()\n"
        "file = dict(p.split('=', 1) for p in line.split('\\0')[3].removeprefix('--dbname=')"
        ".split())['passfile']\n"
        "json.dump([line, dict(os.environ), open(file).read(), os.stat(file).st_mode,"
        " os.stat(os.path.dirname(file)).st_mode, file], sys.stdout)"
    )
    if not Path("/proc/self/cmdline").exists():
        body = body.replace(
            "open('/proc/self/cmdline', 'rb').read().decode()", "'\\0'.join(['', *sys.argv])"
        )
    program = Program(stub(tmp_path, said("16.1"), body), (16, 1))
    line, env, content, mode, folder_mode, file = json.loads(
        run_pg_dump(ADDRESS, program, ["--schema-only"])
    )
    assert SECRET not in line
    assert "s3cr3t" not in line
    assert "--no-password" in line
    assert "--schema-only" in line
    assert "s3cr3t" not in json.dumps(env)
    assert "UNRELATED" not in env
    assert content.strip().endswith(SECRET)
    assert mode == stat.S_IFREG | 0o600
    assert folder_mode & 0o077 == 0
    if in_memory:
        assert file.startswith("/proc/self/fd/")
    else:
        assert not Path(file).exists()


@pytest.mark.parametrize("host", ["db.example", "db.example:5433,@other", ":5433"])
def test_a_password_with_an_at_that_is_not_encoded_is_not_taken_for_a_host(host: str) -> None:
    with pytest.raises(UsageError) as error:
        Address(f"postgresql://me:p@s3cr3t@{host}/shop").connect()
    assert "s3cr3t" not in f"{error.value} {error.value.hint}"
    assert "percent-encoded" in (error.value.hint or "")


def test_the_name_of_an_abstract_socket_begins_with_an_at() -> None:
    address = Address("postgresql:///shop?host=@/run/postgresql,db.example")
    assert address.parameters["host"] == "@/run/postgresql,db.example"


@pytest.mark.parametrize(
    ("message", "expected", "hint"),
    [
        (
            "pg_dump: error: permission denied for table t\npg_dump: detail: Query was: LOCK a",
            "pg_dump failed: permission denied for table t",
            "source.skip",
        ),
        ("pg_dump: fatal: no\n", "pg_dump failed: no", None),
        (f"pg_dump: error: bad {SECRET}", "pg_dump failed: bad ***", None),
        ("something else", "pg_dump failed: something else", None),
        ("", "pg_dump failed: it ended with status 3 and no message", None),
        ("pg_dump: error: canceling statement due to lock timeout", None, "try again later"),
    ],
)
def test_a_failure_tells_the_last_error_without_secrets(
    tmp_path: Path, message: str, expected: str | None, hint: str | None
) -> None:
    body = f"sys.stdout.write('PGDMP'); sys.stderr.write({message!r}); sys.exit(3)"
    program = Program(stub(tmp_path, said("16.1"), body), (16, 1))
    with pytest.raises(DatabaseError) as error:
        run_pg_dump(ADDRESS, program, [])
    assert expected is None or str(error.value) == expected
    assert (hint or "") in (error.value.hint or "")
    assert "s3cr3t" not in f"{error.value} {error.value.hint}"


def test_much_output_and_many_messages_do_not_block(tmp_path: Path) -> None:
    body = (
        "for _ in range(200):\n    sys.stderr.write('w' * 5000)\n    sys.stdout.write('d' * 5000)"
    )
    program = Program(stub(tmp_path, said("16.1"), body), (16, 1))
    assert run_pg_dump(ADDRESS, program, []) == b"d" * 1_000_000


def test_being_killed_is_a_failure(tmp_path: Path) -> None:
    body = "sys.stdout.write('PGDMP'); sys.stdout.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    program = Program(stub(tmp_path, said("16.1"), body), (16, 1))
    with pytest.raises(DatabaseError, match="ended by SIGKILL"):
        run_pg_dump(ADDRESS, program, [])


def test_a_program_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="pg_dump can't be run: No such file"):
        run_pg_dump(ADDRESS, Program(tmp_path / "pg_dump", (16, 1)), [])


def test_an_interrupt_ends_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "pid"
    body = f"open({str(note)!r} + '~', 'w').write(str(os.getpid()))\n"
    body += f"os.rename({str(note)!r} + '~', {str(note)!r})\ntime.sleep(600)"
    program = Program(stub(tmp_path, said("16.1"), body), (16, 1))

    waited_for, heard = threading.Event(), threading.Event()
    communicate = subprocess.Popen.communicate

    def noted(child: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        waited_for.set()
        return communicate(child)

    # Within Popen() there would be no child yet that could be ended.
    monkeypatch.setattr(subprocess.Popen, "communicate", noted)

    def raise_once(*_: object) -> None:
        if not heard.is_set():
            heard.set()
            raise KeyboardInterrupt

    def interrupt() -> None:
        waited_for.wait()
        while not note.exists():
            time.sleep(0.01)
        while not heard.is_set():  # Python hears none that comes just as it begins to wait
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            heard.wait(0.1)

    before = signal.signal(signal.SIGINT, raise_once)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_pg_dump(ADDRESS, program, [])
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert not psutil.pid_exists(int(note.read_text()))
