"""When a call is sent again, and after how many seconds. There is no network here."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

#: Responses that say that the gateway did not do the work, or that something between did not.
_TEMPORARY = frozenset({408, 429, 500, 502, 503, 504})
#: Errors of a request of which nothing was sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is repeated and how long the client waits between two attempts.

    The n-th wait is up to ``first_seconds * 2**n`` and at least half of that, at most
    ``longest_seconds``.
    ``Retry-After`` of a response replaces it; a call that would have to wait longer than
    ``longest_retry_after`` for it fails instead.
    """

    attempts: int = 5
    first_seconds: float = 0.5
    longest_seconds: float = 20.0
    longest_retry_after: float = 120.0
    jitter: Callable[[float, float], float] = random.uniform

    def after_error(
        self, attempt: int, error: httpx.TransportError, *, repeatable: bool
    ) -> float | None:
        """Return the seconds to wait before the next attempt, None if there is to be none.

        ``attempt`` counts from 1. A call that is not ``repeatable`` is sent again only if nothing
        of it was sent.
        """
        if attempt >= self.attempts or isinstance(error, httpx.UnsupportedProtocol):
            return None
        if not repeatable and not isinstance(error, _NOT_SENT):
            return None
        return self._backoff(attempt)

    def after_response(
        self, attempt: int, response: httpx.Response, *, repeatable: bool
    ) -> float | None:
        """Return the seconds to wait before the next attempt, None if the response is final.

        A call that is not ``repeatable`` is sent again only after 429 with ``Retry-After``: the
        gateway refuses that before it does anything.
        """
        if response.status_code not in _TEMPORARY or attempt >= self.attempts:
            return None
        told = retry_after(response)
        if response.status_code == 429 and told is None:
            return None  # a quota of the namespace, which waiting does not change
        if not repeatable and response.status_code != 429:
            return None
        if told is None:
            return self._backoff(attempt)
        return told if told <= self.longest_retry_after else None

    def _backoff(self, attempt: int) -> float:
        longest = min(self.longest_seconds, self.first_seconds * 2**attempt)
        return self.jitter(longest / 2, longest)


#: What the clients do unless they are told otherwise.
RETRIES = Retries()


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of ``Retry-After``, which may be a date; None without a valid one."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
