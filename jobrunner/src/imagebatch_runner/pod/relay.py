"""Report the result of plan while its pod goes on working.

Kubernetes shows a container's termination message only once that container has ended. So a plan pod
has a second container, ``relay``: the container of the step hands its message over in the volume
that both share, and the relay ends with that message as its own. If the step ends without one, so
does the relay, always with exit code 0: the step alone decides about the pod.

The step locks a file as long as it lives or has not handed its message over. The kernel releases
the lock of a process that is killed. The relay starts in a few milliseconds, because this module
imports little.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from imagebatch_core.names import ENV_TERMINATION_LOG, TERMINATION_LOG

#: How long the relay waits for the step's container, which may have failed to start.
STARTS_WITHIN: Final = 60.0
#: How long the step waits for the relay's container, which starts after its own.
TAKEN_WITHIN: Final = 5.0
_LOOK: Final = 0.02


def main(env: Mapping[str, str], starts_within: float = STARTS_WITHIN) -> int:
    """Wait for the step's message and leave it as this container's; return the exit code 0."""
    files = _Files(env)
    files.waiting.touch()
    if not _until(files.step.exists, starts_within):
        return 0
    with files.step.open("rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_SH)  # until the step has released it, or is dead
    if files.message.exists():
        message = files.message.read_bytes()
        Path(env.get(ENV_TERMINATION_LOG) or TERMINATION_LOG).write_bytes(message)
    return 0


class Relay:
    """The step's end: while it is not closed, the relay waits."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._files = _Files(env)
        new = self._files.step.with_suffix(".new")
        self._locked = new.open("wb")
        fcntl.flock(self._locked, fcntl.LOCK_EX)
        new.rename(self._files.step)  # the relay never sees it unlocked

    def hand_over(self, message: str, taken_within: float = TAKEN_WITHIN) -> bool:
        """Give the message to the relay, which then ends; return whether there is a relay."""
        there = _until(self._files.waiting.exists, taken_within)
        if there:
            self._files.message.write_text(message)
        self.close()
        return there

    def close(self) -> None:
        """End the relay, without a message if none was handed over."""
        fcntl.flock(self._locked, fcntl.LOCK_UN)  # also for processes that were forked since
        self._locked.close()


class _Files:
    """The files in the volume that both containers share."""

    def __init__(self, env: Mapping[str, str]) -> None:
        folder = Path(env.get("TMPDIR") or "/tmp")  # noqa: S108 - the pod's own volume
        self.step = folder / "relay.step"
        self.message = folder / "relay.message"
        self.waiting = folder / "relay.waiting"


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until ``holds`` returns true; return whether it did so within the time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= end:
            return False
        time.sleep(_LOOK)
    return True
