"""The codec beside sharp and the floor: one image in, one image out, in memory."""

from __future__ import annotations

import ctypes
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import simplejpeg  # type: ignore[import-untyped] # it has no types

from imagebatch_runner import memfile
from imagebatch_runner.codec import CodecOptions, compress
from imagebatch_runner.memory import KEPT_BY_DECODER
from imagebatch_runner.sniff import sniff

from . import quality
from .measure import Cost, Measured, here, interleaved
from .peer import Peer
from .photos import all_photos
from .section import Bar, Chart, Section, Table

SHARP = "sharp"
FLOOR = "floor: libjpeg-turbo round trip"
OURS = "ImageBatch"


def run(rounds: int) -> Section:
    _keep_memory()
    paths = list(all_photos().values())
    with Peer() as peer:
        variants: dict[str, Callable[[Path], Cost]] = {
            SHARP: peer.variant("jpeg", quality=50),
            FLOOR: here(floor),
            OURS: here(ours(quality=50)),
        }
        measured = interleaved(variants, paths, rounds)
    table = comparison("JPEG to JPEG, quality 50", measured, paths, base=SHARP)
    bars = [
        bar(name, measured, base=SHARP, ours=name.startswith(OURS)) for name in measured.seconds
    ]
    chart = Chart("JPEG to JPEG: images per CPU second, sharp = 1", "×", bars, mark=1.0)
    return Section("codec", "The codec", "One core, in memory.", [table], [chart])


def floor(path: Path) -> bytes:
    """libjpeg-turbo from JPEG to RGB and back, standard Huffman tables: nothing does less."""
    pixels = simplejpeg.decode_jpeg(path.read_bytes(), strict=True)
    return bytes(simplejpeg.encode_jpeg(pixels, quality=50, colorsubsampling="420"))


def ours(**options: object) -> Callable[[Path], bytes]:
    """The runner's codec as its worker calls it."""
    chosen = CodecOptions(**options)  # type: ignore[arg-type] # spelled by this module

    def run_one(path: Path) -> bytes:
        data = path.read_bytes()
        kind = sniff(data, max_pixels=chosen.max_pixels).kind
        with open(memfile.create("bench"), "r+b", buffering=0) as out:  # noqa: PTH123
            encoded = compress(data, kind, chosen, out)
            if encoded.kept:
                return data
            out.seek(0)
            return out.read()

    return run_one


def comparison(title: str, measured: Measured, paths: Sequence[Path], *, base: str) -> Table:
    """Speed and bytes with ``base`` as 1, and what the picture lost against its source."""
    sources = [path.read_bytes() for path in paths]
    rows = []
    for name in measured.seconds:
        lost = qualities(sources, measured.outputs[name])
        speed = str(measured.speed(name, base))
        ratio = f"{measured.bytes_ratio(name, base):.3f}"
        rows.append([name, speed, ratio, f"{lost['ssim']:.4f}", f"{lost['ssimulacra2']:.2f}"])
    return Table(title, ["Variant", f"speed, {base} = 1", "bytes", "SSIM", "SSIMULACRA2"], rows)


def qualities(sources: Sequence[bytes], outputs: Sequence[bytes]) -> Mapping[str, float]:
    """The mean over the images."""
    pairs = list(zip(sources, outputs, strict=True))
    return {
        "ssim": statistics.mean(quality.ssim(*pair) for pair in pairs),
        "ssimulacra2": statistics.mean(quality.ssimulacra2(*pair) for pair in pairs),
    }


def bar(name: str, measured: Measured, *, base: str, ours: bool) -> Bar:
    speed = measured.speed(name, base)
    return Bar(name, speed.low, speed.median, speed.high, ours)


def _keep_memory() -> None:
    """What glibc's variables do for the runner's workers (``decoders.py``), here for all variants
    that run in this process, the floor among them."""
    libc = ctypes.CDLL(None)
    for setting, value in ((-1, KEPT_BY_DECODER), (-3, 32 << 20)):  # M_TRIM_, M_MMAP_THRESHOLD
        libc.mallopt(setting, value)
