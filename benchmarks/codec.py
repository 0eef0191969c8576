"""Benchmark the codec in memory against sharp and against the floor, plain libjpeg-turbo."""

from __future__ import annotations

import ctypes
import statistics
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import simplejpeg  # type: ignore[import-untyped] # it has no types
from PIL import ExifTags, Image, ImageOps

from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.sniff import sniff
from imagebatch_runner.codec.transcode import compress
from imagebatch_runner.memory import KEPT_BY_DECODER
from imagebatch_runner.workers import memfile

from . import equal_quality, quality
from .measure import Cost, Measured, here, interleaved
from .peer import Peer
from .photos import Photo, all_photos
from .section import Bar, Chart, Section, Table

SHARP = "sharp"
FLOOR = "floor: libjpeg-turbo round trip"
OURS = "ImageBatch"
_TEXT: Final = """
One image in memory to one image in memory, on one core, at the settings that each has by default.
SSIM (luma) and SSIMULACRA2 compare the output with the input, which where the output is smaller is
decoded whole and scaled by Lanczos' filter; on the middle 512 x 512 pixels, as means over the
images. "Pillow alone" is the runner without its native library.
"""


def run(rounds: int) -> Section:
    _keep_memory()
    photos = all_photos()
    paths = list(photos.values())
    coarse = [path for photo, path in photos.items() if photo.subsampling == "4:2:0"]
    others = derived(photos)
    tables, charts = [], []

    def compare(
        title: str,
        inputs: Sequence[Path],
        variants: dict[str, Callable[[Path], Cost]],
        *,
        resized: bool = False,
    ) -> Measured:
        print(f"    {title}", flush=True)
        measured = interleaved(variants, inputs, rounds)
        tables.append(comparison(title, measured, inputs, base=SHARP, resized=resized))
        bars = [
            bar(name, measured, base=SHARP, ours=name.startswith(OURS)) for name in measured.seconds
        ]
        charts.append(Chart(f"{title}: speed", "×", bars, mark=1.0))
        return measured

    with Peer() as peer:
        plain = {SHARP: peer.variant("jpeg", quality=50), FLOOR: here(floor)}
        compare(
            "Plain JPEG (4:2:0) to JPEG, quality 50",
            coarse,
            plain
            | {
                OURS: here(ours(quality=50)),
                f"{OURS}, Pillow alone": here(ours(quality=50, fast=False)),
            },
        )
        compare(
            "Other JPEGs (4:4:4, progressive) to JPEG, quality 50",
            [*(path for path in paths if path not in coarse), *others["progressive"]],
            plain | {OURS: here(ours(quality=50))},
        )
        for width in (1600, 800):
            compare(
                f"Turned JPEG to upright JPEG, at most {width} pixels wide, quality 50",
                others["turned"],
                {
                    SHARP: peer.variant("jpeg", {"upright": True, "width": width}, quality=50),
                    OURS: here(ours(quality=50, max_width=width)),
                },
                resized=True,
            )
        compare(
            "Profile small, quality 50; sharp with mozjpeg: true",
            coarse,
            {
                SHARP: peer.variant("jpeg", quality=50, mozjpeg=True),
                OURS: here(ours(quality=50, profile="small")),
            },
        )
        for format_, some in (("webp", paths[:3]), ("avif", paths[:1])):
            compare(
                f"JPEG to {format_}, quality 50",
                some,
                {
                    SHARP: peer.variant(format_, quality=50),
                    OURS: here(ours(quality=50, format=format_)),
                    f"{OURS}, small": here(ours(quality=50, format=format_, profile="small")),
                },
            )
        print("    Profile small at equal quality", flush=True)
        tables.append(
            equal_quality.table(
                peer, lambda number: ours(quality=number, profile="small", format="jpeg")
            )
        )
    return Section("codec", "The codec", _TEXT + equal_quality.TEXT, tables, charts)


def derived(photos: Mapping[Photo, Path]) -> dict[str, list[Path]]:
    """Return variants of the larger photographs: progressive JPEGs, and JPEGs with an EXIF
    orientation."""
    found: dict[str, list[Path]] = {"progressive": [], "turned": []}
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for photo, path in photos.items():
        if photo.megapixels < 2.5 or photo.subsampling != "4:2:0":
            continue
        options: dict[str, dict[str, Any]] = {
            "progressive": {"progressive": True},
            "turned": {"exif": exif},
        }
        for name, chosen in options.items():
            target = path.with_name(f"{photo.name}-{name}.jpg")
            with Image.open(path) as image:
                image.save(target, quality="keep", **chosen)
            found[name].append(target)
    return found


def floor(path: Path) -> bytes:
    """Decode a JPEG to RGB and encode it with libjpeg-turbo and standard Huffman tables.

    No compression can do less work than this.
    """
    pixels = simplejpeg.decode_jpeg(path.read_bytes(), strict=True)
    return bytes(simplejpeg.encode_jpeg(pixels, quality=50, colorsubsampling="420"))


def ours(*, fast: bool = True, **options: object) -> Callable[[Path], bytes]:
    """Return a variant that runs the runner's codec as its worker does, with these options."""
    chosen = CodecOptions(**options)  # type: ignore[arg-type] # spelled by this module

    def run_one(path: Path) -> bytes:
        data = path.read_bytes()
        kind = sniff(data, max_pixels=chosen.max_pixels).kind
        with open(memfile.create("bench"), "r+b", buffering=0) as out:  # noqa: PTH123
            encoded = compress(data, kind, chosen, out, fast=fast)
            if encoded.kept:
                return data
            out.seek(0)
            return out.read()

    return run_one


def comparison(
    title: str, measured: Measured, paths: Sequence[Path], *, base: str, resized: bool
) -> Table:
    """Return a table of speed and bytes relative to ``base``, and of the quality of the outputs.

    The quality is measured against the source; if the output was ``resized``, against the source
    scaled by Lanczos.
    """
    rows = []
    for name in measured.seconds:
        outputs = measured.outputs[name]
        if resized:
            wanted = [scaled(path, output) for path, output in zip(paths, outputs, strict=True)]
        else:
            wanted = [path.read_bytes() for path in paths]
        lost = qualities(wanted, outputs)
        rows.append(
            [
                name,
                str(measured.speed(name, base)),
                f"{measured.bytes_ratio(name, base):.3f}",
                f"{lost['ssim']:.4f}",
                f"{lost['ssimulacra2']:.2f}",
            ]
        )
    columns = ["Variant", f"speed, {base} = 1", "bytes", "SSIM", "SSIMULACRA2"]
    return Table(title, columns, rows)


def scaled(path: Path, output: bytes) -> bytes:
    """Return the upright picture as a PNG, decoded in full size and scaled with Lanczos to the size
    of ``output``."""
    with Image.open(path) as image, Image.open(BytesIO(output)) as other:
        whole = ImageOps.exif_transpose(image).resize(other.size, Image.Resampling.LANCZOS)
    lossless = BytesIO()
    whole.save(lossless, "PNG", compress_level=1)
    return lossless.getvalue()


def qualities(sources: Sequence[bytes], outputs: Sequence[bytes]) -> Mapping[str, float]:
    """Return the mean quality of the outputs by metric."""
    pairs = list(zip(sources, outputs, strict=True))
    return {
        "ssim": statistics.mean(quality.ssim(*pair) for pair in pairs),
        "ssimulacra2": statistics.mean(quality.ssimulacra2(*pair) for pair in pairs),
    }


def bar(name: str, measured: Measured, *, base: str, ours: bool) -> Bar:
    speed = measured.speed(name, base)
    return Bar(name, speed.low, speed.median, speed.high, ours)


def _keep_memory() -> None:
    """Set glibc's memory options as for the runner's workers (``decoders.py``), for all variants
    that run in this process, including the floor."""
    libc = ctypes.CDLL(None)
    for setting, value in ((-1, KEPT_BY_DECODER), (-3, 32 << 20)):  # M_TRIM_, M_MMAP_THRESHOLD
        libc.mallopt(setting, value)
