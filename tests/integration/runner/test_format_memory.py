"""The memory that an image takes is no more than what the table of formats counts for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagebatch_core.formats import Format, Kind
from imagebatch_runner.codec.formats import FORMATS
from support.pictures import encoded, photo

#: Scaled by so little, the picture is in memory twice.
SIZE, WIDTH = (1500, 1000), 1450

_PROGRAM = """
import ctypes, gc, re, sys
from pathlib import Path
from imagebatch_core.formats import Kind
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.transcode import compress
from imagebatch_runner.workers import memfile

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

def take(path, kind, format_, width):
    data = Path(path).read_bytes()
    with open(memfile.create("test"), "r+b", buffering=0) as out:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew (proc(5))
        before = peak()
        compress(data, Kind(kind), CodecOptions(format=format_, max_width=width), out)
        return peak() - before

path, warming, kind, format_, width = sys.argv[1:]
take(warming, kind, format_, 20)
print(take(path, kind, format_, int(width)))
"""


def bytes_per_pixel(folder: Path, kind: Kind, format_: str, mode: str) -> float:
    """Of a picture of ``kind`` and ``mode`` on its way to ``format_``, in a process of its own."""
    paths = [folder / "large", folder / "small"]
    for path, size in zip(paths, (SIZE, (60, 40)), strict=True):
        path.write_bytes(encoded(photo(size=size).convert(mode), kind.name))
    # glibc's own choice of what to give back would count freed memory as used.
    env = os.environ | {"MALLOC_TRIM_THRESHOLD_": "0", "OMP_NUM_THREADS": "1"}
    arguments = [*map(str, paths), kind.value, format_, str(WIDTH)]
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments], capture_output=True, check=True, env=env
    )
    return int(ended.stdout) / (SIZE[0] * SIZE[1])


@pytest.mark.parametrize("format_", [format_ for format_ in Format if format_ != "original"])
@pytest.mark.parametrize(("kind", "mode"), [(Kind.PNG, "RGBA"), (Kind.TIFF, "CMYK")])
def test_image_takes_no_more_on_its_way_to_a_format_than_is_counted(
    tmp_path: Path, kind: Kind, mode: str, format_: Format
) -> None:
    counted = FORMATS[Kind(format_.value)].bytes_per_pixel
    assert bytes_per_pixel(tmp_path, kind, format_.value, mode) <= counted


@pytest.mark.parametrize("kind", Kind)
def test_image_that_keeps_its_format_takes_no_more_than_is_counted(
    tmp_path: Path, kind: Kind
) -> None:
    mode = "RGBA" if FORMATS[kind].alpha else "RGB"
    counted = FORMATS[kind].bytes_per_pixel
    assert bytes_per_pixel(tmp_path, kind, "original", mode) <= counted
