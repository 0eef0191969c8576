"""When a fetch is tried again, and after how long. Pure: time and chance are handed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from imagebatch_runner.failures import ImageFailed

#: Doublings after which the bound grows no more: a power of 1,024 is too large for a float.
_LAST_DOUBLING: Final = 30


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``retries`` further attempts; waits in seconds."""

    retries: int
    base: float
    longest: float

    def wait(self, failure: ImageFailed, attempt: int, chance: Callable[[], float]) -> float | None:
        """Seconds until the next attempt after the ``attempt``-th (1-based) failed, or ``None``.

        Full jitter (a uniform share of the doubled bound) spreads the images of one host that
        failed together. A host's ``Retry-After`` is the least wait; one beyond ``longest`` means
        that this run is not the time to ask again.
        """
        if attempt > self.retries or not failure.code.retryable:
            return None
        if failure.retry_after is not None and failure.retry_after > self.longest:
            return None
        jitter = chance() * min(self.base * 2.0 ** min(attempt - 1, _LAST_DOUBLING), self.longest)
        return max(failure.retry_after or 0.0, 0.0) + jitter
