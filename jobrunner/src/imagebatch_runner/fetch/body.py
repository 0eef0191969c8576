"""A body read within its limit, undone from a compression that nobody asked for."""

from __future__ import annotations

import zlib

import aiohttp

from imagebatch_core.results import ErrorCode
from imagebatch_runner.content import Content
from imagebatch_runner.failures import ImageFailed

from .pace import Pace

_CHUNK = 256 * 1024
#: ``wbits`` of zlib: a zlib or gzip header, whichever is there; or none.
_AUTOMATIC = 47
_NO_HEADER = -15


def declared_length(response: aiohttp.ClientResponse, limit: int) -> int | None:
    """Bytes of the body by its ``Content-Length``; ``None`` when there is none, or the body is
    compressed, so that the length tells little of what it unpacks to.

    Raises:
        ImageFailed: it is over the limit, so that nothing is read at all.
    """
    length = response.content_length
    if length is not None and length > limit:
        raise too_long(limit)
    return length if _encoding(response) is None else None


async def read(response: aiohttp.ClientResponse, limit: int, pace: Pace) -> Content:
    """The whole body, at most ``limit`` bytes; ``pace`` is told of each piece.

    Raises:
        ImageFailed: it is longer, or a compression of it is broken.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise too_long(limit)
        pace.received(len(chunk))
        chunks.append(chunk)
    encoding = _encoding(response)
    if encoding is None:
        return Content(chunks)
    body = b"".join(chunks)
    chunks.clear()  # a third copy, while it is unpacked
    return Content([_inflated(body, encoding, limit)])


def _encoding(response: aiohttp.ClientResponse) -> str | None:
    names = ",".join(response.headers.getall("Content-Encoding", [])).lower().split(",")
    encodings = [name for part in names if (name := part.strip()) not in ("", "identity")]
    return ", ".join(encodings) or None


def too_long(limit: int) -> ImageFailed:
    return ImageFailed(
        ErrorCode.TOO_MANY_BYTES, f"larger than the limit of {limit / (1 << 20):g} MiB"
    )


def _inflated(body: bytes, encoding: str, limit: int) -> bytes:
    """Some hosts compress whatever the request says; a bomb stops at ``limit``."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ImageFailed(ErrorCode.UNSUPPORTED_FORMAT, f"content encoding {encoding[:40]}")
    inflater = zlib.decompressobj(_AUTOMATIC)
    try:
        try:
            data = inflater.decompress(body, limit + 1)
        except zlib.error:
            if encoding != "deflate":
                raise
            # Many hosts leave out the zlib header that RFC 9110, 8.4.1.2 asks for.
            inflater = zlib.decompressobj(_NO_HEADER)
            data = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise ImageFailed(ErrorCode.CORRUPT, f"broken {encoding} encoding") from error
    if len(data) > limit:
        raise too_long(limit)
    if not inflater.eof:
        raise ImageFailed(ErrorCode.INCOMPLETE_BODY, f"the {encoding} encoding ends too early")
    return data
