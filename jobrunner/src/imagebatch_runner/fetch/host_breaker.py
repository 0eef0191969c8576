"""A circuit breaker for hosts that accept no connections: it allows one attempt per period.

Each attempt to connect to a dead host may last until its timeout, and each image makes several
attempts: hundreds of images of one dead host would keep a shard busy for an hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from imagebatch_core.egress import describe_connection_error, find_address_refused
from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed


class HostUnreachable(ImageFailed):
    """The image's host accepts no connections; the image is not retried in this shard."""


@dataclass(slots=True)
class _Failing:
    """A host whose last ``attempts`` all failed to connect.

    ``since`` is the time of the first of these attempts, ``next_try`` the time from which the next
    one may be made, and ``why`` the error of the last one.
    """

    since: float
    next_try: float
    attempts: int = 0
    why: str = ""


class HostBreaker:
    """The circuit breaker for all requests of a shard.

    A host is unreachable once its last ``attempts`` attempts failed to connect, over at least
    ``seconds``. A restart of the host or a short outage of the network takes less time. From then
    on one attempt is made every ``seconds``, until one connects. With 0 ``attempts`` no host is
    ever unreachable.
    """

    def __init__(
        self, *, attempts: int, seconds: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._attempts = attempts
        self._seconds = seconds
        self._now = now
        self._failing: dict[str, _Failing] = {}

    def check(self, host: str) -> None:
        """Check whether an attempt may be made now; call this before each attempt.

        Raises:
            HostUnreachable: no attempt may be made now.
        """
        failing = self._failing.get(host)
        if failing is None or not self._is_unreachable(failing):
            return
        now = self._now()
        if now < failing.next_try:
            raise HostUnreachable(
                ErrorCode.CONNECT_FAILED,
                f"the last {failing.attempts} attempts failed to connect: {failing.why}; the host "
                f"is tried again every {self._seconds:g} s",
            )
        failing.next_try = now + self._seconds

    def connected(self, host: str) -> None:
        """Record that an attempt got a connection."""
        self._failing.pop(host, None)

    def failed(self, host: str, error: Exception) -> None:
        """Record that an attempt failed; most errors mean that it got a connection."""
        if not is_connect_failure(error):
            if isinstance(error, aiohttp.ClientError) and find_address_refused(error) is None:
                self.connected(host)
            return
        now = self._now()
        failing = self._failing.setdefault(host, _Failing(since=now, next_try=now))
        failing.attempts += 1
        failing.why = describe_connection_error(error)
        if self._is_unreachable(failing):
            failing.next_try = max(failing.next_try, now + self._seconds)

    def _is_unreachable(self, failing: _Failing) -> bool:
        long = self._now() - failing.since >= self._seconds
        return long and 0 < self._attempts <= failing.attempts


def is_connect_failure(error: Exception) -> bool:
    """Return whether the host could not be found or did not accept the connection.

    A failed TLS handshake is not a connect failure: the host responded, and will respond the same
    way again.
    """
    return (
        isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError))
        and not isinstance(error, aiohttp.ClientSSLError)
        and find_address_refused(error) is None
    )
