"""Files that people upload instead of a CSV, as their programs write them, and our advice."""

from __future__ import annotations

import gzip
import io
import zipfile


def _zip(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            stored = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, stored)
    return out.getvalue()


_SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'
_ODS = "application/vnd.oasis.opendocument.spreadsheet"

#: What it is → its bytes, and words of the advice.
NO_CSV: dict[str, tuple[bytes, str]] = {
    "xlsx": (
        _zip(**{"[Content_Types].xml": "<Types/>", "xl/worksheets/sheet1.xml": _SHEET}),
        "Excel file (.xlsx) that cannot be read; save it as CSV",
    ),
    "xls": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
        "old Excel file (.xls), or one with a password; save it as",
    ),
    "very old xls": (b"\x09\x08\x10\x00\x00\x06\x05\x00" + bytes(64), ".xls"),
    "xls that is a web page": (b"<table><tr><td>S. No.</td></tr></table>", "save as .xls"),
    "xls that is XML": (b'<?xml version="1.0"?><Workbook/>', "XML"),
    "ods": (
        _zip(mimetype=_ODS, **{"content.xml": "<office:document-content/>"}),
        "LibreOffice spreadsheet (.ods); save it as .xlsx",
    ),
    "numbers": (_zip(**{"Index/Document.iwa": "x"}), "Numbers spreadsheet (.numbers); export"),
    "docx": (_zip(**{"[Content_Types].xml": "<Types/>", "word/document.xml": "<w/>"}), ".docx"),
    "zip": (_zip(**{"products.csv": "S. No.,Product Name,Input Image Urls\n"}), "unpack it, first"),
    "empty zip": (_zip(), "unpack it, first"),
    "gzip": (gzip.compress(b"S. No.,Product Name,Input Image Urls\n"), "unpack it first"),
    "pdf": (b"%PDF-1.7\n1 0 obj\n", "export the table as CSV"),
    "web page": (b"\r\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "web page"),
    "JSON": (b'[{"S. No.": 1, "Input Image Urls": ["http://a"]}]', "JSON"),
    "JSON object": (b'\xef\xbb\xbf{\n  "products": []\n}', "JSON"),
    "rtf": (b"{\\rtf1\\ansi S. No.}", ".rtf"),
    "SQLite": (b"SQLite format 3\0" + bytes(84), "database"),
    "JPEG": (b"\xff\xd8\xff\xe0" + bytes(64), "an image (JPEG)"),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(64), "an image (PNG)"),
    "program": (b"\x7fELF\x02\x01\x01" + bytes(120), "binary file"),
    "zeros": (bytes(4096), "binary file"),
}
