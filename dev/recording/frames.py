"""The pictures of a recording: what a terminal showed, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pyte

#: A pause longer than this is cut to it: nobody wants to watch a batch being planned.
LONGEST_PAUSE = 1.2
#: Changes closer together than this become one frame.
SHORTEST = 0.12


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring cells of one line that look the same."""

    column: int
    text: str
    colour: str
    bold: bool


Line = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """What the terminal shows for some seconds."""

    lines: tuple[Line, ...]
    seconds: float


class Frames:
    """Collects the frames of a screen. ``clock`` returns monotonic seconds."""

    def __init__(self, screen: pyte.Screen, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._clock = clock
        self._since = clock()
        self._shown: tuple[Line, ...] = lines_of(screen)
        self.taken: list[Frame] = []

    def take(self, seconds: float | None = None) -> None:
        """Take what the screen shows now; ``seconds`` is how long the frame before was shown.

        Without it, it is the time since then, and what changes within the shortest time is left
        for the next frame.
        """
        now = self._clock()
        passed = now - self._since if seconds is None else seconds
        lines = lines_of(self._screen)
        if lines == self._shown or (seconds is None and passed < SHORTEST):
            return
        self.taken.append(Frame(self._shown, min(passed, LONGEST_PAUSE)))
        self._shown, self._since = lines, now

    def hold(self, seconds: float) -> None:
        """End with what is shown, for some seconds."""
        lines = lines_of(self._screen)
        if lines != self._shown:
            self.taken.append(Frame(self._shown, SHORTEST))
        self.taken.append(Frame(lines, seconds))
        self._shown, self._since = lines, self._clock()


def lines_of(screen: pyte.Screen) -> tuple[Line, ...]:
    """Return the lines of a screen as runs of equal cells, without trailing spaces."""
    return tuple(_line(screen, row) for row in range(screen.lines))


def _line(screen: pyte.Screen, row: int) -> Line:
    runs: list[Run] = []
    cells = screen.buffer[row]
    for column in range(screen.columns):
        cell = cells[column]
        text = cell.data or " "
        last = runs[-1] if runs else None
        if last is not None and (last.colour, last.bold) == (cell.fg, cell.bold):
            runs[-1] = Run(last.column, last.text + text, cell.fg, cell.bold)
        else:
            runs.append(Run(column, text, cell.fg, cell.bold))
    while runs and not runs[-1].text.strip():
        runs.pop()
    return tuple(runs)
