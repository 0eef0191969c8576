"""Compress one image as a shard does: sniff it here, decode it in a real worker."""

from __future__ import annotations

from typing import Any

from imagebatch_core.results import ErrorCode
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.sniff import sniff
from imagebatch_runner.content import Content
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.workers.decoders import Compressed, DecoderPool


async def ended(pool: DecoderPool, data: bytes, **options: Any) -> Compressed | ErrorCode:
    """Return the compressed image, or the error code if it failed."""
    chosen = CodecOptions(**options)
    try:
        found = sniff(data, max_pixels=chosen.max_pixels)
        return await pool.compress(Content([data]), found.kind, chosen)
    except ImageFailed as failure:
        return failure.code
