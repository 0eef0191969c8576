"""The worker processes themselves, with images and with processes that end badly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imagebatch_core.formats import Kind
from imagebatch_core.results import ErrorCode
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.content import Content
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.workers.decoders import Compressed, DecoderPool
from support.pictures import decoded, encoded, jpeg, photo

MIB = 1 << 20
OPTIONS = CodecOptions()


async def compressed(pool: DecoderPool, data: bytes, kind: Kind) -> Compressed:
    return await pool.compress(Content([data]), kind, OPTIONS)


@pytest.fixture
async def pool() -> AsyncIterator[DecoderPool]:
    async with DecoderPool(2, timeout=20, memory=2048 * MIB) as made:
        yield made


def children() -> list[int]:
    """Decoders of this test process, which may well have other children."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123 - not a disk file
        return [pid for word in file.read().split() if is_decoder(pid := int(word))]


def is_decoder(pid: int) -> bool:
    """By what it was started as: between fork and exec it is none yet."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
        return b"\0imagebatch_runner.workers.worker\0" in file.read()
    return False


async def test_images_come_back_from_another_process(pool: DecoderPool) -> None:
    data = jpeg()
    results = await asyncio.gather(*(compressed(pool, data, Kind.JPEG) for _ in range(6)))
    assert len({result.sha256 for result in results}) == 1
    assert decoded(results[0].data).size == photo().size
    assert len(children()) == 2


async def test_failure_of_an_image_leaves_its_decoder_alive(pool: DecoderPool) -> None:
    with pytest.raises(ImageFailed) as caught:
        await compressed(pool, jpeg()[:500], Kind.JPEG)
    assert caught.value.code is ErrorCode.CORRUPT
    before = children()
    await compressed(pool, jpeg(), Kind.JPEG)
    assert children() == before


@pytest.mark.slow
async def test_killed_decoder_costs_its_image_alone(pool: DecoderPool) -> None:
    large = encoded(photo(size=(6000, 5000)), "PNG", compress_level=1)
    under_way = asyncio.create_task(compressed(pool, large, Kind.PNG))
    other = asyncio.create_task(compressed(pool, jpeg(), Kind.JPEG))
    await other
    await asyncio.sleep(0.1)
    for pid in children():
        os.kill(pid, signal.SIGSEGV)
    with pytest.raises(ImageFailed, match="SIGSEGV") as caught:
        await under_way
    assert caught.value.code is ErrorCode.DECODER_CRASHED
    assert not caught.value.code.retryable
    for _ in range(3):  # both workers were killed; both are replaced
        await compressed(pool, jpeg(), Kind.JPEG)


@pytest.mark.slow
async def test_image_whose_decoder_is_killed_from_outside_is_tried_again(
    pool: DecoderPool,
) -> None:
    large = encoded(photo(size=(6000, 5000)), "PNG", compress_level=1)
    under_way = [asyncio.create_task(compressed(pool, large, Kind.PNG)) for _ in range(2)]
    await asyncio.sleep(0.5)
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    results = await asyncio.gather(*under_way)
    assert [result.width for result in results] == [6000, 6000]


@pytest.mark.slow
async def test_image_whose_decoder_is_killed_again_fails_alone(pool: DecoderPool) -> None:
    large = encoded(photo(size=(6000, 5000)), "PNG", compress_level=1)
    under_way = asyncio.create_task(compressed(pool, large, Kind.PNG))
    killed: set[int] = set()
    while not under_way.done():
        for pid in set(children()) - killed:
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.01)
    with pytest.raises(ImageFailed, match="killed twice") as caught:
        await under_way
    assert caught.value.code is ErrorCode.DECODER_CRASHED
    assert len(killed) == 2
    assert (await compressed(pool, jpeg(), Kind.JPEG)).width == photo().width


@pytest.mark.slow
async def test_hanging_decoder_is_killed_and_replaced() -> None:
    # Long enough for a decoder that starts on a busy machine: only one that hangs takes longer.
    async with DecoderPool(1, timeout=8, memory=0) as pool:
        await compressed(pool, jpeg(), Kind.JPEG)
        (hanging,) = children()
        os.kill(hanging, signal.SIGSTOP)
        with pytest.raises(ImageFailed) as caught:
            await compressed(pool, jpeg(), Kind.JPEG)
        assert caught.value.code is ErrorCode.DECODER_TIMEOUT
        assert children() == []
        await compressed(pool, jpeg(), Kind.JPEG)
        assert children() != [hanging]


@pytest.mark.slow
async def test_image_that_needs_too_much_memory_fails_alone() -> None:
    large = encoded(photo(size=(8000, 8000)), "PNG", compress_level=1)
    async with DecoderPool(1, timeout=30, memory=300 * MIB) as pool:
        with pytest.raises(ImageFailed, match="300 MiB") as caught:
            await compressed(pool, large, Kind.PNG)
        assert caught.value.code is ErrorCode.DECODER_CRASHED
        await compressed(pool, jpeg(), Kind.JPEG)


async def test_cancelled_image_does_not_confuse_the_next_one() -> None:
    async with DecoderPool(1, timeout=30, memory=0) as pool:
        small = jpeg(size=(50, 40))
        await compressed(pool, small, Kind.JPEG)
        task = asyncio.create_task(compressed(pool, jpeg(size=(3000, 2000)), Kind.JPEG))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await compressed(pool, small, Kind.JPEG)).width == 50


def shared_bytes() -> int:
    """Allocated in files of memory that this process and its decoders share."""
    held = 0
    for opened in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if str(opened.readlink()).startswith("/memfd:image-"):
                held += opened.stat().st_blocks * 512
    return held


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "code"), [(Kind.JPEG, ErrorCode.CORRUPT), (Kind.PNG, ErrorCode.DECODER_CRASHED)]
)
async def test_image_that_failed_leaves_no_memory_behind(kind: Kind, code: ErrorCode) -> None:
    """A pod's images are counted until they are let go of, and this one is."""
    picture = encoded(photo(size=(8000, 8000)), "PNG", compress_level=1)
    data = picture if kind is Kind.PNG else b"\xff\xd8\xff" + bytes(30 * MIB)
    async with DecoderPool(1, timeout=30, memory=300 * MIB) as pool:
        before = shared_bytes()
        with pytest.raises(ImageFailed) as caught:
            await compressed(pool, data, kind)
        assert caught.value.code is code
        assert shared_bytes() - before < 10 * MIB < len(data)


async def test_decoders_do_not_see_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-inherit")
    async with DecoderPool(1, timeout=30, memory=0) as pool:
        await compressed(pool, jpeg(), Kind.JPEG)
        with open(f"/proc/{children()[0]}/environ", "rb") as file:  # noqa: ASYNC230, PTH123
            assert b"do-not-inherit" not in file.read()


def test_every_format_that_is_taken_is_loaded_before_the_first_image() -> None:
    # In a process of its own: tests load plugins, too.
    program = (
        "from imagebatch_core.formats import Kind\n"
        "from imagebatch_runner.workers import worker\n"
        "worker._codec()\n"
        "from PIL import Image\n"
        "print(sorted({kind.name for kind in Kind} - (set(Image.OPEN) & set(Image.SAVE))))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


async def test_no_decoder_outlives_its_pool() -> None:
    async with DecoderPool(2, timeout=30, memory=0) as pool:
        await asyncio.gather(*(compressed(pool, jpeg(), Kind.JPEG) for _ in range(4)))
    assert children() == []


async def test_a_decoder_keeps_the_memory_of_one_image_for_the_next() -> None:
    photograph = jpeg(size=(1600, 1200))

    def pages_asked_for() -> int:
        """Page faults without disk access; field 10 of ``/proc/<pid>/stat`` (proc(5))."""
        with open(f"/proc/{children()[0]}/stat") as file:  # noqa: PTH123 - not a disk file
            return int(file.read().rpartition(")")[2].split()[7])

    async with DecoderPool(1, timeout=60, memory=0) as pool:
        for _ in range(3):
            await compressed(pool, photograph, Kind.JPEG)
        before, images = pages_asked_for(), 10
        for _ in range(images):
            await compressed(pool, photograph, Kind.JPEG)
        each = (pages_asked_for() - before) / images
    # Its pixels alone fill 1,400 pages (of 4 KiB, at 3 bytes a pixel).
    assert each < 700
