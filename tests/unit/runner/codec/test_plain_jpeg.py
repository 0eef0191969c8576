"""JPEGs by the native library, compared with Pillow alone: same outcome, same picture."""

from __future__ import annotations

import random
import subprocess
import sys
from io import BytesIO
from typing import BinaryIO

import pytest
from PIL import Image

from imagebatch_runner.codec import coefficients, quantisation
from support import jpegscans
from support.codecruns import difference, outcome
from support.jpegkinds import LARGE, ODD, PLAIN
from support.pictures import decoded, encoded, jpeg, photo


def recoded(data: bytes, out: BinaryIO, quality: int | None = 50) -> bytes | None:
    """The output of the native library for a quality, as :mod:`.plainjpeg` asks for it; ``None``
    where the library refuses the JPEG."""
    out.seek(0)
    out.truncate()
    target = quality and quantisation.usual(quality)
    if not coefficients.recode(data, target, out, coarse=bool(quality and quality < 90)):
        return None
    out.seek(0)
    return out.read()


def test_native_library_is_built_where_its_compiler_is_installed() -> None:
    assert coefficients.AVAILABLE


@pytest.mark.parametrize("name", PLAIN)
def test_plain_jpeg_is_requantised_and_looks_as_by_pillow(name: str, out: BinaryIO) -> None:
    fast = recoded(PLAIN[name], out)
    assert fast is not None
    by_pillow, slow = outcome(PLAIN[name], out, fast=False)
    assert outcome(PLAIN[name], out, fast=True) == (by_pillow, fast)
    assert difference(fast, PLAIN[name]) <= difference(slow, PLAIN[name]) + 0.1
    assert len(fast) <= 1.01 * len(slow) + 100


@pytest.mark.parametrize("name", ODD)
def test_unusual_or_damaged_jpeg_ends_as_with_pillow_alone(name: str, out: BinaryIO) -> None:
    fast, data = outcome(ODD[name], out, fast=True)
    slow, oracle = outcome(ODD[name], out, fast=False)
    assert fast == slow
    if oracle:
        assert difference(data, oracle) < 4
        assert len(data) <= 1.01 * len(oracle) + 100


@pytest.mark.parametrize("quality", [1, 30, 75, 90, 95, 100])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_every_quality_looks_as_good_as_by_pillow(
    quality: int, subsampling: int, out: BinaryIO
) -> None:
    source = encoded(photo("coffee.png"), quality=98, subsampling=subsampling)
    result, data = outcome(source, out, fast=True, quality=quality)
    assert result == "jpeg 600x400"
    # Chroma that is coarse already stays so at every quality.
    coarse = subsampling == 2 or quality < 90
    chosen = {"quality": quality, "subsampling": 2 if coarse else 0, "optimize": True}
    oracle = encoded(decoded(source), **chosen)
    assert difference(data, source) <= difference(oracle, source) + 0.1
    assert len(data) <= 1.01 * len(oracle)


@pytest.mark.parametrize("subsampling", [0, 2])
def test_better_quality_than_that_of_the_source_changes_no_pixel(
    subsampling: int, out: BinaryIO
) -> None:
    source = encoded(LARGE, quality=20, subsampling=subsampling)
    result = recoded(source, out, quality=95)
    assert result is not None
    assert len(result) < len(source)
    assert decoded(result).tobytes() == decoded(source).tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_picture_is_turned_with_and_without_the_native_library(
    orientation: int, out: BinaryIO
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = encoded(LARGE, quality=92, subsampling=2, exif=exif)
    fast, data = outcome(source, out, fast=True)
    slow, oracle = outcome(source, out, fast=False)
    assert fast == slow
    assert difference(data, oracle) < 4
    assert not decoded(data).getexif()


@pytest.mark.parametrize("name", [name for name in PLAIN if "best" not in name])
def test_recoding_with_its_own_quantisation_changes_no_pixel(name: str, out: BinaryIO) -> None:
    source = PLAIN[name] + bytes(20_000)  # progressive ones are smaller: room to grow
    lossless = recoded(source, out, quality=None)
    assert lossless is not None
    assert decoded(lossless).tobytes() == decoded(source).tobytes()


@pytest.mark.parametrize(("number", "taken"), [(2, True), (32, True), (33, False), (64, False)])
def test_progressive_jpeg_of_too_many_scans_is_left_to_pillow(
    number: int, taken: bool, out: BinaryIO
) -> None:
    source = jpegscans.flat_of_many_scans(number, (40, 30))
    assert decoded(source).getextrema() == (128, 128)
    assert (recoded(source, out) is not None) == taken
    assert outcome(source, out, fast=True)[0] == "jpeg 40x30"


@pytest.mark.parametrize("name", ["fine chroma, odd sides", "progressive, half chroma"])
@pytest.mark.parametrize("quality", [89, 90])
def test_fine_chroma_is_halved_only_below_quality_90(
    name: str, quality: int, out: BinaryIO
) -> None:
    result, data = outcome(PLAIN[name], out, fast=True, quality=quality)
    assert result.startswith("jpeg")
    factors = [(h, v) for _, h, v, _ in decoded(data).layer]  # type: ignore[attr-defined]
    before = [(h, v) for _, h, v, _ in decoded(PLAIN[name]).layer]  # type: ignore[attr-defined]
    assert factors == (before if quality == 90 else [(2, 2), (1, 1), (1, 1)])


def test_jpeg_that_gets_no_smaller_is_kept(out: BinaryIO) -> None:
    source = recoded(encoded(LARGE, quality=60, subsampling=2), out, quality=None)
    assert source is not None
    assert outcome(source, out, fast=True, quality=98)[0] == "kept jpeg 400x300"


@pytest.mark.parametrize("profile", ["fast", "small"])
@pytest.mark.parametrize("quality", [50, 75])
def test_output_that_is_compressed_again_is_kept(quality: int, profile: str, out: BinaryIO) -> None:
    source = encoded(photo("coffee.png"), quality=92, subsampling=2)
    _, once = outcome(source, out, fast=True, quality=quality, profile=profile)
    assert outcome(once, out, fast=True, quality=quality, profile=profile)[0].startswith("kept")


def test_a_progressive_jpeg_of_the_quality_asked_for_keeps_its_scans(out: BinaryIO) -> None:
    source = encoded(photo("coffee.png"), quality=75, subsampling=2, progressive=True)
    assert outcome(source, out, fast=True, quality=75)[0].startswith("kept")


@pytest.mark.slow
def test_native_library_accepts_no_damaged_jpeg_that_pillow_refuses(out: BinaryIO) -> None:
    """What the native library accepts Pillow must accept too, as the same picture."""
    dice = random.Random(7)
    small = photo(size=(90, 60))
    sources = [
        encoded(small, quality=90, subsampling=2),
        encoded(small, quality=75, subsampling=2, restart_marker_blocks=2, optimize=True),
        encoded(small.convert("L"), quality=90),
        encoded(small, quality=75, subsampling=0),
        encoded(small, quality=75, subsampling=2, progressive=True),
        jpegscans.apart(small, (1, 1), quality=50, progressive=True, restart_marker_blocks=4),
        jpegscans.apart(small, (2, 2), quality=50),
    ]
    accepted = 0
    for _ in range(5000):
        data = bytearray(dice.choice(sources))
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(2, len(data))
            data[at] = dice.choice(
                (0, 0xFF, dice.randrange(256), data[at] ^ 1 << dice.randrange(8))
            )
        if dice.random() < 0.2:
            del data[dice.randrange(len(data)) :]
        out.seek(0)
        out.truncate()
        target = dice.choice((quantisation.usual(50), quantisation.small(50), None))
        coarse = target is not None and dice.random() < 0.5
        if coefficients.recode(bytes(data), target, out, coarse=coarse):
            accepted += 1
            out.seek(0)
            result = decoded(out.read())
            try:
                oracle = decoded(bytes(data))
            except (OSError, SyntaxError):
                # Perhaps Pillow cannot read the header: compress() lets it do so first.
                with pytest.raises((OSError, SyntaxError)):
                    Image.open(BytesIO(data))
                continue
            assert result.size == oracle.size
            if target is None:  # nothing is lost, so nothing of a damage may be hidden
                assert result.tobytes() == oracle.tobytes()
    assert accepted > 100


def test_jpeg_is_compressed_without_the_native_library() -> None:
    program = """
import sys
from imagebatch_runner.codec import coefficients, formats, options, transcode
from imagebatch_runner.workers import memfile
coefficients._library = None
coefficients.AVAILABLE = False
out = open(memfile.create("test"), "r+b", buffering=0)
result = transcode.compress(sys.stdin.buffer.read(), formats.Kind.JPEG, options.CodecOptions(), out)
print(result.width, result.height, out.tell() > 1000)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], input=jpeg(), capture_output=True, check=True
    )
    assert ended.stdout.decode().split() == ["451", "300", "True"]
