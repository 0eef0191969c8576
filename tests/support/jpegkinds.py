"""JPEGs of every kind: those that the native library takes, and those that it must refuse."""

from __future__ import annotations

from . import jpegscans
from .pictures import encoded, photo


def without(number: int, data: bytes) -> bytes:
    """The JPEG without one of its scans, whose tables stay."""
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
