"""A command on a terminal of its own, and what the terminal shows."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte


class Terminal:
    """Runs a command on a pseudo terminal of ``columns`` and ``rows`` cells.

    Use it as a context manager: the command is killed at the end if it still runs. Without a
    ``command``, it waits for :meth:`run`; several commands may follow each other on one screen.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], *, columns: int = 80, rows: int = 24
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=10_000, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)
        self._folder = folder
        self._environment = {**environment, "TERM": "xterm-256color"}
        self._process: subprocess.Popen[bytes] | None = None
        self._ours, self._its = os.openpty()
        self._size(columns, rows)
        #: Called after each change of the screen.
        self.changed: Callable[[], None] = lambda: None
        #: All bytes that the commands have written.
        self.written = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the command if it still runs."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._ours)
        os.close(self._its)

    def run(self, *command: str) -> None:
        """Start a command; the terminal is its controlling one, so that Ctrl-C reaches it."""
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            stdin=self._its,
            stdout=self._its,
            stderr=self._its,
            cwd=self._folder,
            env=self._environment,
        )

    def type(self, text: str) -> None:
        """Type on the keyboard; ``\\x03`` is Ctrl-C."""
        os.write(self._ours, text.encode())

    def show(self, data: bytes) -> None:
        """Show bytes as if a command had written them."""
        self._stream.feed(data)
        self.changed()

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, as when a person drags a corner of the window."""
        self.screen.resize(rows, columns)
        self._size(columns, rows)
        if self._process is not None:
            self._process.send_signal(signal.SIGWINCH)

    def wait(self, seconds: float) -> int:
        """Show what the command writes until it ends; return its exit code."""
        if self._process is None:
            raise ValueError("no command was started")
        end = time.monotonic() + seconds
        while self._process.poll() is None:
            self._read(end)
        while self._take(0):
            pass
        return self._process.returncode

    def until(self, text: str, seconds: float = 30) -> None:
        """Show what the command writes until ``text`` is on the screen."""
        end = time.monotonic() + seconds
        while text not in self.text():
            self._read(end)

    def text(self) -> str:
        """Return the lines of the screen, without trailing spaces."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def _size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self, end: float) -> None:
        if not self._take(0.1) and time.monotonic() > end:
            raise TimeoutError(f"the terminal shows:\n{self.text()}")

    def _take(self, seconds: float) -> bool:
        """Show what is there to read, waiting ``seconds`` for it; return whether there was any."""
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        data = os.read(self._ours, 65536)
        self.written += data
        self.show(data)
        return True
