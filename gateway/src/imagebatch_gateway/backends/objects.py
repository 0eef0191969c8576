"""Access to the object store.

Only ResultMissing, ResultUnreadable and StoreUnavailable leave this module.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError, NotFoundError

from imagebatch_core.store import ObjectStore
from imagebatch_gateway import metrics

from .errors import ResultMissing, ResultUnreadable, StoreUnavailable
from .stores import Stores

if TYPE_CHECKING:
    from obstore import ObjectMeta

#: Bytes read from the store in one request. A large object is read in pieces, because the store's
#: time limit for one request would otherwise cut off a slow reader.
PIECE: Final = 4 * 1024 * 1024
#: Time limit in seconds for reading one piece, or for one listing.
SECONDS: Final = 30.0


#: The largest document that is read whole, in bytes. Who holds the key pair of a namespace may put
#: any object there, and the gateway serves other namespaces as well. The documents of a batch of
#: ten million images are far smaller.
LARGEST_DOCUMENT: Final = 64 * 1024 * 1024
#: Parts of an object, of 5 MiB each, that are sent at the same time. The default would hold 60 MiB.
_PARTS_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened object: its size in bytes, its ETag with quotes, and its content in chunks."""

    size: int
    etag: str | None
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Stat:
    """Size of an object in bytes, and its ETag with quotes."""

    size: int
    etag: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a listing; ``version`` is another text after each overwrite."""

    key: str
    version: str


@dataclass(frozen=True, slots=True)
class Range:
    """A piece of an object. ``size`` is the size of the whole object in bytes."""

    content: bytes
    size: int


class Objects:
    """Reads and writes objects. Its methods raise ResultMissing and StoreUnavailable, and ``read``
    also ResultUnreadable, nothing else."""

    def __init__(self, store: ObjectStore | Stores) -> None:
        self._stores = store if isinstance(store, Stores) else Stores(store)

    def put_file(self, key: str, file: IO[bytes]) -> None:
        """Store a file, from its current position to its end. Blocks: call it in a thread."""
        with _translated(key):
            obstore.put(self._stores.of(key), key, file, max_concurrency=_PARTS_AT_ONCE)

    async def put_stream(self, key: str, pieces: AsyncIterator[bytes]) -> None:
        """Store pieces as they come, in a multipart upload that ends when they do.

        An exception that ``pieces`` raises ends the upload without an object, and is raised here.
        Do not cancel this call: the upload would be left unfinished.
        """
        with _translated(key):
            store = self._stores.of(key)
            await obstore.put_async(store, key, pieces, max_concurrency=_PARTS_AT_ONCE)

    async def delete(self, key: str) -> None:
        async with _time_limit(key):
            await obstore.delete_async(self._stores.of(key), key)

    async def read(self, key: str, *, at_most: int = LARGEST_DOCUMENT) -> bytes:
        """Return the whole content of an object.

        Raises ResultUnreadable for an object of more than ``at_most`` bytes, of which nothing is
        kept.
        """
        async with _time_limit(key):
            result = await obstore.get_async(self._stores.of(key), key)
            if result.meta["size"] > at_most:
                raise ResultUnreadable(key)
            return bytes(await result.bytes_async())

    async def size(self, key: str) -> int:
        """Return the size of an object in bytes."""
        async with _time_limit(key):
            return (await obstore.head_async(self._stores.of(key), key))["size"]

    async def read_piece(self, key: str, start: int) -> bytes:
        """Return at most :data:`PIECE` bytes from offset ``start``, which must be within the
        object."""
        async with _time_limit(key):
            return bytes(
                await obstore.get_range_async(self._stores.of(key), key, start=start, length=PIECE)
            )

    async def read_range(self, key: str, start: int, length: int) -> Range:
        """Return at most ``length`` bytes from offset ``start``, which must be within the
        object."""
        async with _time_limit(key):
            result = await obstore.get_async(
                self._stores.of(key), key, options={"range": (start, start + length)}
            )
            return Range(bytes(await result.bytes_async()), result.meta["size"])

    async def list_after(self, prefix: str, after: str | None, *, limit: int) -> list[str]:
        """Return the first ``limit`` keys under a prefix, sorted; only those after the key
        ``after``, if it is given."""
        keys: list[str] = []
        async with _time_limit(prefix):
            async for chunk in obstore.list(
                self._stores.of(prefix), prefix, offset=after, chunk_size=min(limit, 1000)
            ):
                keys.extend(item["path"] for item in chunk)
                if len(keys) >= limit:
                    break
        return sorted(keys)[:limit]

    async def list_versions(
        self, prefix: str, after: str | None, *, limit: int
    ) -> list[Listed] | None:
        """Return the objects under a prefix whose keys sort after ``after`` (if any).

        The result is ``None`` if there are more than ``limit``.
        """
        found: list[Listed] = []
        async with _time_limit(prefix):
            async for chunk in obstore.list(
                self._stores.of(prefix), prefix, offset=after, chunk_size=1000
            ):
                found += [Listed(one["path"], _version(one)) for one in chunk]
                if len(found) > limit:
                    return None
        return found

    async def stat(self, key: str) -> Stat:
        """Return size and ETag of an object, without reading its content."""
        async with _time_limit(key):
            meta = await obstore.head_async(self._stores.of(key), key)
        return Stat(meta["size"], meta["e_tag"])

    def pieces(self, key: str, etag: str | None, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` to before ``end``.

        The iteration fails if the object no longer has this ETag.
        """
        return self._pieces(key, etag, start, end)

    def signed_url(self, key: str, method: str, headers: Mapping[str, str]) -> str | None:
        """Return a presigned URL for a caller; ``None`` if callers are not redirected.

        The store sends those of ``headers`` that say type, name and caching.
        """
        return self._stores.signed_url(key, method, headers)

    @property
    def redirects_to(self) -> str | None:
        """The URL below which callers are redirected; ``None`` if they are not."""
        redirects = self._stores.redirects
        return redirects.bucket.base() if redirects is not None else None

    async def open(self, key: str) -> Opened:
        """Open an object for streaming. At most one piece of it is in memory at a time."""
        async with _time_limit(key):
            result = await obstore.get_async(self._stores.of(key), key)
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
                # If the object is replaced in between, pieces of both versions must not be mixed.
                piece = await obstore.get_async(
                    self._stores.of(key),
                    key,
                    options={"range": (start, min(start + PIECE, end)), "if_match": etag},
                )
                content = bytes(await piece.bytes_async())
            yield content

    async def list_keys(self, prefix: str, *, limit: int) -> list[str] | None:
        """Return all keys under a prefix, sorted; ``None`` if there are more than ``limit``."""
        keys: list[str] = []
        async with _time_limit(prefix):
            async for chunk in obstore.list(self._stores.of(prefix), prefix, chunk_size=1000):
                keys.extend(item["path"] for item in chunk)
                if len(keys) > limit:
                    return None
        return sorted(keys)

    async def check(self, prefix: str, *, seconds: float) -> None:
        """Test the store with one list request, which fails on a wrong address, key or bucket."""
        async with _time_limit(prefix, seconds):
            async for _ in obstore.list(self._stores.of(prefix), prefix, chunk_size=1):
                break


def _version(meta: ObjectMeta) -> str:
    return f"{meta['e_tag']}-{meta['last_modified'].isoformat()}-{meta['size']}"


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


@asynccontextmanager
async def _time_limit(key: str, seconds: float = SECONDS) -> AsyncIterator[None]:
    # TimeoutError is an OSError, so _translated turns it into StoreUnavailable.
    with _translated(key):
        async with asyncio.timeout(seconds):
            yield


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
        metrics.STORE.labels("ok").inc()
    except (NotFoundError, FileNotFoundError) as error:
        metrics.STORE.labels("missing").inc()
        raise ResultMissing(key) from error
    except (BaseError, OSError) as error:
        metrics.STORE.labels("failed").inc()
        # The vendor's text contains the endpoint and the whole response. It is logged as the cause
        # of this error, and never sent to the caller.
        raise StoreUnavailable("the object store does not answer or refuses the request") from error
