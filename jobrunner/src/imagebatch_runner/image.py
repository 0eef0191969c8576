"""One URL, from the network to what is stored: fetch, sniff, decode and encode in a worker.

The bytes stay on the byte budget, and the pixels on the pixel budget, for just as long as they
are held.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256

from imagebatch_core.resource import Format, Metadata, Output, Profile
from imagebatch_core.results import Earlier

from .budget import Budget
from .codec import CodecOptions
from .decoders import Compressed, DecoderPool
from .failures import ImageFailed
from .fetch import Fetched, Fetcher
from .settings import Settings
from .sniff import sniff
from .unrecorded import Claim
from .validators import Validators

#: Weight of an image whose header does not tell its size, pixels.
_UNKNOWN_PIXELS = 25_000_000


@dataclass(frozen=True, slots=True)
class Done:
    """``bytes_in`` is the size of what was fetched."""

    compressed: Compressed
    bytes_in: int
    attempts: int
    http_status: int | None
    validators: Validators


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The source is what it was when an earlier batch took it; nothing was decoded."""

    attempts: int
    http_status: int | None
    validators: Validators


class ImageWork:
    """What one shard does to each distinct URL."""

    def __init__(
        self, fetcher: Fetcher, decoders: DecoderPool, options: CodecOptions, settings: Settings
    ) -> None:
        self._fetcher = fetcher
        self._decoders = decoders
        self._options = options
        self._max_pixels = settings.max_pixels
        self._pixels = Budget(settings.shares.pixels_in_flight)

    async def do(self, url: str, claim: Claim | None = None) -> Done:
        """Fetch and compress; ``claim`` is taken before the host is asked.

        Raises:
            ImageFailed: with ``attempts`` and, when the host answered, ``http_status``.
        """
        async with self._fetcher.fetched(url, claim=claim) as fetched:
            return await self._compressed(fetched)

    async def do_if_changed(
        self, url: str, earlier: Earlier | None, claim: Claim | None = None
    ) -> Done | Unchanged:
        """As :meth:`do`, unless the source is still the one that an earlier batch took."""
        if earlier is None:
            return await self.do(url, claim)
        known = Validators.recorded(earlier)
        async with self._fetcher.fetched(url, known, claim=claim) as fetched:
            if await _same_source(fetched, earlier):
                validators = known if fetched.not_modified else fetched.validators
                return Unchanged(fetched.attempts, fetched.http_status, validators)
            return await self._compressed(fetched)

    async def _compressed(self, fetched: Fetched) -> Done:
        try:
            found = sniff(fetched.data, max_pixels=self._max_pixels)
            async with self._pixels.hold(found.pixels or _UNKNOWN_PIXELS):
                compressed = await self._decoders.compress(fetched.data, found.kind, self._options)
        except ImageFailed as failure:
            failure.attempts = fetched.attempts
            failure.http_status = fetched.http_status
            raise
        return Done(
            compressed,
            len(fetched.data),
            fetched.attempts,
            fetched.http_status,
            fetched.validators,
        )


async def _same_source(fetched: Fetched, earlier: Earlier) -> bool:
    """By the host's word, else by the bytes."""
    if fetched.not_modified:
        return True
    # In a thread: a large image would hold up every other one.
    digest = await asyncio.to_thread(sha256, fetched.data)
    return digest.hexdigest() == earlier.source_sha256


def codec_options(output: Output, settings: Settings) -> CodecOptions:
    """The batch's output and the runner's limits as the codec takes them."""
    return CodecOptions(
        format="original" if output.format is Format.ORIGINAL else output.format.value,
        quality=output.quality,
        small=output.profile is Profile.SMALL,
        max_width=output.max_width,
        max_height=output.max_height,
        keep_metadata=output.metadata is Metadata.KEEP,
        max_pixels=settings.max_pixels,
        max_frames=settings.max_frames,
    )
