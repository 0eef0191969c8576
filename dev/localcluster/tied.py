"""Start programs that the kernel kills when the process that started them ends."""

from __future__ import annotations

import shutil
import threading


def tied(*command: str) -> list[str]:
    """Return a command line that runs ``command`` so that the kernel kills it when this process
    ends.

    Without setpriv, or outside the main thread, ``command`` is returned unchanged. The kernel kills
    such a child when the thread that started it ends, and other threads may end before the process.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None or threading.current_thread() is not threading.main_thread():
        return list(command)
    return [setpriv, "--pdeathsig", "KILL", *command]
