"""Process one URL: fetch the image, read its header, and let a decoder compress it.

An image's bytes count against the byte budget until its output is stored, its pixels against the
pixel budget while a decoder works on it. Large images wait for their turn, so memory is limited
whatever the shard holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

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

from .backlog import Backlog

#: Images that wait for each decoder before further requests wait: enough for a decoder to go on
#: while the next images are fetched.
_WAIT_PER_DECODER: Final = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of fetching a source: number of attempts, and status and validators of the last
    response."""

    attempts: int
    http_status: int | None
    validators: Validators


@dataclass(frozen=True, slots=True)
class NewImage:
    """A source of ``bytes_in`` bytes and format ``kind`` that was fetched and compressed."""

    compressed: Compressed
    source: Content
    kind: Kind
    answer: Answer

    @property
    def bytes_in(self) -> int:
        return self.source.size


@dataclass(frozen=True, slots=True)
class UnchangedImage:
    """A source that has not changed since an earlier batch compressed it; it was not decoded."""

    answer: Answer


class ImageWork:
    """Fetches and compresses the distinct URLs of one shard.

    ``backlog`` is of the images that wait for a decoder.
    """

    def __init__(
        self, fetcher: Fetcher, decoders: DecoderPool, options: CodecOptions, settings: Settings
    ) -> None:
        self._fetcher = fetcher
        self._decoders = decoders
        self._options = options
        self._max_pixels = settings.max_pixels
        self._pixels = Budget(settings.shares.pixels_in_flight)
        # There are as many turns as decoders: an image waits for the byte budget only in its turn.
        self._turns = asyncio.Semaphore(settings.shares.decoders)
        self.backlog = Backlog(_WAIT_PER_DECODER * settings.shares.decoders)

    @asynccontextmanager
    async def image(
        self, url: str, earlier: StoredOutput | None = None, claim: Claim | None = None
    ) -> AsyncIterator[NewImage | UnchangedImage]:
        """Fetch and compress a URL, unless it is unchanged since the ``earlier`` output was made.

        The output's bytes count against the byte budget until the end of the block. ``claim`` is
        taken before the request is sent.

        Raises:
            ImageFailed: with ``attempts`` and, if the host responded, ``http_status``.
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
            async with AsyncExitStack() as turn:
                with self.backlog.waiting():
                    await turn.enter_async_context(self._pixels.hold(held))
                    await turn.enter_async_context(self._turns)
                await fetched.hold.settled()
                compressed = await self._decoders.compress(
                    fetched.content, found.kind, self._options
                )
        except ImageFailed as failure:
            failure.attempts = fetched.attempts
            failure.http_status = fetched.http_status
            raise
        # An output may be larger than an input that is over the width or height limit.
        fetched.hold.grow(max(0, len(compressed.data) - fetched.content.size))
        return NewImage(compressed, fetched.content, found.kind, answer)


def sniffed(content: Content, *, max_pixels: int) -> Sniffed:
    """Detect format and size with :func:`sniff`.

    The pieces of a JPEG are joined only if the first ones do not contain its size.
    """
    if kind_of(content.head) is Kind.JPEG:
        found = sniff(content.head, max_pixels=max_pixels)
        if found.pixels is not None:
            return found
    return sniff(content.whole(), max_pixels=max_pixels)


def pixels_at_once(found: Sniffed, content: Content, options: CodecOptions) -> int:
    """Return how much of the pixel budget the image takes while it is decoded and encoded.

    If the output may be animated, all frames count. If the output's encoder needs more memory, each
    pixel counts for more. An unknown number counts as the largest that is allowed.
    """
    target = FORMATS[options.target(found.kind)]
    pixels = weight(found.pixels or options.max_pixels, target.bytes_per_pixel)
    if not target.animates:
        return pixels
    counted = FORMATS[found.kind].frames(content.whole(), options.max_frames)
    return pixels * (options.max_frames if counted is None else counted)


async def _is_unchanged(fetched: Fetched, earlier: StoredOutput) -> bool:
    """Return whether the host responded 304 or, otherwise, whether the SHA-256 is the same."""
    if fetched.not_modified:
        return True
    # Hash in a thread, because hashing a large image would block all other images.
    digest = await asyncio.to_thread(_sha256, fetched.content)
    return digest == earlier.source_sha256


def _sha256(content: Content) -> str:
    digest = sha256()
    for piece in content.pieces:
        digest.update(piece)
    return digest.hexdigest()


def codec_options(output: Output, settings: Settings) -> CodecOptions:
    """Return the codec's options: all fields of the batch's output, and the runner's limits.

    Raises:
        TypeError: the output has a field that the codec does not know.
    """
    return CodecOptions(
        **output.model_dump(mode="json"),
        max_pixels=settings.max_pixels,
        max_frames=settings.max_frames,
    )
