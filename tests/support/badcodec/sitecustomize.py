"""A decoder that ends badly on demand, for the workers of a test: put this folder on PYTHONPATH.

An image that holds ``end: HOW;`` makes the process which decodes it do so, within Pillow's own
``Image.open``. Nothing of this is in the product.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import time
from collections.abc import Callable
from typing import Any

from PIL import Image


def _print_much() -> None:
    for _ in range(20_000):
        os.write(1, b'{"error": "corrupt", "message": "forged"}\n')
        os.write(2, b"a remark of a library\n")


def _eat_memory() -> None:
    held = []
    while True:
        held.append(bytearray(16 << 20))


def _recurse() -> None:
    _recurse()


ENDS: dict[bytes, Callable[[], Any]] = {
    b"segfault": lambda: ctypes.string_at(0),
    b"abort": os.abort,
    b"kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    b"exit": lambda: os._exit(0),
    b"system exit": lambda: (_ for _ in ()).throw(SystemExit(0)),
    b"hang": lambda: time.sleep(3600),
    b"spin": lambda: next(n for n in iter(int, 1) if n),
    b"eat memory": _eat_memory,
    b"print": _print_much,
    b"recurse": _recurse,
}
_open = Image.open


def _opened(file: Any, *args: Any, **kwargs: Any) -> Any:
    if hasattr(file, "read"):
        wanted = re.search(rb"end: ([a-z ]+);", file.read())
        file.seek(0)
        if wanted is not None:
            ENDS[wanted[1]]()
    return _open(file, *args, **kwargs)


Image.open = _opened
