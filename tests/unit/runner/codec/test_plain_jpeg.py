"""The fast ways for JPEG against Pillow alone, which is the oracle: same outcome, same picture."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

import pytest
from PIL import Image, ImageChops, ImageStat

from imagebatch_core.formats import Kind
from imagebatch_runner.codec import coefficients, quantisation
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.transcode import compress
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.workers import memfile
from support import jpegscans
from support.pictures import decoded, encoded, jpeg, photo


@pytest.fixture
def out() -> Iterator[BinaryIO]:
    with open(memfile.create("test"), "r+b", buffering=0) as file:  # noqa: PTH123 - a descriptor
        yield file


def outcome(
    data: bytes, out: BinaryIO, *, fast: bool, quality: int = 50, profile: str = "fast"
) -> tuple[str, bytes]:
    """What became of it, and the output's bytes."""
    out.seek(0)
    out.truncate()
    try:
        options = CodecOptions(quality=quality, profile=profile)
        result = compress(data, Kind.JPEG, options, out, fast=fast)
    except ImageFailed as failure:
        return failure.code.value, b""
    out.seek(0)
    sizes = f"{result.kind} {result.width}x{result.height}"
    return (f"kept {sizes}", data) if result.kept else (sizes, out.read())


def difference(one: bytes, other: bytes) -> float:
    """Root mean square of the worst channel, 0 to 255."""
    pair = [decoded(data).convert("RGB") for data in (one, other)]
    return max(ImageStat.Stat(ImageChops.difference(*pair)).rms)


def recoded(data: bytes, out: BinaryIO, quality: int | None = 50) -> bytes | None:
    """By the coefficients alone, as :mod:`.plainjpeg` asks it; ``None`` where they refuse it."""
    out.seek(0)
    out.truncate()
    target = quality and quantisation.usual(quality)
    if not coefficients.recode(data, target, out, coarse=bool(quality and quality < 90)):
        return None
    out.seek(0)
    return out.read()


def without(number: int, data: bytes) -> bytes:
    """Less one of its scans, the tables of which stay."""
    head, scans = jpegscans.scans(data)
    scans[number].pop()
    return jpegscans.assembled(head, scans)


def twice(number: int, data: bytes) -> bytes:
    head, scans = jpegscans.scans(data)
    return jpegscans.assembled(head, [*scans[: number + 1], *scans[number:]])


def shifted(data: bytes, at: int, by: bytes) -> bytes:
    return data[:at] + by + data[at:]


LARGE, ODD_SIDES = photo(size=(400, 300)), photo(size=(393, 297))
PLAIN = {
    "usual": encoded(LARGE, quality=92, subsampling=2),
    "odd sides": encoded(photo(size=(401, 299)), quality=92, subsampling=2),
    "one column": encoded(photo(size=(1, 300)), quality=100, subsampling=2),
    "gray": encoded(LARGE.convert("L"), quality=92),
    "restarts": encoded(LARGE, quality=92, subsampling=2, restart_marker_blocks=7),
    "own huffman tables": encoded(LARGE, quality=92, subsampling=2, optimize=True),
    "best quality": encoded(LARGE, quality=100, subsampling=2),
    "comment and profile": encoded(LARGE, quality=92, subsampling=2, comment=b"\xff\xd9" * 50),
    "bytes after the end": encoded(LARGE, quality=92, subsampling=2) + b"\xff\xd8 and more",
    "one pixel": encoded(photo(size=(1, 1)), quality=92),
    "fine chroma": encoded(LARGE, quality=92, subsampling=0),
    "fine chroma, odd sides": encoded(photo(size=(393, 297)), quality=92, subsampling=0),
    "fine chroma, one row": encoded(photo(size=(300, 1)), quality=92, subsampling=0),
    "fine chroma, restarts": encoded(LARGE, quality=92, subsampling=0, restart_marker_blocks=9),
    "half chroma": encoded(LARGE, quality=92, subsampling=1),
    "half chroma, odd sides": encoded(photo(size=(391, 299)), quality=92, subsampling=1),
    "scans apart": jpegscans.apart(ODD_SIDES, (2, 2)),
    "scans apart, fine chroma": jpegscans.apart(ODD_SIDES, (1, 1)),
    "scans apart, tall chroma": jpegscans.apart(ODD_SIDES, (1, 2), restart_marker_blocks=5),
    "progressive": encoded(LARGE, quality=92, subsampling=2, progressive=True),
    "progressive, odd sides": encoded(ODD_SIDES, quality=92, subsampling=2, progressive=True),
    "progressive, fine chroma": encoded(ODD_SIDES, quality=92, subsampling=0, progressive=True),
    "progressive, half chroma": encoded(ODD_SIDES, quality=92, subsampling=1, progressive=True),
    "progressive, best": encoded(LARGE, quality=100, subsampling=2, progressive=True),
    "progressive gray": encoded(ODD_SIDES.convert("L"), quality=92, progressive=True),
    "progressive, one pixel": encoded(photo(size=(1, 1)), quality=92, progressive=True),
    "progressive, restarts": encoded(
        ODD_SIDES, quality=92, subsampling=2, progressive=True, restart_marker_blocks=7
    ),
    "progressive scans apart": jpegscans.apart(ODD_SIDES, (2, 2), progressive=True),
    "progressive scans apart, fine chroma": jpegscans.apart(ODD_SIDES, (1, 1), progressive=True),
}
PROGRESSIVE = PLAIN["progressive"]
ODD = {
    "cmyk": encoded(LARGE.convert("CMYK"), quality=92),
    "kept as rgb": encoded(LARGE, quality=92, keep_rgb=True),
    "quarter chroma": jpegscans.apart(LARGE, (4, 1)),
    "no end marker": PLAIN["usual"][:-2],
    "cut in half": PLAIN["usual"][: len(PLAIN["usual"]) // 2],
    "cut in the header": PLAIN["usual"][:200],
    "cut in the last row": PLAIN["usual"][:-100],
    "progressive cut": PROGRESSIVE[:9000],
    "progressive without its end": PROGRESSIVE[:-2],
    "progressive, damaged": shifted(PROGRESSIVE, len(PROGRESSIVE) // 2, b"\x12\x34\x56"),
    "progressive, a scan cut": PROGRESSIVE[:9000] + b"\xff\xd9",
    "progressive, a byte between scans": jpegscans.joined(
        [jpegscans.Piece(one.marker, one.data + b"\0") for one in jpegscans.pieces(PROGRESSIVE)]
    ),
    "progressive, no chroma": without(2, without(3, PROGRESSIVE)),
    "progressive, the last bits missing": without(-1, PROGRESSIVE),
    "progressive, bits between missing": without(5, PROGRESSIVE),
    "progressive, no DC": without(0, PROGRESSIVE),
    "progressive, a scan twice": twice(1, PROGRESSIVE),
    "progressive, too many scans": jpegscans.flat_of_many_scans(50, (400, 300)),
    "scan missing": without(1, PLAIN["scans apart"]),
    "scan twice": twice(0, PLAIN["scans apart"]),
    "bytes before the end": shifted(PLAIN["usual"], len(PLAIN["usual"]) - 2, b"\x12\x34\x56"),
    "bytes between": shifted(PLAIN["usual"], len(PLAIN["usual"]) // 2, b"\x12\x34\x56"),
    "a marker between": shifted(PLAIN["usual"], len(PLAIN["usual"]) // 2, b"\xff\xd3"),
    "restart missing": PLAIN["restarts"].replace(b"\xff\xd3", b"\xff\xd4", 1),
    "no tables": PLAIN["usual"].replace(b"\xff\xdb", b"\xff\xe9"),
    "twelve bits": PLAIN["usual"].replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc1\x00\x11\x0c"),
    "arithmetic": PLAIN["usual"].replace(b"\xff\xc0", b"\xff\xc9"),
    "no height": PLAIN["usual"].replace(
        b"\xff\xc0\x00\x11\x08\x01\x2c", b"\xff\xc0\x00\x11\x08\0\0"
    ),
}


def test_native_library_is_built_where_its_compiler_is_installed() -> None:
    assert coefficients.AVAILABLE


@pytest.mark.parametrize("name", PLAIN)
def test_plain_jpeg_goes_by_its_coefficients_and_looks_as_with_pillow(
    name: str, out: BinaryIO
) -> None:
    fast = recoded(PLAIN[name], out)
    assert fast is not None
    by_pillow, slow = outcome(PLAIN[name], out, fast=False)
    assert outcome(PLAIN[name], out, fast=True) == (by_pillow, fast)
    assert difference(fast, PLAIN[name]) <= difference(slow, PLAIN[name]) + 0.1
    assert len(fast) <= 1.01 * len(slow) + 100


@pytest.mark.parametrize("name", ODD)
def test_odd_jpeg_has_the_same_outcome_as_with_pillow_alone(name: str, out: BinaryIO) -> None:
    fast, data = outcome(ODD[name], out, fast=True)
    slow, oracle = outcome(ODD[name], out, fast=False)
    assert fast == slow
    if oracle:
        assert difference(data, oracle) < 4
        assert len(data) <= 1.01 * len(oracle) + 100


@pytest.mark.parametrize("quality", [1, 30, 75, 90, 95, 100])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_every_quality_is_as_good_as_pillows(quality: int, subsampling: int, out: BinaryIO) -> None:
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
def test_better_quality_than_the_source_has_costs_no_pixel(subsampling: int, out: BinaryIO) -> None:
    source = encoded(LARGE, quality=20, subsampling=subsampling)
    result = recoded(source, out, quality=95)
    assert result is not None
    assert len(result) < len(source)
    assert decoded(result).tobytes() == decoded(source).tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures_are_turned_with_and_without_the_fast_way(
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
def test_own_quantisation_changes_no_pixel(name: str, out: BinaryIO) -> None:
    source = PLAIN[name] + bytes(20_000)  # progressive ones are smaller: room to grow
    lossless = recoded(source, out, quality=None)
    assert lossless is not None
    assert decoded(lossless).tobytes() == decoded(source).tobytes()


@pytest.mark.parametrize(("number", "taken"), [(2, True), (32, True), (33, False), (64, False)])
def test_progressive_of_too_many_scans_goes_to_pillow(
    number: int, taken: bool, out: BinaryIO
) -> None:
    source = jpegscans.flat_of_many_scans(number, (40, 30))
    assert decoded(source).getextrema() == (128, 128)
    assert (recoded(source, out) is not None) == taken
    assert outcome(source, out, fast=True)[0] == "jpeg 40x30"


@pytest.mark.parametrize("name", ["fine chroma, odd sides", "progressive, half chroma"])
@pytest.mark.parametrize("quality", [89, 90])
def test_fine_chroma_is_halved_only_where_that_is_usual(
    name: str, quality: int, out: BinaryIO
) -> None:
    result, data = outcome(PLAIN[name], out, fast=True, quality=quality)
    assert result.startswith("jpeg")
    factors = [(h, v) for _, h, v, _ in decoded(data).layer]  # type: ignore[attr-defined]
    before = [(h, v) for _, h, v, _ in decoded(PLAIN[name]).layer]  # type: ignore[attr-defined]
    assert factors == (before if quality == 90 else [(2, 2), (1, 1), (1, 1)])


def test_what_cannot_get_smaller_is_kept(out: BinaryIO) -> None:
    source = recoded(encoded(LARGE, quality=60, subsampling=2), out, quality=None)
    assert source is not None
    assert outcome(source, out, fast=True, quality=98)[0] == "kept jpeg 400x300"


@pytest.mark.parametrize("profile", ["fast", "small"])
@pytest.mark.parametrize("quality", [50, 75])
def test_an_output_comes_back_as_it_is_when_it_is_compressed_again(
    quality: int, profile: str, out: BinaryIO
) -> None:
    source = encoded(photo("coffee.png"), quality=92, subsampling=2)
    _, once = outcome(source, out, fast=True, quality=quality, profile=profile)
    assert outcome(once, out, fast=True, quality=quality, profile=profile)[0].startswith("kept")


def test_a_progressive_jpeg_of_the_quality_asked_for_keeps_its_scans(out: BinaryIO) -> None:
    source = encoded(photo("coffee.png"), quality=75, subsampling=2, progressive=True)
    assert outcome(source, out, fast=True, quality=75)[0].startswith("kept")


def test_damaged_bytes_are_never_accepted_by_the_fast_way_alone(out: BinaryIO) -> None:
    """Whatever the coefficients accept, Pillow must accept, as the same picture."""
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
                # Only a header that Pillow cannot read: compress() asks it first.
                with pytest.raises((OSError, SyntaxError)):
                    Image.open(BytesIO(data))
                continue
            assert result.size == oracle.size
            if target is None:  # nothing is lost, so nothing of a damage may be hidden
                assert result.tobytes() == oracle.tobytes()
    assert accepted > 100


def test_without_the_native_library_the_runner_is_complete() -> None:
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


@pytest.mark.parametrize("name", PLAIN)
def test_small_profile_takes_fewer_bytes_than_fast_for_nearly_the_same_look(
    name: str, out: BinaryIO
) -> None:
    source = PLAIN[name]
    _, usual = outcome(source, out, fast=True)
    result, small = outcome(source, out, fast=True, profile="small")
    assert result.endswith(f"{decoded(source).width}x{decoded(source).height}")
    if min(decoded(source).size) > 1:
        assert len(small) < 0.9 * len(usual)
    assert difference(small, source) <= 1.5 * difference(usual, source) + 1


def test_small_profile_without_the_native_library_is_progressive(out: BinaryIO) -> None:
    source = jpeg("hubble_deep_field.jpg")
    _, usual = outcome(source, out, fast=False)
    _, small = outcome(source, out, fast=False, profile="small")
    assert len(small) < len(usual)
    assert "progressive" in decoded(small).info


def test_small_profile_of_another_format_goes_by_coefficients_too(out: BinaryIO) -> None:
    source = encoded(LARGE, "PNG")
    compress(source, Kind.PNG, CodecOptions(), out)
    usual = out.seek(0, 2)
    out.seek(0)
    out.truncate()
    compress(source, Kind.PNG, CodecOptions(profile="small"), out)
    small = out.seek(0, 2)
    assert small < 0.9 * usual
    assert decoded(os.pread(out.fileno(), small, 0)).size == LARGE.size
