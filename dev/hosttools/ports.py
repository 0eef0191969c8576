"""Ports of 127.0.0.1 for programs that must be told which one to listen on."""

from __future__ import annotations

import random
import socket

_LOOPBACK = "127.0.0.1"
#: Below the ports that Linux gives to outgoing connections (from 32768), and Kubernetes to
#: NodePorts (from 30000): no stranger takes one between the moment it is found and its use.
_RANGE = range(20_000, 30_000)


def free_ports(count: int) -> list[int]:
    """TCP ports on which nobody listens; free_ports gives them to no other process until we end."""
    found: list[int] = []
    for port in random.SystemRandom().sample(_RANGE, len(_RANGE)):
        if len(found) == count:
            return found
        if _reserve(port):
            found.append(port)
    raise OSError(f"fewer than {count} ports from {_RANGE[0]} to {_RANGE[-1]} are free")


def free_port() -> int:
    """One of :func:`free_ports`."""
    [port] = free_ports(1)
    return port


def _reserve(port: int) -> bool:
    """The reservation is a UDP socket at the same number: the kernel frees it with the process."""
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
