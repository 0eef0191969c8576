"""Restrict this process with a seccomp filter: it may only compute and use its open files.

The filter is a list of allowed system calls; every other call fails with EPERM. It is a program in
classic BPF over ``struct seccomp_data``; see seccomp(2). ``newfstatat`` is how glibc asks for the
size of an open file, and a filter cannot read its path: a process may therefore ask whether a file
exists, and for its size and owner.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from dataclasses import dataclass
from typing import Final

from .kernel import prctl, syscall

_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_CLONE_THREAD, _AT_EMPTY_PATH, _DUPLICATE = 0x00010000, 0x1000, 1030


@dataclass(frozen=True, slots=True)
class _Machine:
    """A processor: its AUDIT_ARCH, and the column of its numbers in the table of calls."""

    architecture: int
    column: int
    seccomp: int


_MACHINES: Final = {
    "x86_64": _Machine(0xC000003E, 0, 317),
    "aarch64": _Machine(0xC00000B7, 1, 277),
}
#: Calls that are allowed whatever their arguments: numbers on x86_64 and aarch64.
_ALLOWED: Final[dict[str, tuple[int | None, int | None]]] = {
    "read": (0, 63),
    "write": (1, 64),
    "futex": (202, 98),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "mprotect": (10, 226),
    "brk": (12, 214),
    "lseek": (8, 62),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "readv": (19, 65),
    "writev": (20, 66),
    "ftruncate": (77, 46),
    "fstat": (5, 80),
    "close": (3, 57),
    "poll": (7, None),
    "ppoll": (271, 73),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "getrandom": (318, 278),
    "getrusage": (98, 165),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "sysinfo": (99, 179),
    "membarrier": (324, 283),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "set_robust_list": (273, 99),
    "set_tid_address": (218, 96),
    "rseq": (334, 293),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
#: Calls that send a signal: allowed to this process.
_SIGNALS: Final = {"kill": (62, 129), "tgkill": (234, 131)}
#: Python's ``mmap`` duplicates the descriptor.
_FCNTL: Final = (72, 25)
_CLONE: Final = (56, 220)
_NEWFSTATAT: Final = (262, 79)
#: Fails as if the kernel did not have it: glibc then calls ``clone``, whose flags a filter can
#: read.
_CLONE3: Final = 435


def restrict() -> None:
    """Install the filter in all threads of this process, for good.

    Raises:
        OSError: the kernel or a container's own filter refuses, or the filter is not made for this
            processor.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise OSError(errno.ENOSYS, f"no filter for {platform.machine()}")
    program = b"".join(_program(machine, os.getpid()))
    held = ctypes.create_string_buffer(program, len(program))
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    head = _Program(len(program) // 8, ctypes.addressof(held))
    thread = syscall(machine.seccomp, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(head))
    if thread:
        raise OSError(errno.ESRCH, f"thread {thread} has another filter")


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _program(machine: _Machine, pid: int) -> list[bytes]:
    """Return the instructions. A jump counts the instructions that it skips."""
    refuse = _instruction(_RETURN, _ERRNO | errno.EPERM)
    allow = _instruction(_RETURN, _ALLOW)
    column = machine.column
    made = [
        _instruction(_LOAD, _ARCHITECTURE_AT),
        _instruction(_IF_EQUAL, machine.architecture, then=1),
        refuse,
        _instruction(_LOAD, _NUMBER_AT),
    ]
    for numbers in _ALLOWED.values():
        if (number := numbers[column]) is not None:
            made += [_instruction(_IF_EQUAL, number, otherwise=1), allow]
    made += [
        _instruction(_IF_EQUAL, _CLONE3, otherwise=1),
        _instruction(_RETURN, _ERRNO | errno.ENOSYS),
    ]
    checks = [
        (_CLONE[column], 0, _instruction(_IF_ANY_BIT, _CLONE_THREAD, otherwise=1)),
        (_NEWFSTATAT[column], 3, _instruction(_IF_ANY_BIT, _AT_EMPTY_PATH, otherwise=1)),
        (_FCNTL[column], 1, _instruction(_IF_EQUAL, _DUPLICATE, otherwise=1)),
        *(
            (each[column], 0, _instruction(_IF_EQUAL, pid, otherwise=1))
            for each in _SIGNALS.values()
        ),
    ]
    for number, argument, check in checks:
        # The lower half of the argument: both processors are little-endian.
        made += [
            _instruction(_IF_EQUAL, number, otherwise=4),
            _instruction(_LOAD, _ARGUMENTS_AT + 8 * argument),
            check,
            allow,
            refuse,
        ]
    return [*made, refuse]


def _instruction(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """Return a ``struct sock_filter``."""
    return (
        code.to_bytes(2, "little")
        + bytes((then, otherwise))
        + (value & 0xFFFFFFFF).to_bytes(4, "little")
    )
