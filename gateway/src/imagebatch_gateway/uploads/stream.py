"""A CSV on its way through the gateway: each piece is checked and stored as it arrives.

The object exists once :meth:`CsvStream.commit` was called. Until then every way out, a refusal, a
client that goes, a store that fails, ends the multipart upload without an object.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO, Final, cast

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream

from imagebatch_core.errors import InputRefused
from imagebatch_core.source import Source
from imagebatch_gateway.backends.objects import Objects

from .csv_check import CsvFacts, check_stream

#: Pieces of a body, of at most 64 KiB each, that wait for the check and for the store.
_WAITING: Final = 8


class _Aborted(Exception):
    """Ends the multipart upload."""


class CsvStream:
    """One upload, for the request ``request_id``. ``key`` is that of the object, without the
    ``prefix`` of the store; ``source`` says how the file is read. ``on_end`` is called once, when
    the stream holds nothing any more.
    """

    def __init__(
        self,
        objects: Objects,
        request_id: str,
        key: str,
        source: Source,
        *,
        prefix: str,
        on_end: Callable[[], None],
    ) -> None:
        self.request_id = request_id
        self.key = key
        self.source = source
        self._sha256 = hashlib.sha256()
        self._to_check, checked = anyio.create_memory_object_stream[bytes](_WAITING)
        self._to_store, stored = anyio.create_memory_object_stream[bytes](_WAITING)
        self._commit: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._check = asyncio.create_task(_checked(checked, source))
        self._store = asyncio.create_task(self._stored(objects, prefix + key, stored))
        self._on_end = on_end
        self._ended = False

    async def write(self, piece: bytes) -> None:
        """Pass a piece on, as fast as check and store take it. Raises GatewayError."""
        self._sha256.update(piece)
        # The check may have ended: it has seen enough rows, or refuses the file.
        with suppress(anyio.BrokenResourceError):
            await self._to_check.send(piece)
        try:
            await self._to_store.send(piece)
        except anyio.BrokenResourceError:
            await asyncio.shield(self._store)

    async def refusal(self) -> InputRefused | None:
        """Wait until the check has ended; return why it refuses the file, if it does."""
        await asyncio.wait({self._check})
        error = self._check.exception()
        return error if isinstance(error, InputRefused) else None

    async def facts(self) -> CsvFacts:
        """Return what was found, once everything has arrived. Raises InputRefused."""
        self._close()
        facts = await asyncio.shield(self._check)
        return replace(facts, sha256=self._sha256.hexdigest())

    async def commit(self) -> None:
        """Complete the object. Raises GatewayError."""
        self._close()
        if not self._commit.done():
            self._commit.set_result(True)
        try:
            await asyncio.shield(self._store)
        finally:
            await self.abort()

    @property
    def committed(self) -> bool:
        """Whether the object may exist."""
        return self._commit.done() and self._commit.result()

    async def abort(self) -> None:
        """End the stream: without an object, unless it was committed. Raises nothing."""
        self._close()
        if not self._commit.done():
            self._commit.set_result(False)
        await asyncio.shield(asyncio.gather(self._check, self._store, return_exceptions=True))
        if not self._ended:
            self._ended = True
            self._on_end()

    def _close(self) -> None:
        self._to_check.close()
        self._to_store.close()

    async def _stored(
        self, objects: Objects, key: str, pieces: MemoryObjectReceiveStream[bytes]
    ) -> None:
        async def until_committed() -> AsyncIterator[bytes]:
            async for piece in pieces:
                yield piece
            if not await self._commit:
                raise _Aborted

        with pieces:
            await objects.put_stream(key, until_committed())


async def _checked(pieces: MemoryObjectReceiveStream[bytes], source: Source) -> CsvFacts:
    with pieces:
        pipe = _Pipe(pieces)
        # A thread of its own: it waits for the client, and must hold out no other check.
        threads = anyio.CapacityLimiter(1)
        return await anyio.to_thread.run_sync(
            check_stream, cast(BinaryIO, pipe), source, pipe.taken, limiter=threads
        )


class _Pipe:
    """Pieces as a file that a thread reads."""

    def __init__(self, pieces: MemoryObjectReceiveStream[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""
        self._taken = 0

    def taken(self) -> int:
        """Return the number of bytes that were read."""
        return self._taken

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes, waiting for them; none at the end."""
        if not self._rest:
            try:
                self._rest = anyio.from_thread.run(self._pieces.receive)
            except anyio.EndOfStream:
                return b""
        found = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(found) :]
        self._taken += len(found)
        return found
