"""The outputs of the codec for some pictures, recorded for its revision.

After a change of ``REVISION`` in codec/revision.py, write the record again with
``PYTHONPATH=tests python -m support.codecrecord``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from PIL import Image

from imagebatch_core.formats import Format, Kind, kind_of
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.revision import REVISION
from imagebatch_runner.codec.transcode import compress
from imagebatch_runner.workers import memfile

from .iccprofile import ADOBE_RGB, profile
from .pictures import decoded, encoded, photo

RECORD = Path(__file__).parents[1] / "unit" / "runner" / "codec" / "revision.json"
#: Columns and rows into which a picture is divided to compare its colours.
_PARTS = (3, 2)
_WHOLE, _SMALLER = None, 130


@dataclass(frozen=True, slots=True)
class Made:
    """The size of an output in bytes, and its mean colours, from 0 to 255."""

    size: int
    colours: tuple[int, ...]


@cache
def outputs() -> dict[str, Made]:
    """Return the codec's outputs by a name for picture and options."""
    return {name: _made(data, options, fast=fast) for name, data, options, fast in _cases()}


def record() -> tuple[int, dict[str, Made]]:
    """Return the recorded revision and its outputs."""
    found = json.loads(RECORD.read_text())
    outputs = {name: Made(size, tuple(rest)) for name, (size, *rest) in found["outputs"].items()}
    return found["revision"], outputs


def _cases() -> Iterator[tuple[str, bytes, CodecOptions, bool]]:
    picture = photo(size=(220, 150))
    clear = picture.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(picture.size))
    sources = {
        "photograph": encoded(picture, quality=92, subsampling=2),
        "fine chroma": encoded(picture, quality=92, subsampling=0),
        "transparent": encoded(clear, "PNG"),
        "wide gamut": encoded(picture, "PNG", icc_profile=profile(ADOBE_RGB)),
    }
    for (name, data), effort, width in product(
        sources.items(), ("fast", "small"), (_WHOLE, _SMALLER)
    ):
        for format_ in Format:
            options = CodecOptions(format=format_, profile=effort, max_width=width)
            yield f"{name} to {format_}, {effort}, {width}", data, options, True
        options = CodecOptions(profile=effort, max_width=width)
        yield f"{name} to jpeg by Pillow, {effort}, {width}", data, options, False
    for kind in Kind:
        options = CodecOptions(format="original", max_width=_SMALLER)
        yield f"{kind} made smaller", encoded(picture, kind.name), options, True


def _made(data: bytes, options: CodecOptions, *, fast: bool) -> Made:
    kind = kind_of(data)
    assert kind is not None
    with open(memfile.create("test"), "r+b", buffering=0) as out:  # noqa: PTH123 - a descriptor
        if not compress(data, kind, options, out, fast=fast).kept:
            out.seek(0)
            data = out.read()
    small = decoded(data).convert("RGBA").resize(_PARTS, Image.Resampling.BOX)
    return Made(len(data), tuple(small.tobytes()))


def main() -> None:
    made = {name: [one.size, *one.colours] for name, one in outputs().items()}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in made.items())
    RECORD.write_text(f'{{"revision": {REVISION}, "outputs": {{\n{lines}\n}}}}\n')


if __name__ == "__main__":
    main()
