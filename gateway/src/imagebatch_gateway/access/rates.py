"""Rate limits: token buckets, one for each caller and policy.

The headers are those of the IETF's draft "RateLimit header fields for HTTP". Each replica counts
for itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache

from imagebatch_gateway.answers.access_problems import too_many
from imagebatch_gateway.settings import Settings

WINDOW_SECONDS: Final = 60
_CALLERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Left:
    """The rest of a quota. ``reset`` is the number of seconds until the quota is full again."""

    policy: str
    quota: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """``RateLimit-Policy`` and ``RateLimit``."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset}',
        }


class Bucket:
    """Fills at ``quota`` a minute, up to ``quota``. ``clock`` gives seconds."""

    def __init__(self, policy: str, quota: int, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._quota = quota
        self._clock = clock
        self._levels: LRUCache[str, tuple[float, float]] = LRUCache(_CALLERS)

    def take(self, who: str, amount: int = 1) -> Left:
        """Take an amount of a caller's quota; a quota of 0 has no limit.

        An amount of more than the quota takes a full bucket and leaves a debt.

        Raises:
            Problem: 429; nothing was taken.
        """
        if self._quota == 0:
            return self._left(0)
        level = self._level(who)
        missing = min(amount, self._quota) - level
        if missing > 0:
            left = self._left(level)
            seconds = math.ceil(missing * WINDOW_SECONDS / self._quota)
            raise too_many(self._policy, seconds, left.headers)
        self._levels[who] = (level - amount, self._clock())
        return self._left(level - amount)

    def charge(self, who: str, amount: int) -> None:
        """Take an amount that cannot be refused any more; it may leave a debt."""
        if self._quota:
            self._levels[who] = (self._level(who) - amount, self._clock())

    @property
    def limits(self) -> bool:
        """Whether there is a quota."""
        return self._quota > 0

    def _level(self, who: str) -> float:
        level, at = self._levels.get(who, (float(self._quota), self._clock()))
        return min(self._quota, level + (self._clock() - at) * self._quota / WINDOW_SECONDS)

    def _left(self, level: float) -> Left:
        missing = self._quota - level
        reset = math.ceil(missing * WINDOW_SECONDS / self._quota) if self._quota else 0
        return Left(self._policy, self._quota, max(0, int(level)), reset)


class Rates:
    """The quotas of the settings."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.uploads = Bucket("uploads", settings.uploads_per_minute, clock)
        self.bytes = Bucket("bytes", settings.upload_bytes_per_minute, clock)
        self.reads = Bucket("reads", settings.reads_per_minute, clock)

    def admit(self, who: str, *, writes: bool, announced: int) -> dict[str, str]:
        """Count a request and the bytes that it announces; return the headers of its response.

        Raises:
            Problem: 429.
        """
        bucket = self.uploads if writes else self.reads
        found = [bucket.take(who)] if bucket.limits else []
        if writes and self.bytes.limits:
            found.append(self.bytes.take(who, announced))
        headers = [left.headers for left in found]
        names = ("RateLimit-Policy", "RateLimit") if headers else ()
        return {name: ", ".join(one[name] for one in headers) for name in names}
