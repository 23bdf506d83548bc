"""Ports for servers that tests start, alone or side by side."""

from __future__ import annotations

import secrets
import socket

HOST = "127.0.0.1"
_PORTS = range(10_000, 32_000)


def free_port() -> int:
    """A port of 127.0.0.1 for a server that starts later: nobody else comes to listen there.

    It is below those that systems give to whoever asks for any. The port of UDP with its number
    stays taken while this process lives, which tells other processes of tests to draw another.
    """
    while True:
        port = secrets.choice(_PORTS)
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claim.bind((HOST, port))
            with socket.socket() as listener:
                listener.bind((HOST, port))
        except OSError:
            claim.close()
        else:
            claim.detach()  # open to the end of the process
            return port
