"""Start programs that the kernel kills when the process that started them ends."""

from __future__ import annotations

import shutil
import threading


def tied(*command: str) -> list[str]:
    """``command``, killed by the kernel when this process is gone; it keeps its process id.

    Without setpriv, and outside the main thread, it is ``command`` unchanged: the kernel ties a
    child to the thread that started it, and other threads end before the process does.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None or threading.current_thread() is not threading.main_thread():
        return list(command)
    return [setpriv, "--pdeathsig", "KILL", *command]
