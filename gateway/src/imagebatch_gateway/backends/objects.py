"""The object store as the gateway uses it; vendor errors stop here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import IO, Final

import obstore
from obstore.exceptions import BaseError, NotFoundError

from imagebatch_core.store import ObjectStore

from .errors import ResultMissing, StoreUnavailable

#: Bytes asked for in one request. A slow reader of a large object must not meet the store's
#: time limit for one request, so the object is read piece by piece, each one whole.
PIECE: Final = 4 * 1024 * 1024
#: Time limit in seconds for reading one piece, or for one listing.
SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Opened:
    """An object that is ready to be sent: ``size`` in bytes, ``etag`` with its quotes."""

    size: int
    etag: str | None
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Stat:
    """``etag`` with its quotes."""

    size: int
    etag: str | None


@dataclass(frozen=True, slots=True)
class Range:
    """A piece of an object, and the size in bytes of the whole."""

    content: bytes
    size: int


class Objects:
    """Reads and writes objects. Raises only ResultMissing and StoreUnavailable."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put_file(self, key: str, file: IO[bytes]) -> None:
        """Store a file from its current position on. Blocks: call it in a thread."""
        with _translated(key):
            obstore.put(self._store, key, file)

    async def delete(self, key: str) -> None:
        async with _time_limit(key):
            await obstore.delete_async(self._store, key)

    async def read(self, key: str) -> bytes:
        """The content of a small object."""
        async with _time_limit(key):
            result = await obstore.get_async(self._store, key)
            return bytes(await result.bytes_async())

    async def size(self, key: str) -> int:
        """The size of an object in bytes."""
        async with _time_limit(key):
            return (await obstore.head_async(self._store, key))["size"]

    async def read_piece(self, key: str, start: int) -> bytes:
        """At most :data:`PIECE` bytes from ``start`` on, which must lie within the object."""
        async with _time_limit(key):
            return bytes(await obstore.get_range_async(self._store, key, start=start, length=PIECE))

    async def read_range(self, key: str, start: int, length: int) -> Range:
        """At most ``length`` bytes from ``start`` on, which must lie within the object."""
        async with _time_limit(key):
            result = await obstore.get_async(
                self._store, key, options={"range": (start, start + length)}
            )
            return Range(bytes(await result.bytes_async()), result.meta["size"])

    async def list_after(self, prefix: str, after: str | None, *, limit: int) -> list[str]:
        """The first keys under a prefix that sort after ``after`` (if any), at most ``limit``."""
        keys: list[str] = []
        async with _time_limit(prefix):
            async for chunk in obstore.list(
                self._store, prefix, offset=after, chunk_size=min(limit, 1000)
            ):
                keys.extend(item["path"] for item in chunk)
                if len(keys) >= limit:
                    break
        return sorted(keys)[:limit]

    async def stat(self, key: str) -> Stat:
        """Size and ETag of an object, without its content."""
        async with _time_limit(key):
            meta = await obstore.head_async(self._store, key)
        return Stat(meta["size"], meta["e_tag"])

    def pieces(self, key: str, etag: str | None, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to before ``end``, as long as the object has this ETag."""
        return self._pieces(key, etag, start, end)

    async def open(self, key: str) -> Opened:
        """Open an object for streaming; no more than one piece of it is in memory."""
        async with _time_limit(key):
            result = await obstore.get_async(self._store, key)
            meta = result.meta
            size, etag = meta["size"], meta["e_tag"]
            first = bytes(await result.bytes_async()) if size <= PIECE else None
        chunks = _once(first) if first is not None else self._pieces(key, etag, 0, size)
        return Opened(size, etag, chunks)

    async def _pieces(
        self, key: str, etag: str | None, first: int, end: int
    ) -> AsyncIterator[bytes]:
        for start in range(first, end, PIECE):
            async with _time_limit(key):
                # If the object is replaced meanwhile, its pieces must not be joined to ours.
                piece = await obstore.get_async(
                    self._store,
                    key,
                    options={"range": (start, min(start + PIECE, end)), "if_match": etag},
                )
                content = bytes(await piece.bytes_async())
            yield content

    async def list_keys(self, prefix: str, *, limit: int) -> list[str] | None:
        """Keys under a prefix, sorted; ``None`` when there are more than ``limit``."""
        keys: list[str] = []
        async with _time_limit(prefix):
            async for chunk in obstore.list(self._store, prefix, chunk_size=1000):
                keys.extend(item["path"] for item in chunk)
                if len(keys) > limit:
                    return None
        return sorted(keys)

    async def check(self, prefix: str, *, seconds: float) -> None:
        """Make one list request: it fails if address, credentials or bucket are wrong."""
        async with _time_limit(prefix, seconds):
            async for _ in obstore.list(self._store, prefix, chunk_size=1):
                break


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


@asynccontextmanager
async def _time_limit(key: str, seconds: float = SECONDS) -> AsyncIterator[None]:
    # The TimeoutError is an OSError: _translated makes it StoreUnavailable.
    with _translated(key):
        async with asyncio.timeout(seconds):
            yield


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise ResultMissing(key) from error
    except (BaseError, OSError) as error:
        # The vendor's text holds the endpoint and the whole answer. It reaches the log through
        # the chained exception, and never the caller.
        raise StoreUnavailable("the object store does not answer or refuses the request") from error
