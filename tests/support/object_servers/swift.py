"""OpenStack Swift with s3api and tempauth: a real object store, which checks all that it is sent.

Four processes: an account, a container and an object server, and the proxy, which speaks S3. The
temporary folder has to be on a file system with extended attributes for users.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.object_servers.process import (
    ServerError,
    listens,
    running,
    server_folder,
    started,
)
from tests.support.object_servers.reach import ObjectServer, S3Keys, s3_server
from tests.support.ports import HOST, free_port

_PROGRAMS = Path(sys.executable).parent
_KEYS = S3Keys("test:tester", "testing")
_BACKENDS = ("account", "container", "object")

# One device, one copy: what the four processes are told of each other. Made in one process, for
# each run of swift-ring-builder takes half a second.
_RINGS = """
import sys
from swift.common.ring import RingBuilder
home, *ports = sys.argv[1:]
for kind, port in zip(("account", "container", "object"), ports):
    builder = RingBuilder(4, 1, 1)
    builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port),
                     "device": "disk", "weight": 1.0})
    builder.rebalance()
    builder.get_ring().save(f"{home}/{kind}.ring.gz")
"""

_HASHES = """
[swift-hash]
swift_hash_path_suffix = testing
[storage-policy:0]
name = only
default = yes
"""

_COMMON = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {home}
devices = {home}/devices
mount_check = false
log_level = WARNING
"""

# The long timeouts make a listing exact: an update of it that fails would be left to a daemon.
_BACKEND = (
    _COMMON
    + """
disable_fallocate = true
fallocate_reserve = 0
conn_timeout = 30
node_timeout = 30
container_update_timeout = 30
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
container_update_timeout = 30
conn_timeout = 30
node_timeout = 30
"""
)

_PROXY = (
    _COMMON
    + """
[pipeline:main]
pipeline = catch_errors gatekeeper s3api tempauth proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 30
node_timeout = 60
"""
)


@contextmanager
def start_swift() -> Iterator[ObjectServer]:
    with ExitStack() as stack:
        home = stack.enter_context(server_folder("swift"))
        (home / "devices/disk").mkdir(parents=True)
        try:
            os.setxattr(home, "user.replicate", b"works")
        except OSError as error:
            raise ServerError(
                f"Swift needs user extended attributes, which {home.parent} has not; set TMPDIR"
            ) from error

        def start() -> int:
            ports = {kind: free_port() for kind in (*_BACKENDS, "proxy")}
            _configure(home, ports)
            with ExitStack() as attempt:
                for kind, port in ports.items():
                    command = [
                        sys.executable, str(_PROGRAMS / f"swift-{kind}-server"),
                        str(home / f"{kind}.conf"), "-v",
                    ]  # fmt: skip
                    attempt.enter_context(running(command, home, listens(port)))
                stack.push(attempt.pop_all())
            return ports["proxy"]

        yield s3_server("Swift", f"http://{HOST}:{started(start)}", _KEYS)


def _configure(home: Path, ports: Mapping[str, int]) -> None:
    backends = [str(ports[kind]) for kind in _BACKENDS]
    made = subprocess.run(
        [sys.executable, "-c", _RINGS, str(home), *backends],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise ServerError(f"no rings for Swift: {made.stderr[-2000:]}")
    (home / "swift.conf").write_text(_HASHES)
    for kind, port in ports.items():
        text = (_PROXY if kind == "proxy" else _BACKEND).format(
            kind=kind, port=port, home=home, user=pwd.getpwuid(os.getuid()).pw_name
        )
        (home / f"{kind}.conf").write_text(text)
