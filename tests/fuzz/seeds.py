"""Where the fuzzers begin: a small corpus of good and odd inputs, always the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from imagebatch_core.formats import Kind
from support import oddpictures
from support.nocsv import NO_CSV
from support.pictures import encoded
from support.special_addresses import CLOUD, embedded
from support.workbooks import by_openpyxl, by_xlsxwriter

HEADER = "S. No.,Product Name,Input Image Urls"


def of(target: str) -> list[bytes]:
    """The corpus of one target."""
    return {
        "csv_reader": _csv,
        "workbook": _workbooks,
        "header_sniff": _images,
        "url": _urls,
        "picture": _images,
    }[target]()


def write(target: str, folder: Path) -> None:
    for number, seed in enumerate(of(target)):
        (folder / f"seed-{number:03}").write_bytes(seed)


def _csv() -> list[bytes]:
    bodies = [
        "1,Cat,http://a/1\n",
        '1,Cat,"http://a/1,http://a/2"\n',
        "1,Cat,http://a/1,http://a/2\n\n,,\n2,,\n",
        '=1,"@a\n""b""",http://a\r3,-x,+y\r\n',
        "1,Tür\u2028\x85,http://ä/ü\n",
        "1,Cat,https://a/w_300,h_300/1.jpg,n/a,ftp://b;https://a/2|s3://b/3 http://c\n",
        '1,Cat,"https://a/(1.jpg,2),,3.jpg\r\nhttp://b|n/a",data:x,y\n',
    ]
    texts = [f"{HEADER}\n{body}" for body in bodies]
    texts += [text.replace(",", ";") for text in texts[:2]]
    texts += [text.replace(",", "\t") for text in texts[:2]]
    texts += [
        f"Colour,{HEADER},Size\nred,1,Cat,http://a,http://b,XL\n",
        "Serial Number,Name,Images,Output Image Urls,Error\n1,a,http://a,x,y\n",
    ]
    found = [text.encode() for text in texts]
    found += [text.encode("cp1252", "ignore") for text in texts]
    found += [texts[0].encode() + b"2,T\xfcr \x81\xe2\x82\xed\xa0\x80,http://a\n"]
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        found += [text.encode(encoding) for text in texts[:3]]
    return found + [content[:2000] for content, _ in NO_CSV.values()]


def _workbooks() -> list[bytes]:
    """Rows of a sheet, which the target packs, and whole workbooks."""
    row = (
        "<row>" + "".join(f"<c t='str'><v>{name}</v></c>" for name in HEADER.split(",")) + "</row>"
    )
    bodies = [
        "<row r='3'><c r='A3'><v>1.0</v></c><c r='C3' t='inlineStr'><is><t>http://a</t></is></c></row>",
        "<row><c s='1'><v>45000.5</v></c><c t='s'><v>0</v></c><c t='s'><v>1</v></c></row>",
        "<row><c t='b'><v>1</v></c><c t='e'><v>#N/A</v></c><c t='d'><v>2026-11-28</v></c></row>",
        "<row><c s='2'><v>0.25</v></c><c s='3'><v>7</v></c><c s='4'><v>1.5</v></c></row><!-- & -->",
    ]
    table = [HEADER.split(","), [1, "Größe", "http://a,http://b"], [2.5, "=1", "n/a"]]
    whole = [by_xlsxwriter(table), by_xlsxwriter(table, inline=True), by_openpyxl({"S": table})]
    return [(row + body).encode() for body in bodies] + whole


def _images() -> list[bytes]:
    chance = random.Random(1)
    image = Image.frombytes("RGB", (16, 16), chance.randbytes(16 * 16 * 3))
    others = [kind.name for kind in Kind if kind is not Kind.JPEG]
    found = [encoded(image, name) for name in others]
    found += [
        encoded(image, "JPEG", quality=quality, subsampling=sampling, **options)
        for quality, sampling, options in (
            (90, "4:4:4", {}),
            (75, "4:2:0", {"optimize": True}),
            (95, "4:2:2", {"progressive": True}),
            (80, "4:2:0", {"restart_marker_blocks": 1}),
        )
    ]
    found += [
        encoded(image.convert("L"), "JPEG"),
        encoded(image.convert("CMYK"), "JPEG"),
        encoded(image.convert("P"), "PNG"),
        encoded(image, "GIF", save_all=True, append_images=[image.rotate(90)]),
        encoded(image, "WEBP", save_all=True, append_images=[image.rotate(90)]),
        oddpictures.ycck_jpeg(image.convert("CMYK")),
        oddpictures.deep_png(image),
        oddpictures.deep_tiff(image),
        oddpictures.mpo(image, image),
        b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0",
    ]
    return found + [oddpictures.claiming(kind, 300, 200) for kind in oddpictures.CLAIMING]


def _urls() -> list[bytes]:
    return [text.encode("utf-8", "surrogateescape") for text in _texts()]


def _texts() -> Iterator[str]:
    yield from ("http://example.com/", "https://EXAMPLE.com:8443/a?b#c", "http://bücher.example/")
    yield from (
        "http://u:p@example.com/",
        "http://１２７.0.0.1/",
        "http://0x7f.1/",
        "http://[::1]/",
    )
    yield from ("http://xn--a/", "http://a%2eb/", "//a", "http://[fe80::1%25eth0]/")
    yield from (f"http://{address}/" for address in CLOUD if ":" not in address)
    yield from (f"http://[{address}]:81/" for address, _ in embedded("10.0.0.1"))
