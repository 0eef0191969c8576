"""A person at a terminal: types commands, waits for their end, reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from .frames import Frame, Frames
from .terminal import Terminal

_PROMPT = "\x1b[32m$\x1b[0m "
_KEY_SECONDS = 0.05
#: How long a command's output is shown before the next command is typed.
_READ_SECONDS = 1.6
_COMMAND_SECONDS = 180.0


class Session:
    """Runs commands one after another on one screen, and keeps the frames."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], *, columns: int, rows: int
    ) -> None:
        self._terminal = Terminal(folder, environment, columns=columns, rows=rows)
        self._terminal.show(_PROMPT.encode())
        self._frames = Frames(self._terminal.screen)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._terminal.close()

    def run(self, command: str) -> str:
        """Type a command and show it run; return what it wrote, without colours."""
        self._terminal.changed = lambda: None
        for place, key in enumerate(command):
            self._terminal.show(key.encode())
            if place % 3 == 2:
                self._frames.take(3 * _KEY_SECONDS)
        self._frames.take(0.4)
        self._terminal.show(b"\r\n")
        self._terminal.changed = self._frames.take
        before = len(self._terminal.written)
        self._terminal.run("bash", "-c", command)
        self._terminal.wait(_COMMAND_SECONDS)
        self._frames.hold(_READ_SECONDS)
        self._terminal.show(_PROMPT.encode())
        written = self._terminal.written[before:].decode(errors="replace")
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)

    def frames(self) -> list[Frame]:
        """Return the frames, the last for some seconds more."""
        self._frames.hold(4.0)
        return self._frames.taken
