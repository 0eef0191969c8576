"""Calls for kernel namespaces, by the C library, because Python 3.11 has none."""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
NODE = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Move this process into new namespaces. A new pid namespace applies to its next child only."""
    _checked(_libc.unshare(flags), "unshare")


def enter_network(descriptor: int) -> None:
    """Move this process into the network namespace behind an open descriptor."""
    _checked(_libc.setns(descriptor, CLONE_NEWNET), "setns")
