"""Read a body within its size limit, and decompress it if the host compressed it unasked."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from imagebatch_core.results import ErrorCode
from imagebatch_runner.content import Content
from imagebatch_runner.failures import ImageFailed

from .pace import Pace

if TYPE_CHECKING:
    import aiohttp

_CHUNK = 256 * 1024
#: ``wbits`` of zlib: detect a zlib or gzip header; or expect no header.
_AUTOMATIC = 47
_NO_HEADER = -15
#: A gzip body is one member or several (RFC 1952, 2.2), each of which begins with these bytes.
_GZIP = b"\x1f\x8b"
#: Members after the first one. Each costs a copy of the rest of the body.
_MOST_MEMBERS = 16


def declared_length(response: aiohttp.ClientResponse, limit: int) -> int | None:
    """Return the body's ``Content-Length`` in bytes; ``None`` if it is missing or the body is
    compressed, because that length says little about the unpacked size.

    Raises:
        ImageFailed: the length is over ``limit``; nothing of the body was read.
    """
    length = response.content_length
    if length is not None and length > limit:
        raise too_long(limit)
    return length if _encoding(response) is None else None


async def read(response: aiohttp.ClientResponse, limit: int, pace: Pace) -> Content:
    """Read the whole body, at most ``limit`` bytes, and return it; report each piece to ``pace``.

    Raises:
        ImageFailed: the body is longer than ``limit``, or its compression is broken.
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
    chunks.clear()  # they would be a third copy while the body is unpacked
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
    """Return the decompressed body: some hosts compress it although the request forbids that.

    A decompression bomb is stopped at ``limit`` bytes.
    """
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ImageFailed(ErrorCode.UNSUPPORTED_FORMAT, f"content encoding {encoding[:40]}")
    inflater = zlib.decompressobj(_AUTOMATIC)
    try:
        try:
            data = inflater.decompress(body, limit + 1)
        except zlib.error:
            if encoding != "deflate":
                raise
            # Many hosts leave out the zlib header that RFC 9110, 8.4.1.2 requires.
            inflater = zlib.decompressobj(_NO_HEADER)
            data = inflater.decompress(body, limit + 1)
        for _ in range(_MOST_MEMBERS):
            if not (inflater.eof and inflater.unused_data.startswith(_GZIP) and len(data) <= limit):
                break
            rest, inflater = inflater.unused_data, zlib.decompressobj(_AUTOMATIC)
            data += inflater.decompress(rest, limit + 1 - len(data))
    except zlib.error as error:
        raise ImageFailed(ErrorCode.CORRUPT, f"broken {encoding} encoding") from error
    if len(data) > limit:
        raise too_long(limit)
    if not inflater.eof or inflater.unused_data.startswith(_GZIP):
        raise ImageFailed(ErrorCode.INCOMPLETE_BODY, f"the {encoding} encoding ends too early")
    return data
