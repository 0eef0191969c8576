"""Recognise files that are no CSV by their first bytes, and say what to do with them."""

from __future__ import annotations

import csv
import re
from typing import Final

from imagebatch_core.formats import kind_of, unsupported_format

_AS_TABLE: Final = "save it as .xlsx or CSV UTF-8 first"

#: First bytes → advice.
_MAGIC: Final = (
    (b"\xd0\xcf\x11\xe0", f"this is an old Excel file (.xls), or one with a password; {_AS_TABLE}"),
    (b"\x09\x08", f"this is a very old Excel file (.xls); {_AS_TABLE}"),
    (b"%PDF", "this is a PDF; export the table as CSV"),
    (b"{\\rtf", "this is a text document (.rtf); save the table as CSV UTF-8"),
    (b"\x1f\x8b", "this is a gzip file; unpack it first"),
    (b"BZh91AY&SY", "this is a bzip2 file; unpack it first"),
    (b"\xfd7zXZ\0", "this is an xz file; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "this is a zstd file; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "this is a 7z file; unpack it first"),
    (b"Rar!\x1a\x07", "this is a RAR file; unpack it first"),
    (b"PAR1\x15", "this is a Parquet file; export it as CSV"),
    (b"SQLite format 3\0", "this is a database (SQLite); export the table as CSV"),
)
ZIP_MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
#: Bytes near the start of a ZIP file that only one kind of document has → advice.
_IN_ZIP: Final = (
    (b"opendocument.spreadsheet", f"this is a LibreOffice spreadsheet (.ods); {_AS_TABLE}"),
    (b".iwa", "this is a Numbers spreadsheet (.numbers); export it as .xlsx or CSV first"),
    (b"word/", "this is a text document (.docx); save the table as CSV UTF-8"),
    (b"xl/", "this is an Excel file (.xlsx) that cannot be read; save it as CSV UTF-8 first"),
)

#: Pattern of the first characters of markup or data → advice.
_TEXT: Final = (
    (
        re.compile(r"\s*<(!doctype\s+html|html|head|body|table|meta)\b", re.IGNORECASE),
        "this is a web page, which some programs save as .xls; download or save the CSV itself",
    ),
    (
        re.compile(r"\s*<(\?xml|!doctype|svg|workbook|!--)", re.IGNORECASE),
        "this is XML, not a CSV; save the table as CSV UTF-8",
    ),
    (
        re.compile(r"\s*(\{\s*[\"'}]|\[\s*[\[{\"\]])"),
        "this is JSON, not a CSV; export it as CSV with one product a line",
    ),
)


def advice_for_bytes(head: bytes) -> str | None:
    """Return what a file with these first bytes is and what to do; ``None`` if it may be text."""
    if head.startswith(ZIP_MAGIC):
        return next(
            (advice for mark, advice in _IN_ZIP if mark in head),
            "this is a spreadsheet (.xlsx) or a .zip file; save it as CSV, or unpack it, first",
        )
    kind = kind_of(head)
    image = unsupported_format(head) if kind is None else kind.name
    if image is not None:
        return f"this is an image ({image}), not a CSV of image URLs"
    return next((advice for magic, advice in _MAGIC if head.startswith(magic)), None)


def advice_for_text(head: str) -> str | None:
    """Return what a text that is no CSV is and what to do; ``None`` if it may be a CSV."""
    return next((advice for form, advice in _TEXT if form.match(head)), None)


def explain_csv_error(error: csv.Error, cell_limit: int) -> str:
    """Return what is wrong with a CSV and what to do, for an error of :mod:`csv`."""
    text = str(error)
    if "unexpected end of data" in text:
        return 'a quote (") is opened here and never closed'
    if "field larger than" in text:
        return f'a cell is longer than {cell_limit} characters; is a quote (") not closed?'
    if "expected after" in text:
        return 'text follows a closing quote ("); double a quote that belongs to the text ("")'
    return text
