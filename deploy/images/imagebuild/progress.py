"""Lines that tell a waiting person what is happening and for how long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

Say = Callable[[str], None]


def steps(clock: Callable[[], float] = time.monotonic) -> Say:
    """A printer of one line per step with the seconds since now, at once, also into a pipe.

    To standard error: standard output is for what programs read.
    """
    start = clock()

    def say(text: str) -> None:
        sys.stderr.write(f"[{clock() - start:5.1f} s] {text}\n")
        sys.stderr.flush()

    return say
