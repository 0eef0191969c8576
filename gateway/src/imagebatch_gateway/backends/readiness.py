"""Tests of the API server and the object store, for the body of ``/readyz``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from imagebatch_core.errors import ImageBatchError

from .batches import Batches
from .objects import Objects

#: Seconds for which a test result is reused, so that probes add no load to a failing system.
FRESH_SECONDS: Final = 3.0
STORE_SECONDS: Final = 5.0


class Readiness:
    """Tests both systems and caches the result. ``clock`` returns monotonic seconds."""

    def __init__(
        self, objects: Objects, batches: Batches, prefix: str, clock: Callable[[], float]
    ) -> None:
        self._objects = objects
        self._batches = batches
        self._prefix = prefix
        self._clock = clock
        self._lock = asyncio.Lock()
        self._at: float | None = None
        self._problems: dict[str, str] = {}

    async def problems(self) -> dict[str, str]:
        """Return an error message for each failing system, ``cluster`` or ``store``; empty if both
        work."""
        async with self._lock:
            if self._at is None or self._clock() - self._at >= FRESH_SECONDS:
                self._problems = await self._ask()
                self._at = self._clock()
            return self._problems

    async def _ask(self) -> dict[str, str]:
        answers = await asyncio.gather(
            self._batches.check(),
            self._objects.check(self._prefix, seconds=STORE_SECONDS),
            return_exceptions=True,
        )
        problems: dict[str, str] = {}
        for name, answer in zip(("cluster", "store"), answers, strict=True):
            if isinstance(answer, ImageBatchError):
                problems[name] = str(answer)
            elif isinstance(answer, BaseException):
                raise answer
        return problems
