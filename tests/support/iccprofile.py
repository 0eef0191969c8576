"""ICC profiles of wide gamuts, built from their published primaries, and what sRGB makes of them.

Matrix/TRC profiles of ICC.1:2001-04 (version 2.4), D50-adapted by Bradford; the curve is a gamma.
"""

from __future__ import annotations

import struct

import numpy as np

_D65 = (0.3127, 0.3290)
_D50_XYZ = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
#: CIE xy of red, green and blue.
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060))
_SRGB = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))


def profile(primaries: tuple[tuple[float, float], ...], gamma: float = 2.2) -> bytes:
    """The profile's bytes, for ``icc_profile=`` of Pillow's ``save``."""
    red, green, blue = _to_d50(primaries).T
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256))
    name = b"wide gamut of a test\0"
    desc = b"desc" + struct.pack(">II", 0, len(name)) + name + bytes(78)
    tags = {
        b"desc": desc,
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": _xyz(_D50_XYZ),
        b"rXYZ": _xyz(red),
        b"gXYZ": _xyz(green),
        b"bXYZ": _xyz(blue),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, data = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag, start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    size = start + len(data)
    head = struct.pack(">I4sI4s4s4s", size, b"test", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">3i", *(round(v * 65536) for v in _D50_XYZ))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def in_srgb(
    rgb: tuple[int, int, int], primaries: tuple[tuple[float, float], ...], gamma: float = 2.2
) -> tuple[int, int, int]:
    """The sRGB colour that looks the same, by the definitions; out of gamut is clipped."""
    linear = (np.array(rgb) / 255) ** gamma
    mixed = np.linalg.inv(_to_d50(_SRGB)) @ _to_d50(primaries) @ linear
    mixed = np.clip(mixed, 0, 1)
    encoded = np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * mixed ** (1 / 2.4) - 0.055)
    red, green, blue = (round(float(value) * 255) for value in encoded)
    return red, green, blue


def _to_d50(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """The matrix from linear RGB, white D65, to XYZ relative to D50."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    x, y = _D65
    white = np.array([x / y, 1.0, (1 - x - y) / y])
    to_xyz = columns * np.linalg.solve(columns, white)
    ratio = (_BRADFORD @ _D50_XYZ) / (_BRADFORD @ white)
    adapted: np.ndarray = np.linalg.inv(_BRADFORD) @ np.diag(ratio) @ _BRADFORD @ to_xyz
    return adapted


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(v) * 65536) for v in values))
