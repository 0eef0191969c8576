"""Make pictures that Pillow cannot write: of 16 bits, inverted, with a wrong size, or bombs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

from PIL import Image

from .pictures import encoded

PNG = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a PNG chunk with its correct checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, depth: int, colour: int, lines: bytes, *extra: bytes) -> bytes:
    """Return a PNG of raw scan lines, each with its filter byte; ``extra`` chunks precede the
    pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return PNG + chunk(b"IHDR", header) + b"".join(extra) + body


def deep_png(image: Image.Image) -> bytes:
    """Return an L, LA, RGB or RGBA image as a PNG with 16 bits a channel: each value times 257."""
    colour = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}[image.mode]
    row = image.width * len(image.getbands())
    data = image.tobytes()
    lines = b"".join(
        b"\0" + bytes(value for byte in data[at : at + row] for value in (byte, byte))
        for at in range(0, len(data), row)
    )
    return png(image.width, image.height, 16, colour, lines)


def deep_tiff(image: Image.Image) -> bytes:
    """Return an RGB image as an uncompressed TIFF with 16 bits a channel."""
    pixels = bytes(value for byte in image.tobytes() for value in (byte, byte))
    entries = [
        (256, 3, 1, image.width),
        (257, 3, 1, image.height),
        (258, 3, 3, 8),  # bits of each sample: at offset 8
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 14),
        (277, 3, 1, 3),
        (278, 3, 1, image.height),
        (279, 4, 1, len(pixels)),
        (284, 3, 1, 1),
    ]
    return (
        struct.pack("<2sHI", b"II", 42, 14 + len(pixels))
        + struct.pack("<3H", 16, 16, 16)
        + pixels
        + struct.pack("<H", len(entries))
        + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        + bytes(4)
    )


def ycck_jpeg(cmyk: Image.Image) -> bytes:
    """Return a YCCK JPEG as Photoshop writes it: inverted, with Adobe transform 2."""
    cyan, magenta, yellow, black = cmyk.split()
    luma = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr")
    turned = [band.point(lambda value: 255 - value) for band in luma.split()]
    plain = encoded(Image.merge("CMYK", (*turned, black)), "JPEG", quality=95, subsampling=0)
    at = plain.index(b"Adobe")
    return plain[: at + 11] + b"\x02" + plain[at + 12 :]


def mpo(*images: Image.Image) -> bytes:
    """Return several JPEGs in one file (MPO), as phones store a photo and its depth."""
    out = BytesIO()
    images[0].save(out, "MPO", save_all=True, append_images=images[1:], quality=92)
    return out.getvalue()


def _at(offset: int, form: str) -> Callable[[bytes, int, int], bytes]:
    def patched(data: bytes, width: int, height: int) -> bytes:
        values = struct.pack(form, width, height)
        return data[:offset] + values + data[offset + len(values) :]

    return patched


def _png(data: bytes, width: int, height: int) -> bytes:
    header = struct.pack(">II", width, height) + data[24:29]
    return PNG + chunk(b"IHDR", header) + data[33:]


def _jpeg(data: bytes, width: int, height: int) -> bytes:
    at = next(i for i in range(len(data)) if data[i : i + 2] in (b"\xff\xc0", b"\xff\xc2"))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def _webp_lossless(data: bytes, width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14 | (data[24] & 0xF0) << 24
    return data[:21] + struct.pack("<I", bits) + data[25:]


def _webp_extended(data: bytes, width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return data[:24] + size + data[30:]


def _tiff(data: bytes, width: int, height: int) -> bytes:
    """Replace the values of the tags ImageWidth and ImageLength, of any type."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack(order + "I", data[4:8])
    (count,) = struct.unpack(order + "H", data[at : at + 2])
    changed = bytearray(data)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        (tag,) = struct.unpack(order + "H", data[entry : entry + 2])
        if tag in (256, 257):
            value = width if tag == 256 else height
            changed[entry + 2 : entry + 12] = struct.pack(order + "HII", 4, 1, value)
    return bytes(changed)


def _avif(data: bytes, width: int, height: int) -> bytes:
    """Replace every ``ispe`` property, which has the size that readers use."""
    changed, at = bytearray(data), 0
    while (at := data.find(b"ispe", at)) >= 0:
        changed[at + 8 : at + 16] = struct.pack(">II", width, height)
        at += 16
    return bytes(changed)


def _small(format_: str, **options: object) -> bytes:
    return encoded(Image.new("RGB", (64, 64), "teal"), format_, **options)


#: A small file of each kind, and how to make its header claim another size.
_CLAIMS: dict[str, tuple[Callable[[], bytes], Callable[[bytes, int, int], bytes]]] = {
    "png": (lambda: _small("PNG"), _png),
    "jpeg": (lambda: _small("JPEG"), _jpeg),
    "progressive jpeg": (lambda: _small("JPEG", progressive=True), _jpeg),
    "gif": (lambda: _small("GIF"), _at(6, "<HH")),
    "bmp": (lambda: _small("BMP"), _at(18, "<ii")),
    "webp": (lambda: _small("WEBP"), _at(26, "<HH")),
    "lossless webp": (lambda: _small("WEBP", lossless=True), _webp_lossless),
    "extended webp": (lambda: _small("WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"), _webp_extended),
    "tiff": (lambda: _small("TIFF"), _tiff),
    "deflated tiff": (lambda: _small("TIFF", compression="tiff_adobe_deflate"), _tiff),
    "avif": (lambda: _small("AVIF"), _avif),
}
CLAIMING = tuple(_CLAIMS)


def claiming(kind: str, width: int, height: int) -> bytes:
    """Return a file of a few hundred bytes whose header claims ``width`` x ``height`` pixels."""
    make, patch = _CLAIMS[kind]
    return patch(make(), width, height)


def gif_frame_beyond_its_screen(width: int, height: int) -> bytes:
    """Return a GIF with a screen of 1x1 pixels and a frame of ``width`` x ``height``."""
    data = _small("GIF")
    at = data.index(b"\x2c", 13 + 3 * (2 << (data[10] & 7)))
    screen = data[:6] + struct.pack("<HH", 1, 1) + data[10:at]
    return screen + b"\x2c" + struct.pack("<HHHH", 0, 0, width, height) + data[at + 9 :]
