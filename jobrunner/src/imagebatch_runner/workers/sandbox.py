"""The sandbox of a decoder: it loses access to files, sockets, programs and other processes.

Landlock and seccomp each refuse most of it on their own. A kernel that lacks one, or a container
that forbids it, leaves the other; the parent logs what holds.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from . import kernel, landlock, seccomp


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The restrictions that hold in a decoder.

    ``landlock`` is the version of its interface, 0: it does not hold. ``missing`` says for each
    restriction that Linux did not grant why.
    """

    landlock: int
    seccomp: bool
    missing: tuple[str, ...]

    @staticmethod
    def of(fields: dict[str, Any]) -> Sandbox:
        return Sandbox(fields["landlock"], fields["seccomp"], tuple(fields["missing"]))

    def __str__(self) -> str:
        if self.seccomp:
            held = "decoders can open no files or sockets and run no programs"
        elif self.landlock:
            held = "decoders can open no files"
        else:
            held = "decoders can open files and sockets and run programs"
        by = [f"Landlock {self.landlock}"] * bool(self.landlock) + ["seccomp"] * self.seccomp
        return "; ".join([f"{held} ({', '.join(by) or 'no sandbox'})", *self.missing])


def enter() -> Sandbox:
    """Give up what decoding does not need, and return what holds. It cannot be undone.

    Call it after all imports, in the only thread.
    """
    if sys.platform != "linux":
        return Sandbox(0, seccomp=False, missing=())
    missing = []
    version, filtered = 0, False
    try:
        kernel.hide_from_others()
    except OSError as error:
        missing.append(f"other processes may read a decoder's memory ({error.strerror})")
    try:
        version = landlock.restrict()
    except OSError as error:
        missing.append(f"no Landlock ({error.strerror})")
    try:
        seccomp.restrict()
        filtered = True
    except OSError as error:
        missing.append(f"no seccomp ({error.strerror})")
    return Sandbox(version, filtered, tuple(missing))
