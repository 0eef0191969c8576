"""Decide whether a fetch is retried, and after how long. Pure: the random number is passed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from imagebatch_runner.failures import ImageFailed

#: After this many doublings the bound stays the same: 2 to the power of 1,024 overflows a float.
_LAST_DOUBLING: Final = 30


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The retry policy: at most ``retries`` further attempts.

    ``base`` and ``longest`` are the first and the largest bound of a wait, in seconds.
    """

    retries: int
    base: float
    longest: float

    def wait(self, failure: ImageFailed, attempt: int, chance: Callable[[], float]) -> float | None:
        """Return the seconds to wait after the ``attempt``-th attempt (1-based) failed; ``None``:
        do not retry.

        Full jitter (a uniform share of the doubled bound) spreads the retries of images of one host
        that failed together. A host's ``Retry-After`` is the least wait; if it is over ``longest``,
        the image is not retried. ``chance`` returns a number from 0 to 1.
        """
        if attempt > self.retries or not failure.code.retryable:
            return None
        if failure.retry_after is not None and failure.retry_after > self.longest:
            return None
        jitter = chance() * min(self.base * 2.0 ** min(attempt - 1, _LAST_DOUBLING), self.longest)
        return max(failure.retry_after or 0.0, 0.0) + jitter
