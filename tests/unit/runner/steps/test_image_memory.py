"""Whether large images wait for their turn, with real files and real decoders."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from imagebatch_core.formats import Kind
from imagebatch_core.results import ErrorCode
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.content import Content
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.fetch.attempt import COPIES
from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.local_files import LocalFiles
from imagebatch_runner.fetch.web import open_session
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.image import ImageWork, NewImage
from imagebatch_runner.workers.decoders import Compressed, DecoderPool
from support.pictures import encoded, jpeg, photo

MILLION = 1_000_000


class Watched(DecoderPool):
    """Notes how many bytes are with decoders at once, by their images' sizes."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers, timeout=60, memory=0)
        self.now: list[int] = []
        self.most_images = 0
        self.most_bytes = 0

    async def compress(self, content: Content, kind: Kind, options: CodecOptions) -> Compressed:
        self.now.append(content.size)
        self.most_images = max(self.most_images, len(self.now))
        self.most_bytes = max(self.most_bytes, sum(self.now))
        try:
            return await super().compress(content, kind, options)
        finally:
            self.now.remove(content.size)


async def through(
    folder: Path, names: list[str], settings: Settings, pool: Watched, options: CodecOptions
) -> list[NewImage]:
    """All files at once, each held for a moment as if it were being stored."""
    async with open_session(settings) as session:
        fetcher = Fetcher(session, settings, 0, files=LocalFiles(folder))
        work = ImageWork(fetcher, pool, options, settings)

        async def one(name: str) -> NewImage:
            async with work.image(name) as done:
                await asyncio.sleep(0.01)
            assert isinstance(done, NewImage)
            return done

        return await asyncio.gather(*map(one, names))


@pytest.mark.slow
async def test_large_images_are_decoded_alone_and_small_ones_together(tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(jpeg(size=(2000, 1500)))
    (tmp_path / "small.jpg").write_bytes(jpeg(size=(1000, 800)))
    settings = Settings(pixels_in_flight=5 * MILLION, decoders=4)
    async with Watched(4) as pool:
        await through(tmp_path, ["large.jpg"] * 4, settings, pool, CodecOptions())
        assert pool.most_images == 1
    async with Watched(4) as pool:
        await through(tmp_path, ["small.jpg"] * 8, settings, pool, CodecOptions())
        assert 2 <= pool.most_images <= 6


async def test_bytes_of_images_stay_within_their_budget(tmp_path: Path) -> None:
    data = jpeg(size=(400, 300))
    (tmp_path / "a.jpg").write_bytes(data)
    settings = Settings(bytes_in_flight=3 * COPIES * len(data), decoders=8)
    async with Watched(8) as pool:
        await through(tmp_path, ["a.jpg"] * 20, settings, pool, CodecOptions())
    assert pool.most_bytes <= 3 * len(data)


async def test_outputs_that_are_larger_than_their_inputs_hold_up_the_next(tmp_path: Path) -> None:
    """As a smaller PNG a JPEG grows; while it waits for the store, nothing more is decoded."""
    data = encoded(photo(size=(600, 400)), "JPEG", quality=30)
    (tmp_path / "a.jpg").write_bytes(data)
    settings = Settings(bytes_in_flight=4 * COPIES * len(data), decoders=1)
    first, stored = asyncio.Event(), asyncio.Event()
    async with Watched(1) as pool, open_session(settings) as session:
        fetcher = Fetcher(session, settings, 0, files=LocalFiles(tmp_path))
        work = ImageWork(fetcher, pool, CodecOptions(format="png", max_width=590), settings)
        outputs: list[NewImage] = []

        async def one() -> None:
            async with work.image("a.jpg") as done:
                assert isinstance(done, NewImage)
                outputs.append(done)
                first.set()
                await stored.wait()

        tasks = [asyncio.create_task(one()) for _ in range(4)]
        await first.wait()
        await asyncio.sleep(0.3)
        assert len(outputs[0].compressed.data) > settings.shares.bytes_in_flight
        assert (len(outputs), pool.now) == (1, [])
        stored.set()
        await asyncio.gather(*tasks)
        assert len(outputs) == 4


async def test_a_failed_image_gives_its_bytes_back(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(jpeg()[:2000])
    settings = Settings(bytes_in_flight=2000 * COPIES)
    async with Watched(1) as pool, open_session(settings) as session:
        fetcher = Fetcher(session, settings, 0, files=LocalFiles(tmp_path))
        work = ImageWork(fetcher, pool, CodecOptions(), settings)
        for _ in range(3):
            with pytest.raises(ImageFailed) as caught:
                async with asyncio.timeout(30), work.image("bad.jpg"):
                    raise AssertionError("it decodes")
            assert caught.value.code is ErrorCode.CORRUPT
