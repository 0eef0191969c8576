"""One image as a shard does it, from bytes to bytes: sniffed here, decoded in a real worker."""

from __future__ import annotations

from typing import Any

from imagebatch_core.results import ErrorCode
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.sniff import sniff
from imagebatch_runner.content import Content
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.workers.decoders import Compressed, DecoderPool


async def ended(pool: DecoderPool, data: bytes, **options: Any) -> Compressed | ErrorCode:
    """What came of it, with whatever codecs are installed."""
    chosen = CodecOptions(**options)
    try:
        found = sniff(data, max_pixels=chosen.max_pixels)
        return await pool.compress(Content([data]), found.kind, chosen)
    except ImageFailed as failure:
        return failure.code
