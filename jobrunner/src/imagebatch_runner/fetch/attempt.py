"""Make one attempt to fetch an image, within its host's slots, the time limits and the memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from imagebatch_core.results import ErrorCode
from imagebatch_runner.budget import Budget, Hold
from imagebatch_runner.content import NOTHING, Content
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.settings import Settings

from . import body, web
from .claims import Claim
from .host_breaker import HostBreaker
from .host_gate import HostGate
from .local_files import LocalFiles
from .network_errors import as_failure
from .pace import Pace
from .s3_images import S3Images
from .s3_urls import is_s3
from .validators import NO_VALIDATORS, Validators

#: Bytes reserved for a body of unknown length: no Content-Length, or a compressed body. Most images
#: are smaller.
_UNKNOWN_LENGTH = 8 << 20
#: How often an image's bytes are in memory at once: first as pieces and joined, then here and for
#: the decoder, then as the input and the output.
COPIES = 2

_Opened = tuple[aiohttp.ClientResponse, Validators]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetched image.

    ``http_status`` is that of the last response, after redirects; ``None`` for a file. ``attempts``
    counts how often this URL was tried, 1-based. Redirects do not count, nor does the repetition on
    a new connection (RFC 9112, 9.3.1) when a connection breaks before any response. ``content`` is
    empty when the host responded that the image did not change. ``hold`` is :data:`COPIES` times
    the size of ``content``.
    """

    content: Content
    http_status: int | None
    attempts: int
    hold: Hold
    validators: Validators = NO_VALIDATORS
    not_modified: bool = False


class NeedsMoreRoom(Exception):
    """A body of unknown length outgrew its reservation: repeat the request with the limit reserved.

    If reservations grew in place, all their holders could wait for each other.
    """


@dataclass(frozen=True, slots=True)
class Attempts:
    """Makes the attempts of one shard, which share the session, the limits and the memory."""

    session: aiohttp.ClientSession
    settings: Settings
    gate: HostGate
    breaker: HostBreaker
    budget: Budget
    s3: S3Images | None
    files: LocalFiles | None

    def host_of(self, url: str) -> str | None:
        """Return the host whose turn an image waits for; ``None`` for a file or a refused URL."""
        if self.s3 is not None and is_s3(url):
            return self.s3.host_of(url)
        return None if self._is_file(url) else web.host_named_by(url)

    async def make(
        self,
        url: str,
        number: int,
        *,
        reserve: int | None,
        known: Validators | None,
        claim: Claim | None,
        turn: AsyncExitStack,
    ) -> Fetched:
        """Make the ``number``-th attempt at a URL and return the image.

        ``reserve`` is the memory in bytes for a body of unknown length. With ``known`` validators
        the host is asked whether the image changed. ``claim`` records when the host is asked.
        ``turn`` is the first host's turn; it ends when that host redirects.

        Raises:
            ImageFailed: with the status of the last response, if there was one.
            NeedsMoreRoom: the body did not fit into ``reserve``.
        """
        hold = Hold(self.budget)
        statuses: list[int] = []
        try:
            if self._is_file(url):
                return await self._file(url, number, hold, known, claim)
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
            return Fetched(content, statuses[-1], number, hold, validators, same)
        except BaseException as error:
            hold.release()
            if isinstance(error, (aiohttp.ClientError, OSError, ValueError)):
                failure = as_failure(error)
                failure.http_status = statuses[-1] if statuses else None
                raise failure from error
            if isinstance(error, ImageFailed):
                error.http_status = statuses[-1] if statuses else None
            raise

    def _is_file(self, url: str) -> bool:
        return self.files is not None and self.files.names(url)

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
        limit = self.settings.fetch_max_bytes
        hosts: list[str] = []
        # All requests to S3 count for the endpoint: its redirects are not followed.
        service = self.host_of(url) if is_s3(url) else None
        pace: Pace | None = None

        def answers(status: int) -> None:
            self.breaker.connected(hosts[-1])
            answered(status)

        try:
            async with (
                asyncio.timeout(None) as clock,
                self._opened(
                    url,
                    gate=lambda host: self._slot(service or host, clock, hosts, claim, turn),
                    answered=answers,
                    known=known,
                ) as (response, validators),
            ):
                if response.status == web.NOT_MODIFIED:
                    return NOTHING, validators
                length = body.declared_length(response, limit)
                room = length if length is not None else min(reserve or _UNKNOWN_LENGTH, limit)
                clock.reschedule(None)  # waiting for our own memory is not the host's delay
                async with self.gate.arriving(hosts[-1], COPIES * room):
                    await hold.take(COPIES * room)
                    pace = Pace(clock, self.settings)
                    at_most = room if length is None else limit
                    try:
                        content = await body.read(response, at_most, pace)
                    except ImageFailed as failure:
                        long = failure.code is ErrorCode.TOO_MANY_BYTES
                        if long and length is None and room < limit:
                            raise NeedsMoreRoom from None
                        raise
                hold.shrink(COPIES * content.size)
                return content, validators
        except TimeoutError as error:
            slow = None if pace is None else pace.explain()
            if slow is None:
                raise
            raise slow from error
        except ImageFailed as failure:
            if failure.retry_after is not None and failure.code.retryable:
                wait = min(failure.retry_after, self.settings.retry_max_seconds)
                self.gate.hold_off(hosts[-1], wait)  # the host that asked, after redirects
            raise

    @asynccontextmanager
    async def _opened(self, url: str, **options: Any) -> AsyncIterator[_Opened]:
        if self.s3 is not None and is_s3(url):
            async with self.s3.opened(url, **options) as response:
                # The signed address is of no use later: the object is identified by its name.
                yield response, Validators.of(response.headers, None)
        else:
            redirects = self.settings.fetch_redirects
            async with web.opened(self.session, url, redirects=redirects, **options) as response:
                yield response, web.validators_of(response, url)

    async def _file(
        self, url: str, number: int, hold: Hold, known: Validators | None, claim: Claim | None
    ) -> Fetched:
        files, limit = self.files, self.settings.fetch_max_bytes
        assert files is not None  # noqa: S101 - the caller checked
        if claim is not None:
            claim.ask()
        size, tag = await asyncio.to_thread(files.look_at, url, limit)
        validators = Validators(tag)
        if known == validators:
            return Fetched(NOTHING, None, number, hold, validators, not_modified=True)
        await hold.take(COPIES * size)
        data = await asyncio.to_thread(files.read, url, limit)
        return Fetched(Content([data]), None, number, hold, validators)

    @asynccontextmanager
    async def _slot(
        self,
        host: str,
        clock: asyncio.Timeout,
        hosts: list[str],
        claim: Claim | None,
        turn: AsyncExitStack,
    ) -> AsyncIterator[None]:
        """Hold a slot of the host for one request.

        ``clock`` measures the total time. It is stopped while the request waits for its slot and
        restarts for every redirect.
        """
        hosts.append(host)
        clock.reschedule(None)
        async with self.gate.slot(host):
            self.breaker.check(host)
            if claim is not None:
                claim.ask()
            self._start(clock)
            try:
                yield
            except Exception as error:
                self.breaker.failed(host, error)
                raise
        await turn.aclose()

    def _start(self, clock: asyncio.Timeout) -> None:
        now = asyncio.get_running_loop().time()
        clock.reschedule(now + self.settings.fetch_total_seconds)
