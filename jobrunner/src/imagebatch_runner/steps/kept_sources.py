"""Keep the sources of a batch's sample, so that people can compare them with the outputs.

Nothing is decoded for it. A source that cannot be kept costs its preview, and never the image.
"""

from __future__ import annotations

import asyncio
import logging
from hashlib import sha256
from typing import Final

import yarl

from imagebatch_core.formats import NOT_IN_BROWSERS
from imagebatch_core.keys import BatchKeys
from imagebatch_core.previews import KeptByPod, KeptSource
from imagebatch_core.results import ImageResult
from imagebatch_core.spec import Metadata
from imagebatch_runner.fetch.credentials import Credentials
from imagebatch_runner.store.documents import to_json
from imagebatch_runner.store.storage import Storage
from imagebatch_runner.workers.decoders import DecoderPool

from .batch import Batch
from .image import NewImage
from .parts import Place

log = logging.getLogger(__name__)

#: Most bytes of all kept sources of a batch.
MOST_BYTES: Final = 32 << 20
#: Sources after which the document about them is written again.
_TOLD_EVERY: Final = 8
#: Seconds that a source waits for the store.
PATIENCE: Final = 10.0


class KeptSources:
    """Stores the sources of the images at ``places``; ``decoders`` remove their metadata.

    ``alone`` says that the batch has no other shard, so that no other pod keeps sources. The
    document at ``key`` tells which sources are kept; it is complete after :meth:`close`.
    """

    def __init__(
        self,
        batch: Batch,
        places: frozenset[Place],
        decoders: DecoderPool,
        key: str,
        *,
        alone: bool,
    ) -> None:
        self._keys: BatchKeys = batch.keys
        self._storage: Storage = batch.storage.within(PATIENCE)
        self._credentials = batch.credentials
        self._strips = batch.job.output.metadata is Metadata.STRIP
        self._places = places
        self._decoders = decoders
        self._full = False
        self._alone = alone
        self._key = key
        self._kept: list[KeptSource] = []
        self._told = 0
        self._own: int | None = None

    async def keep(self, image: NewImage, result: ImageResult) -> None:
        """Store the source of an image whose output is stored, if it is in the sample."""
        if (result.row, result.position) not in self._places or self._full:
            return
        shown = image.kind not in NOT_IN_BROWSERS and image.bytes_in <= MOST_BYTES
        if result.output_url is None or not shown:
            return
        try:
            if not needs_credentials(result.input_url, self._credentials):
                async with asyncio.timeout(PATIENCE):
                    await self._store(image, result)
        except Exception as error:  # noqa: BLE001 - no error here may fail the image
            log.info("a source is not kept: %s", str(error) or type(error).__name__)

    async def _store(self, image: NewImage, result: ImageResult) -> None:
        source = image.source
        data = await self._decoders.strip(source, image.kind) if self._strips else source.whole()
        digest = image.compressed.source_sha256
        if self._strips and data != source.whole():
            digest = await asyncio.to_thread(lambda: sha256(data).hexdigest())
        place = result.row, result.position
        key = self._keys.source(*place, digest, image.kind.extension)
        await self._storage.put_async(key, data)
        # Another pod may have stored one meanwhile: whoever sees too much takes its own back.
        if await self._total(len(data)) > MOST_BYTES:
            self._full = True
            await asyncio.to_thread(self._storage.delete, key)
            return
        made = image.compressed
        kept = KeptSource(
            row=result.row,
            position=result.position,
            source_key=key,
            output_url=result.output_url or "",
            width=made.width,
            height=made.height,
            bytes_in=image.bytes_in,
            bytes_out=len(made.data),
        )
        self._kept.append(kept)
        if len(self._kept) - self._told >= _TOLD_EVERY:
            await self._tell()

    async def close(self) -> None:
        """Store the document if it is not complete."""
        if len(self._kept) == self._told:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._tell()
        except Exception as error:  # noqa: BLE001 - no error here may fail the shard
            log.info("kept sources are not told: %s", str(error) or type(error).__name__)

    async def _tell(self) -> None:
        self._told = len(self._kept)
        await self._storage.put_async(self._key, to_json(KeptByPod(kept=tuple(self._kept))))

    async def _total(self, added: int) -> int:
        """Return the bytes of all kept sources of the batch, after ``added`` bytes were stored."""
        if self._alone and self._own is not None:
            self._own += added
            return self._own
        self._own = await asyncio.to_thread(self._storage.bytes_below, self._keys.sources)
        return self._own


def needs_credentials(url: str, credentials: Credentials) -> bool:
    """Return whether an image is fetched with credentials, as all in S3 are."""
    parts = yarl.URL(url, encoded=True)
    if parts.scheme not in ("http", "https"):
        return True
    return bool(credentials.headers(parts.scheme, parts.host or "", parts.port or 0))
