"""Over TLS, with the server's certificate checked: the parameters of the URI reach every part.

The servers of the development dependencies are built without TLS; Debian's is built with it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from replicate.databases.postgresql.connection import Address
from replicate.errors import DatabaseError
from tests.support.postgres import Server, available_versions, start_server
from tests.support.postgres_journey import SMALL, Pair

WITH_TLS = [version for version in available_versions() if version == 15]


def certificate(folder: Path) -> None:
    """Write a key and a certificate for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "tls.crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(secret)
    (folder / "tls.key").chmod(0o600)


@pytest.fixture(scope="module", params=WITH_TLS)
def tls_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that takes nothing but TLS from 127.0.0.1."""
    server = start_server(request.param)
    try:
        certificate(server.home)
        owner = server.home.stat()
        for name in ("tls.crt", "tls.key"):
            os.chown(server.home / name, owner.st_uid, owner.st_gid)
        with server.connect() as connection:
            for setting in ("ssl_cert_file = 'tls.crt'", "ssl_key_file = 'tls.key'", "ssl = on"):
                name, _, value = setting.partition(" = ")
                path = f"'{server.home}/{value[1:]}" if value.startswith("'") else value
                connection.execute(f"ALTER SYSTEM SET {name} = {path}")
            connection.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 60
        while not _takes_tls(server) and time.monotonic() < deadline:
            time.sleep(0.05)
        yield server
    finally:
        server.close()


def _takes_tls(server: Server) -> bool:
    try:
        Address(f"{server.uri('postgres')}?sslmode=require").connect().close()
    except DatabaseError:
        return False
    return True


def test_a_journey_with_the_certificate_checked(tls_server: Server, tmp_path: Path) -> None:
    pair = Pair(
        tls_server, tls_server.create_database(), tls_server.create_database(), tmp_path, False
    )
    # Long enough for the reader to be woken by heaps, with rows longer than a record of TLS.
    pair.server.run(
        pair.source,
        "CREATE TABLE t AS SELECT i, repeat(md5(i::text), 20 + i % 2000) FROM"
        " generate_series(1, 1500) i; CREATE TABLE small AS SELECT 1 AS a",
    )
    query = f"?sslmode=verify-full&sslrootcert={tls_server.home}/tls.crt"
    source, target = (tls_server.uri(name) + query for name in (pair.source, pair.target))
    with Address(source).connect() as connection:
        ssl = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.execute(ssl).fetchall() == [(True,)]
    pair.configure(source=SMALL, source_uri=source, target_uri=target)
    pair.cli("dump", "create").succeeded()
    pair.cli("dump", "restore", "remote", "-v", "latest").succeeded()
    assert pair.differences() == []


def test_a_certificate_that_nobody_vouches_for(tls_server: Server, tmp_path: Path) -> None:
    certificate(tmp_path)  # another one
    address = Address(
        f"{tls_server.uri('postgres')}?sslmode=verify-full&sslrootcert={tmp_path}/tls.crt"
    )
    with pytest.raises(DatabaseError, match="certificate verify failed"):
        address.connect()
