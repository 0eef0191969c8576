"""Programs that end with the process which started them, however that ended."""

from __future__ import annotations

import shutil
import threading


def tied(*command: str) -> list[str]:
    """``command``, killed by the kernel when this process is gone; it keeps its process id.

    As it is where there is no setpriv, and off the main thread: the kernel ties a child to the
    thread that starts it, which only for the main one is the process itself.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None or threading.current_thread() is not threading.main_thread():
        return list(command)
    return [setpriv, "--pdeathsig", "KILL", *command]
