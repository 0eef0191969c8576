"""Limit the time of a body: a total, and a least throughput.

A host that sends a few bytes now and then keeps every timeout between two reads from running out.
With a least throughput, each further portion of the body must arrive within a window.
"""

from __future__ import annotations

import asyncio
from typing import Final

from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.settings import Settings

#: A new window does not begin before this share of the current one is over: most bodies are
#: complete by then and never reset the clock.
_YOUNG: Final = 1 / 20


class Pace:
    """The time limit of one body, which begins now; it reschedules ``clock``."""

    def __init__(self, clock: asyncio.Timeout, settings: Settings) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._floor = settings.fetch_floor_bytes
        self._window = settings.fetch_floor_seconds
        self._portion = int(self._floor * self._window)
        self._missing = self._portion
        self._begun = self._loop.time()
        self._end = self._begun + settings.fetch_total_seconds
        self._set()

    def received(self, size: int) -> None:
        """Record that ``size`` more bytes of the body have arrived."""
        self._missing -= size
        if self._missing > 0 or not self._portion:
            return
        self._missing = self._portion
        now = self._loop.time()
        if now - self._begun >= _YOUNG * self._window:
            self._begun = now
            self._set()

    def explain(self) -> ImageFailed | None:
        """Return the failure of a body that was too slow; ``None`` if that did not end it.

        Call it once the clock has run out.
        """
        when = self._clock.when()
        if not self._clock.expired() or when is None or when >= self._end:
            return None
        return ImageFailed(
            ErrorCode.TIMEOUT,
            f"the host sends less than {self._floor} bytes a second, for {self._window:g} s",
        )

    def _set(self) -> None:
        window_end = self._begun + self._window
        self._clock.reschedule(min(self._end, window_end) if self._portion else self._end)
