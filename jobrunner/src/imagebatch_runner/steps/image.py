"""One URL, from the network to the compressed image: fetch, look at the header, have it compressed.

An image's bytes count against the byte budget until they are stored, its pixels against the pixel
budget while a decoder works on it. Large images wait for their turn, so memory has a limit whatever
the shard holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256

from imagebatch_core.formats import Kind, kind_of
from imagebatch_core.results import StoredOutput
from imagebatch_core.spec import Output
from imagebatch_runner.budget import Budget
from imagebatch_runner.codec.formats import FORMATS
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.sniff import Sniffed, sniff
from imagebatch_runner.content import Content
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.fetch.attempt import Fetched
from imagebatch_runner.fetch.claims import Claim
from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.validators import Validators
from imagebatch_runner.memory import weight
from imagebatch_runner.settings import Settings
from imagebatch_runner.workers.decoders import Compressed, DecoderPool


@dataclass(frozen=True, slots=True)
class Answer:
    """What fetching a source told: attempts made, the last answer's status, its validators."""

    attempts: int
    http_status: int | None
    validators: Validators


@dataclass(frozen=True, slots=True)
class NewImage:
    """A source that was fetched, ``bytes_in`` bytes long, and compressed."""

    compressed: Compressed
    bytes_in: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class UnchangedImage:
    """A source that is still what an earlier batch compressed; nothing was decoded."""

    answer: Answer


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
        # As many turns as decoders: an image waits for the byte budget only when it is its turn.
        self._turns = asyncio.Semaphore(settings.shares.decoders)

    @asynccontextmanager
    async def image(
        self, url: str, earlier: StoredOutput | None = None, claim: Claim | None = None
    ) -> AsyncIterator[NewImage | UnchangedImage]:
        """Fetch and compress a URL, unless it is still what an ``earlier`` batch compressed.

        The output's bytes count against the byte budget until the end of the block. ``claim`` is
        taken before the host is asked.

        Raises:
            ImageFailed: with ``attempts`` and, when the host answered, ``http_status``.
        """
        known = None if earlier is None else Validators.recorded(earlier)
        async with self._fetcher.fetched(url, known, claim=claim) as fetched:
            answer = Answer(fetched.attempts, fetched.http_status, fetched.validators)
            if earlier is None or not await _is_unchanged(fetched, earlier):
                yield await self._compressed(fetched, answer)
            elif fetched.not_modified and known is not None:
                yield UnchangedImage(replace(answer, validators=known))
            else:
                yield UnchangedImage(answer)

    async def _compressed(self, fetched: Fetched, answer: Answer) -> NewImage:
        try:
            found = sniffed(fetched.content, max_pixels=self._max_pixels)
            held = pixels_at_once(found, fetched.content, self._options)
            async with self._pixels.hold(held), self._turns:
                await fetched.hold.settled()
                compressed = await self._decoders.compress(
                    fetched.content, found.kind, self._options
                )
        except ImageFailed as failure:
            failure.attempts = fetched.attempts
            failure.http_status = fetched.http_status
            raise
        # An output in another format may be larger than its input.
        fetched.hold.grow(max(0, len(compressed.data) - fetched.content.size))
        return NewImage(compressed, fetched.content.size, answer)


def sniffed(content: Content, *, max_pixels: int) -> Sniffed:
    """As :func:`sniff`; the pieces of a JPEG are joined only if the first do not tell its size."""
    if kind_of(content.head) is Kind.JPEG:
        found = sniff(content.head, max_pixels=max_pixels)
        if found.pixels is not None:
            return found
    return sniff(content.whole(), max_pixels=max_pixels)


def pixels_at_once(found: Sniffed, content: Content, options: CodecOptions) -> int:
    """How many pixels of the budget the image takes up while it is decoded and encoded.

    All frames count where the output may be animated, and each pixel counts for more where the
    output's encoder needs more memory. An unknown number counts as the largest that is allowed.
    """
    target = FORMATS[options.target(found.kind)]
    pixels = weight(found.pixels or options.max_pixels, target.bytes_per_pixel)
    if not target.animates:
        return pixels
    counted = FORMATS[found.kind].frames(content.whole(), options.max_frames)
    return pixels * (options.max_frames if counted is None else counted)


async def _is_unchanged(fetched: Fetched, earlier: StoredOutput) -> bool:
    """Unchanged if the host answers 304, otherwise if the SHA-256 is the same."""
    if fetched.not_modified:
        return True
    # In a thread, because hashing a large image would block all others.
    digest = await asyncio.to_thread(_sha256, fetched.content)
    return digest == earlier.source_sha256


def _sha256(content: Content) -> str:
    digest = sha256()
    for piece in content.pieces:
        digest.update(piece)
    return digest.hexdigest()


def codec_options(output: Output, settings: Settings) -> CodecOptions:
    """Every field of the batch's output under its own name, and the runner's limits.

    Raises:
        TypeError: the output has a field that the codec does not know.
    """
    return CodecOptions(
        **output.model_dump(mode="json"),
        max_pixels=settings.max_pixels,
        max_frames=settings.max_frames,
    )
