"""Fetch the images of a shard, within the limits of each host and with retries where they can help.

Fetched bytes count against the byte budget until the caller leaves the block of :meth:`fetched`.
This bounds the memory that images take, however fast the network is.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import aiohttp

from imagebatch_runner.budget import Budget
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.settings import Settings

from .attempt import Attempts, Fetched, NeedsMoreRoom
from .claims import Claim
from .host_breaker import HostBreaker, HostUnreachable
from .host_gate import HostGate
from .host_queues import HostQueues
from .local_files import LocalFiles
from .retry import RetryPolicy
from .s3_images import S3Images
from .validators import Validators

#: Share of the byte budget that bodies arriving from one host may take. If one host could take all
#: of it, a slow host would block the images of the others.
_OF_ONE_HOST = 3 / 4

T = TypeVar("T")


class Fetcher:
    """Fetches the images of one shard; they share connections, host limits and the byte budget.

    ``s3`` and ``files`` say which S3 objects and files may be read. Without them, their URLs are
    invalid.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        settings: Settings,
        retries: int,
        *,
        s3: S3Images | None = None,
        files: LocalFiles | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._policy = RetryPolicy(
            retries, base=settings.retry_base_seconds, longest=settings.retry_max_seconds
        )
        room = settings.shares.bytes_in_flight
        self._gate = HostGate(
            total=settings.fetch_concurrency,
            per_host=settings.fetch_per_host,
            arriving=max(1, int(room * _OF_ONE_HOST)),
        )
        breaker = HostBreaker(
            attempts=settings.fetch_breaker_attempts, seconds=settings.fetch_breaker_seconds
        )
        self._attempts = Attempts(session, settings, self._gate, breaker, Budget(room), s3, files)
        self._sleep = sleep
        self._chance = chance

    @asynccontextmanager
    async def fetched(
        self, url: str, known: Validators | None = None, *, claim: Claim | None = None
    ) -> AsyncIterator[Fetched]:
        """Fetch an image; its bytes count against the budget until the end of the block.

        With ``known`` validators the host is asked whether the image changed since. ``claim`` is
        taken after waiting for the host's turn, before the request is sent, and is still held at
        the end.

        Raises:
            ImageFailed: with ``attempts`` set, and ``http_status`` of the last attempt.
        """
        attempt = 0
        reserve: int | None = None
        while True:
            attempt += 1
            try:
                async with self._claimed(url, claim) as turn:
                    fetched = await self._attempts.make(
                        url, attempt, reserve=reserve, known=known, claim=claim, turn=turn
                    )
                break
            except NeedsMoreRoom:
                attempt -= 1
                reserve = self._settings.fetch_max_bytes
            except HostUnreachable as failure:
                failure.attempts = attempt - 1  # this attempt was not made
                raise
            except ImageFailed as failure:
                failure.attempts = attempt
                wait = self._policy.wait(failure, attempt, self._chance)
                if wait is None:
                    raise
                if claim is not None:
                    claim.again()
                await self._sleep(wait)
        try:
            yield fetched
        finally:
            fetched.hold.release()

    def queues(self, items: Mapping[str, T]) -> HostQueues[T]:
        """Return queues of the images to fetch; ``items`` maps each URL to what it is given out
        with."""
        gate = self._gate
        return HostQueues(items, host=self._attempts.host_of, pause=gate.pause, free=gate.is_free)

    @asynccontextmanager
    async def _claimed(self, url: str, claim: Claim | None) -> AsyncIterator[AsyncExitStack]:
        """Wait for the host's turn, then take the claim; yield the turn.

        In this order, images of a slow host hold few claims. An image that holds its claim already
        does not wait for a turn, because images that have a turn may wait for a claim. The claim
        comes before the slots: an image that waited for a claim in a slot would block images that
        hold claims and need a slot for their redirects. The turn is yielded, because it may end
        before the block does.
        """
        host = None if claim is None or claim.taken else self._attempts.host_of(url)
        async with AsyncExitStack() as turn:
            if host is not None:
                await turn.enter_async_context(self._gate.turn(host))
            if claim is not None:
                await claim.take()
            yield turn
