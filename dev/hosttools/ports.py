"""Find free ports of 127.0.0.1 for programs that need a port number when they start."""

from __future__ import annotations

import random
import socket

_LOOPBACK = "127.0.0.1"
#: These ports are below those that Linux uses for outgoing connections (from 32768) and Kubernetes
#: for NodePorts (from 30000), so no other program takes one between its discovery and its use.
_RANGE = range(20_000, 30_000)


def free_ports(count: int) -> list[int]:
    """Return TCP ports on which nobody listens.

    Until this process ends, ``free_ports`` in other processes does not return them.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(_RANGE, len(_RANGE)):
        if len(found) == count:
            return found
        if _reserve(port):
            found.append(port)
    raise OSError(f"fewer than {count} ports from {_RANGE[0]} to {_RANGE[-1]} are free")


def free_port() -> int:
    """Return one free port; see :func:`free_ports`."""
    [port] = free_ports(1)
    return port


def _reserve(port: int) -> bool:
    """Reserve a port if it is free; return whether it was.

    The reservation is a UDP socket with the same port number, which the kernel closes when this
    process ends.
    """
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reservation,
        socket.socket() as probe,
    ):
        try:
            reservation.bind((_LOOPBACK, port))
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
        reservation.detach()
        return True
