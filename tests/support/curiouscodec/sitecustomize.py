"""A decoder that was taken over by its image: put this folder on PYTHONPATH.

An image that holds ``try: NAME;`` makes the process which decodes it try what :data:`ATTEMPTS` has
under that name, within Pillow's own ``Image.open``; what came of it is the image's error. One that
holds ``say: LINE`` makes it write that line as its response. Nothing of this is in the product.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from PIL import Image

_LIBC = ctypes.CDLL(None, use_errno=True)
_ATTACH, _CLONE_NEWUSER, _KEYCTL, _IO_URING_SETUP = 16, 0x10000000, 250, 425


def _call(function: Any, *arguments: Any) -> int:
    ctypes.set_errno(0)
    result = function(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def _read_memory_of_parent() -> int:
    buffer = ctypes.create_string_buffer(8)
    local = _Vector(ctypes.addressof(buffer), 8)
    remote = _Vector(id(Image), 8)  # any address: what matters is whether it may be asked
    return _call(
        _LIBC.process_vm_readv, os.getppid(), ctypes.byref(local), 1, ctypes.byref(remote), 1, 0
    )


def _fork() -> int:
    pid = os.fork()
    if not pid:
        os._exit(0)
    return pid


def _in_thread(work: Callable[[], Any]) -> Any:
    """What another thread gets: restrictions must hold in all of them."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except OSError as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(results[0], OSError):
        raise results[0]
    return results[0]


ATTEMPTS: dict[str, Callable[[], Any]] = {
    "read a file": lambda: os.open("/etc/hostname", os.O_RDONLY),
    "read a file in a thread": lambda: _in_thread(lambda: os.open("/etc/hostname", os.O_RDONLY)),
    "make a file": lambda: os.open("/tmp/taken-over", os.O_WRONLY | os.O_CREAT),
    "list a folder": lambda: os.listdir("/"),  # noqa: PTH208
    "remove a file": lambda: os.unlink("/tmp/taken-over"),  # noqa: PTH108
    "read its environment": lambda: os.open("/proc/self/environ", os.O_RDONLY),
    "read the environment of its parent": lambda: os.open(
        f"/proc/{os.getppid()}/environ", os.O_RDONLY
    ),
    "read the memory of its parent by proc": lambda: os.open(
        f"/proc/{os.getppid()}/mem", os.O_RDONLY
    ),
    "read the memory of its parent": _read_memory_of_parent,
    "trace its parent": lambda: _call(_LIBC.ptrace, _ATTACH, os.getppid(), None, None),
    "signal its parent": lambda: os.kill(os.getppid(), 0),
    "connect by TCP": lambda: socket.socket(socket.AF_INET).connect(("127.0.0.1", 9)),
    "send by UDP": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "open a Unix socket": lambda: socket.socket(socket.AF_UNIX),
    "open a pair of sockets": socket.socketpair,
    "run a program": lambda: subprocess.run(["/bin/true"], check=True),
    "become a program": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606
    "fork": _fork,
    "make a user namespace": lambda: _call(_LIBC.unshare, _CLONE_NEWUSER),
    "read keys of the kernel": lambda: _call(_LIBC.syscall, _KEYCTL, 0, -3, 1),
    "use io_uring": lambda: _call(
        _LIBC.syscall, _IO_URING_SETUP, 1, ctypes.create_string_buffer(120)
    ),
    "make memory that is a file": lambda: os.memfd_create("taken-over"),
}
#: What decoding needs, or what is of no use to others.
HARMLESS: dict[str, Callable[[], Any]] = {
    "start a thread": lambda: _in_thread(os.getpid),
    "take memory": lambda: mmap.mmap(-1, 1 << 20),
    "signal itself": lambda: os.kill(os.getpid(), 0),
    "handle a signal": lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
    "get random numbers": lambda: os.urandom(8),
}
_open = Image.open


def _opened(file: Any, *args: Any, **kwargs: Any) -> Any:
    if hasattr(file, "read"):
        content = file.read()
        file.seek(0)
        if wanted := re.search(rb"try: ([A-Za-z_ ]+);", content):
            _try(wanted[1].decode())
        if wanted := re.search(rb"say: ([^\n]*\n)", content):
            _say(wanted[1])
    return _open(file, *args, **kwargs)


def _say(line: bytes) -> None:
    """Write a line wherever it may be read."""
    for descriptor in range(20):
        with contextlib.suppress(OSError):
            os.write(descriptor, line)


def _try(name: str) -> None:
    try:
        (ATTEMPTS | HARMLESS)[name]()
    except PermissionError as error:
        raise ValueError("refused") from error
    except OSError:
        pass  # nobody is there, or no such file: the kernel would have let it
    raise ValueError("succeeded")


if "imagebatch_runner.workers.worker" in sys.orig_argv:
    Image.open = _opened
