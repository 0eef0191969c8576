"""Compare the bytes of the profile small with those of sharp's mozjpeg at equal visual quality."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image
from skimage import data

from . import quality
from .folders import cache
from .measure import Cost
from .peer import Peer
from .section import Table

#: Photographs of scikit-image in their own size, not tiled.
_PICTURES: Final[Mapping[str, Callable[[], Any]]] = {
    "chelsea": data.chelsea,
    "astronaut": data.astronaut,
    "coffee": data.coffee,
    "retina": data.retina,
    "rocket": data.rocket,
    "hubble": data.hubble_deep_field,
    "tissue": data.immunohistochemistry,
    "motorcycle": lambda: data.stereo_motorcycle()[0],  # type: ignore[no-untyped-call]
}
#: Sources by name: a JPEG such as cameras and shops write, and a picture that was never a JPEG.
_SOURCES: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "JPEG, quality 92": ("jpg", {"quality": 92, "subsampling": "4:2:0"}),
    "PNG": ("png", {"compress_level": 1}),
}
_QUALITIES: Final = (50, 75, 85)
#: Qualities at which sharp is measured. Its bytes for a quality in between are interpolated.
_OF_SHARP: Final = (38, 44, 50, 56, 63, 70, 75, 80, 84, 88, 92)
_METRICS: Final = (quality.ssimulacra2, quality.ssim)

TEXT: Final = """
"At equal quality" is a comparison of its own: scikit-image's photographs as they are, as JPEG and
as PNG, through the profile small and through sharp's mozjpeg at many qualities; the bytes that
sharp needs for the score of each output are interpolated, and the ratios' geometric mean is given.
"""


def table(peer: Peer, ours: Callable[[int], Callable[[Path], bytes]]) -> Table:
    """Return the table. ``ours`` returns the variant of the profile small for a quality."""
    ratios: dict[tuple[str, int], list[list[float]]] = {}
    for source in _SOURCES:
        for name in _PICTURES:
            path = _written(name, source)
            before = path.read_bytes()
            needed = _curves(before, path, lambda q: peer.variant("jpeg", quality=q, mozjpeg=True))
            for number in _QUALITIES:
                output = ours(number)(path)
                found = [
                    len(output) / needed_at(metric(before, output))
                    for metric, needed_at in zip(_METRICS, needed, strict=True)
                ]
                ratios.setdefault((source, number), []).append(found)
    rows = [
        [source, str(number), *(_mean(column) for column in zip(*found, strict=True))]
        for (source, number), found in ratios.items()
    ]
    columns = ["Input", "quality", "bytes at equal SSIMULACRA2, mozjpeg = 1", "at equal SSIM"]
    return Table("Profile small at equal quality", columns, rows)


def _curves(
    before: bytes, path: Path, variant: Callable[[int], Callable[[Path], Cost]]
) -> list[Callable[[float], float]]:
    """Return a function for each metric: it returns the bytes that the variant needs for a
    score."""
    outputs = [variant(number)(path).output for number in _OF_SHARP]
    sizes = [math.log(len(output)) for output in outputs]

    def curve(metric: Callable[[bytes, bytes], float]) -> Callable[[float], float]:
        scores = np.maximum.accumulate([metric(before, output) for output in outputs])
        return lambda score: math.exp(float(np.interp(score, scores, sizes)))

    return [curve(metric) for metric in _METRICS]


def _written(name: str, source: str) -> Path:
    ending, options = _SOURCES[source]
    folder = cache() / "equal-quality"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.{ending}"
    Image.fromarray(_PICTURES[name]()[..., :3]).save(path, **options)
    return path


def _mean(ratios: tuple[float, ...]) -> str:
    return f"{statistics.geometric_mean(ratios):.3f}"
