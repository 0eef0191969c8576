"""What a step opens to fetch and compress images: the HTTP session, S3 and the decoders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.s3_images import S3Images
from imagebatch_runner.fetch.web import open_session
from imagebatch_runner.workers.decoders import DecoderPool

from .batch import Batch
from .image import ImageWork, codec_options


@dataclass(frozen=True, slots=True)
class ImageTools:
    """The opened tools; ``work`` uses the other two."""

    fetcher: Fetcher
    decoders: DecoderPool
    work: ImageWork


@asynccontextmanager
async def image_tools(batch: Batch, retries: int) -> AsyncIterator[ImageTools]:
    """Open the tools for the block; ``retries`` is the number of retries of each image."""
    settings = batch.settings
    async with (
        open_session(settings, batch.credentials) as session,
        _s3_images(batch) as s3,
        DecoderPool(
            settings.shares.decoders,
            timeout=settings.decoder_seconds,
            memory=settings.shares.decoder_memory,
        ) as decoders,
    ):
        fetcher = Fetcher(session, settings, retries, s3=s3, files=batch.files)
        options = codec_options(batch.job.output, settings)
        yield ImageTools(fetcher, decoders, ImageWork(fetcher, decoders, options, settings))


def _s3_images(batch: Batch) -> AbstractAsyncContextManager[S3Images | None]:
    return nullcontext() if batch.s3 is None else S3Images(batch.s3, batch.settings)
