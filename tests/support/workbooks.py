"""Make workbooks (.xlsx) for tests, with common libraries or part by part."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import openpyxl
import xlsxwriter

HEADER = ["S. No.", "Product Name", "Input Image Urls"]
Table = Sequence[Sequence[Any]]

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def by_xlsxwriter(rows: Table, *, inline: bool = False) -> bytes:
    """Return a workbook of one sheet. ``inline`` writes texts into the cells, not into the table of
    shared strings."""
    out = io.BytesIO()
    options = {"in_memory": True, "constant_memory": inline, "strings_to_urls": False}
    options |= {"strings_to_formulas": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as workbook:
        sheet = workbook.add_worksheet("Products")
        for at, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(at, column, value)
                else:
                    sheet.write(at, column, value)
    return out.getvalue()


def by_openpyxl(sheets: Mapping[str, Table], hidden: Iterable[str] = ()) -> bytes:
    """Return a workbook of several sheets; a cell may be a pair of value and number format."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        if name in hidden:
            sheet.sheet_state = "hidden"
        for at, row in enumerate(rows, start=1):
            for column, value in enumerate(row, start=1):
                cell = sheet.cell(at, column)
                cell.value, form = value if isinstance(value, tuple) else (value, None)
                if form is not None:
                    cell.number_format = form
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def by_parts(
    sheet: str,
    strings: str = "",
    *,
    styles: str = "",
    main: str = "",
    parts: Mapping[str, bytes] | None = None,
    method: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """Return a workbook with this XML for the rows of its sheet and its shared strings.

    ``parts`` are further parts of the file; they replace parts of the same name.
    """
    found: dict[str, bytes] = {
        "_rels/.rels": _relations("", ("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": (
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{main}'
            '<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>'
        ).encode(),
        "xl/_rels/workbook.xml.rels": _relations(
            "",
            ("worksheet", "worksheets/sheet1.xml"),
            ("sharedStrings", "sharedStrings.xml"),
            ("styles", "styles.xml"),
        ),
        "xl/worksheets/sheet1.xml": (
            f'<worksheet xmlns="{_MAIN}"><sheetData>{sheet}</sheetData></worksheet>'
        ).encode(),
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{strings}</sst>'.encode(),
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">{styles}</styleSheet>'.encode(),
        **(parts or {}),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in found.items():
            archive.writestr(name, content)
    return out.getvalue()


def _relations(folder: str, *targets: tuple[str, str]) -> bytes:
    listed = "".join(
        f'<Relationship Id="r{number}" Type="{_OFFICE}/{kind}" Target="{folder}{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{_PACKAGE}">{listed}</Relationships>'.encode()
