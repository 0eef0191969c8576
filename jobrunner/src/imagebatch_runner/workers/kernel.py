"""System calls that Python's library does not have."""

from __future__ import annotations

import ctypes
import os
from typing import Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


def prctl(option: int, value: int, *more: object) -> None:
    """Call prctl(2).

    Raises:
        OSError: the kernel refuses.
    """
    arguments = [*more, *[0] * (3 - len(more))]
    _checked(_LIBC.prctl(option, ctypes.c_ulong(value), *map(_argument, arguments)))


def syscall(number: int, *arguments: object) -> int:
    """Call syscall(2) and return its result.

    Raises:
        OSError: the kernel refuses.
    """
    return _checked(_LIBC.syscall(ctypes.c_long(number), *map(_argument, arguments)))


def die_with_parent(number: int) -> None:
    """Let the kernel send this process the signal ``number`` when its parent dies."""
    prctl(_PR_SET_PDEATHSIG, number)


def hide_from_others() -> None:
    """Keep other processes of this user from reading this one's memory and environment.

    They could otherwise do so through ``/proc`` and ptrace(2).
    """
    prctl(_PR_SET_DUMPABLE, 0)


def _argument(value: object) -> object:
    """Return an integer as wide as the kernel reads it; ctypes passes 32 bits by default."""
    return ctypes.c_long(value) if isinstance(value, int) else value


def _checked(result: int) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
