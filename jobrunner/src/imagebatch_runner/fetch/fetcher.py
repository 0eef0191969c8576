"""Fetch one image: within the limits, politely, with retries where they can help.

What is fetched stays on the byte budget until the caller lets go of it, so the memory that images
take is bounded however fast the network is.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from imagebatch_core.results import ErrorCode
from imagebatch_runner.budget import Budget, Hold
from imagebatch_runner.content import NOTHING, Content
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.settings import Settings

from . import body, web
from .hosts import HostGate
from .local_files import LocalFiles
from .queues import HostQueues
from .retry import RetryPolicy
from .s3_images import S3Images
from .s3_urls import is_s3
from .unrecorded import Claim
from .validators import NO_VALIDATORS, Validators

#: Reserved for a body whose length the host does not tell, or not that of what it unpacks to; most
#: images are smaller.
_UNKNOWN_LENGTH = 8 << 20
#: How often an image's bytes are in memory: as they arrive and joined, then here and before the
#: decoder, then as they were and compressed.
COPIES = 2
#: Share of the byte budget for bodies that are on their way from one host: a slow one's would hold
#: all of it, and images of the others wait behind them.
_OF_ONE_HOST = 3 / 4

T = TypeVar("T")

_Opened = tuple[aiohttp.ClientResponse, Validators]


@dataclass(frozen=True, slots=True)
class Fetched:
    """``http_status`` is the last answer's, after redirects; a file has none.

    ``attempts`` counts how often this URL was tried, 1-based. Redirects on the way are no attempts
    of their own, nor is the one repetition on a new connection (RFC 9112, 9.3.1) when one breaks
    before any answer. ``content`` is empty when the host answered that the image is still the known
    one. ``hold`` is twice its size: see :data:`COPIES`.
    """

    content: Content
    http_status: int | None
    attempts: int
    hold: Hold
    validators: Validators = NO_VALIDATORS
    not_modified: bool = False


class Fetcher:
    """Fetches of one shard: they share connections, politeness and the byte budget.

    Objects of S3 and files are invalid URLs unless ``s3`` and ``files`` say which may be read.
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
        self._session = session
        self._s3 = s3
        self._files = files
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
        self._budget = Budget(room)
        self._sleep = sleep
        self._chance = chance

    @asynccontextmanager
    async def fetched(
        self, url: str, known: Validators | None = None, *, claim: Claim | None = None
    ) -> AsyncIterator[Fetched]:
        """The image's bytes; they count against the budget until the block is left.

        With ``known`` validators the host is asked whether the image changed since. ``claim`` is
        taken when it is the host's turn, before anything is asked, and stays so at the end.

        Raises:
            ImageFailed: with ``attempts`` set, and ``http_status`` of the last attempt.
        """
        attempt = 0
        reserve: int | None = None
        while True:
            attempt += 1
            try:
                async with self._claimed(url, claim) as turn:
                    fetched = await self._attempt(
                        url, attempt, reserve, known=known, claim=claim, turn=turn
                    )
                break
            except _NeedsMoreRoom:
                attempt -= 1
                reserve = self._settings.fetch_max_bytes
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
        """What is to be fetched, by its URL, to be begun as the hosts let it."""
        gate = self._gate
        return HostQueues(items, host=self._host_of, pause=gate.pause, free=gate.is_free)

    def _host_of(self, url: str) -> str | None:
        """The host whose turn an image waits for; ``None`` where it waits for none."""
        if self._s3 is not None and is_s3(url):
            return self._s3.host_of(url)
        return None if self._is_file(url) else web.host_named_by(url)

    @asynccontextmanager
    async def _claimed(self, url: str, claim: Claim | None) -> AsyncIterator[AsyncExitStack]:
        """The claim is taken in the host's turn: images of a slow host hold few of them. Who holds
        one already waits for no turn, since those in a turn may wait for a claim.

        And before the slots: who waits for a claim in one would block those that hold the claims
        and need a slot, for their redirects. The turn, which is given out, may end before that.
        """
        host = None if claim is None or claim.taken else self._host_of(url)
        async with AsyncExitStack() as turn:
            if host is not None:
                await turn.enter_async_context(self._gate.turn(host))
            if claim is not None:
                await claim.take()
            yield turn

    def _is_file(self, url: str) -> bool:
        return self._files is not None and self._files.names(url)

    async def _attempt(
        self,
        url: str,
        attempt: int,
        reserve: int | None,
        *,
        known: Validators | None,
        claim: Claim | None,
        turn: AsyncExitStack,
    ) -> Fetched:
        """One attempt; a failure tells the status of its last answer, if there was one."""
        hold = Hold(self._budget)
        statuses: list[int] = []
        try:
            if self._is_file(url):
                return await self._file(url, attempt, hold, known, claim)
            content, validators = await self._request(
                url,
                hold,
                reserve,
                known=known,
                claim=claim,
                turn=turn,
                answered=statuses.append,
            )
            same = statuses[-1] == web.NOT_MODIFIED
            return Fetched(content, statuses[-1], attempt, hold, validators, same)
        except BaseException as error:
            hold.release()
            if isinstance(error, (aiohttp.ClientError, OSError, ValueError)):
                failure = web.as_failure(error)
                failure.http_status = statuses[-1] if statuses else None
                raise failure from error
            if isinstance(error, ImageFailed):
                error.http_status = statuses[-1] if statuses else None
            raise

    async def _request(
        self,
        url: str,
        hold: Hold,
        reserve: int | None,
        *,
        known: Validators | None,
        claim: Claim | None,
        turn: AsyncExitStack,
        answered: Callable[[int], None],
    ) -> tuple[Content, Validators]:
        limit = self._settings.fetch_max_bytes
        hosts: list[str] = []
        # Redirects of S3 are not followed: there is no other one.
        service = self._host_of(url) if is_s3(url) else None
        try:
            async with (
                asyncio.timeout(None) as clock,
                self._opened(
                    url,
                    gate=lambda host: self._slot(service or host, clock, hosts, claim, turn),
                    answered=answered,
                    known=known,
                ) as (response, validators),
            ):
                if response.status == web.NOT_MODIFIED:
                    return NOTHING, validators
                length = body.declared_length(response, limit)
                room = length if length is not None else min(reserve or _UNKNOWN_LENGTH, limit)
                clock.reschedule(None)  # waiting for our own memory is not the host's delay
                async with self._gate.arriving(hosts[-1], COPIES * room):
                    await hold.take(COPIES * room)
                    self._start(clock)
                    try:
                        content = await body.read(response, room if length is None else limit)
                    except ImageFailed as failure:
                        long = failure.code is ErrorCode.TOO_MANY_BYTES
                        if long and length is None and room < limit:
                            raise _NeedsMoreRoom from None
                        raise
                hold.shrink(COPIES * content.size)
                return content, validators
        except ImageFailed as failure:
            if failure.retry_after is not None and failure.code.retryable:
                wait = min(failure.retry_after, self._settings.retry_max_seconds)
                self._gate.hold_off(hosts[-1], wait)  # the one that asked, after redirects
            raise

    @asynccontextmanager
    async def _opened(self, url: str, **options: Any) -> AsyncIterator[_Opened]:
        if self._s3 is not None and is_s3(url):
            async with self._s3.opened(url, **options) as response:
                # Its signed address is of no use later: the object is known by its name.
                yield response, Validators.of(response.headers, None)
        else:
            redirects = self._settings.fetch_redirects
            async with web.opened(self._session, url, redirects=redirects, **options) as response:
                yield response, web.validators_of(response, url)

    async def _file(
        self, url: str, attempt: int, hold: Hold, known: Validators | None, claim: Claim | None
    ) -> Fetched:
        files, limit = self._files, self._settings.fetch_max_bytes
        assert files is not None  # noqa: S101 - the caller asked it
        if claim is not None:
            claim.ask()
        size, tag = await asyncio.to_thread(files.look_at, url, limit)
        validators = Validators(tag)
        if known == validators:
            return Fetched(NOTHING, None, attempt, hold, validators, not_modified=True)
        await hold.take(COPIES * size)
        data = await asyncio.to_thread(files.read, url, limit)
        return Fetched(Content([data]), None, attempt, hold, validators)

    @asynccontextmanager
    async def _slot(
        self,
        host: str,
        clock: asyncio.Timeout,
        hosts: list[str],
        claim: Claim | None,
        turn: AsyncExitStack,
    ) -> AsyncIterator[None]:
        """The total time starts anew with every hop, once its host may be asked. ``turn`` is the
        first host's, and over when that sent the image elsewhere."""
        hosts.append(host)
        clock.reschedule(None)
        async with self._gate.slot(host):
            if claim is not None:
                claim.ask()
            self._start(clock)
            yield
        await turn.aclose()

    def _start(self, clock: asyncio.Timeout) -> None:
        now = asyncio.get_running_loop().time()
        clock.reschedule(now + self._settings.fetch_total_seconds)


class _NeedsMoreRoom(Exception):
    """A body without a length outgrew its reservation: ask again with room for the limit.

    Growing the reservation in place could have all holders wait for each other.
    """
