"""What the native library does to coefficients and what it must refuse, compared with libjpeg."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest
from PIL import Image, ImageFilter, ImageStat

from imagebatch_runner.codec import coefficients, quantisation
from imagebatch_runner.codec.quantisation import Quantisation
from support.pictures import decoded, encoded, photo


def recoded(data: bytes, target: Quantisation | None, out: BinaryIO) -> bytes | None:
    out.seek(0)
    out.truncate()
    if not coefficients.recode(data, target, out):
        return None
    out.seek(0)
    return out.read()


def saturation(data: bytes) -> float:
    """The mean distance of chroma from gray."""
    bands = decoded(data).convert("YCbCr").split()[1:]
    distances = [band.point([abs(value - 128) for value in range(256)]) for band in bands]
    return sum(ImageStat.Stat(band).mean[0] for band in distances)


@pytest.mark.parametrize("name", ["coffee.png", "astronaut.png", "rocket.jpg"])
@pytest.mark.parametrize("light", [1.0, 0.3])
def test_steps_of_twice_the_size_neither_fade_nor_shift_colours(
    name: str, light: float, out: BinaryIO
) -> None:
    """If steps double, as from quality 85 to 70, half of all values become halves."""
    picture = photo(name).point(lambda value: value * light)
    source = encoded(picture, quality=85, subsampling=2)
    result = recoded(source, quantisation.usual(70), out)
    assert result is not None
    oracle = encoded(decoded(source), quality=70, subsampling=2)
    before, after, by_pillow = (ImageStat.Stat(decoded(d)).mean for d in (source, result, oracle))
    for one, other, usual in zip(before, after, by_pillow, strict=True):
        assert abs(one - other) < abs(one - usual) + 0.15
    assert saturation(result) > saturation(oracle) - 0.025 * saturation(source)


def made_by_hand(dc: tuple[bytes, bytes], ac: tuple[bytes, bytes]) -> bytes:
    """A JPEG of one gray block with the bits 0011 1111. A table is given by the number of codes of
    each length, from 1 on, and the symbols."""

    def segment(marker: int, body: bytes) -> bytes:
        return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body

    def table(number: int, counts: bytes, symbols: bytes) -> bytes:
        return segment(0xC4, bytes([number]) + counts.ljust(16, b"\0") + symbols)

    return (
        b"\xff\xd8"
        + segment(0xDB, b"\0" + bytes([8] * 64))
        + segment(0xC0, b"\x08\0\x08\0\x08\x01\x01\x11\0")
        + segment(0xFE, bytes(500))  # so that the output has room
        + table(0, *dc)
        + table(0x10, *ac)
        + segment(0xDA, b"\x01\x01\0\0\x3f\0")
        + b"\x3f\xff\xd9"
    )


ONE_CODE = (b"\x01", b"\0")


def test_huffman_code_of_all_ones_is_refused_as_in_libjpeg(out: BinaryIO) -> None:
    sound = made_by_hand((b"\x01\x01", b"\0\x03"), ONE_CODE)
    assert recoded(sound, None, out) is not None
    assert decoded(sound).size == (8, 8)
    for damaged in (
        made_by_hand((b"\x02", b"\0\x03"), ONE_CODE),
        made_by_hand((b"\x01\x02", b"\0\x03\x04"), ONE_CODE),
        made_by_hand(ONE_CODE, (b"\x02", b"\0\x01")),
    ):
        assert recoded(damaged, None, out) is None
        with pytest.raises(OSError, match="broken data stream"):
            decoded(damaged)


@pytest.mark.parametrize(("had", "asked"), [(20, 80), (30, 90), (20, 100)])
def test_small_at_a_better_quality_than_the_source_changes_no_pixel(
    had: int, asked: int, out: BinaryIO
) -> None:
    source = encoded(photo("coffee.png"), quality=had, subsampling=2)
    result = recoded(source, quantisation.small(asked), out)
    assert result is not None
    assert decoded(result).tobytes() == decoded(source).tobytes()


@pytest.mark.parametrize("quality", [30, 50, 85])
def test_small_output_that_is_compressed_again_stays_the_same(quality: int, out: BinaryIO) -> None:
    source = encoded(photo("coffee.png"), quality=95, subsampling=2)
    once = recoded(source, quantisation.small(quality), out)
    assert once is not None
    again = recoded(once + bytes(64), quantisation.small(quality), out)  # with room to grow
    assert again is not None
    assert decoded(again).tobytes() == decoded(once).tobytes()


def noise(width: int, height: int) -> Image.Image:
    """A picture that takes as many bytes a pixel as any photograph."""
    pixels = random.Random(1).randbytes(width * height * 3)
    image = Image.frombytes("RGB", (width, height), pixels)
    return image.filter(ImageFilter.GaussianBlur(0.7))


@pytest.mark.slow
def test_jpeg_is_left_to_pillow_where_memory_is_short() -> None:
    """The process may have as much memory as Pillow needs, which is less than the scratch."""
    program = """
import re, resource, sys
from PIL import Image
from imagebatch_runner.codec import coefficients, formats, options, transcode
from imagebatch_runner.workers import memfile
data, out = sys.stdin.buffer.read(), open(memfile.create("test"), "r+b", buffering=0)
Image.init()
size = int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1]) << 10
limit = size + (20 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
assert not coefficients.recode(data, None, out)
for _ in range(2):
    out.seek(0)
    out.truncate()
    transcode.compress(data, formats.Kind.JPEG, options.CodecOptions(quality=95), out)
out.seek(0)
sys.stdout.buffer.write(out.read())
"""
    data = encoded(noise(1500, 1000), quality=98, subsampling=0)
    ended = subprocess.run(
        [sys.executable, "-c", program], input=data, capture_output=True, check=False
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert decoded(ended.stdout).size == (1500, 1000)
    assert len(ended.stdout) < len(data)


@pytest.mark.parametrize("content", [b"", b"\x7fELF" + bytes(60)])
def test_library_that_does_not_load_says_what_to_do(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "_jpeg.so"
    library.write_bytes(content)
    monkeypatch.setattr(coefficients, "_LIBRARY", library)
    with pytest.raises(ImportError, match="install the runner again"):
        coefficients._load()
