"""Read a workbook: find its parts, and return the rows of one sheet as text."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from imagebatch_core.errors import InputRefused

from .archive import UNPACKED_LIMIT, Archive
from .number_formats import CellFormats
from .shared_strings import SharedStrings, unescaped
from .sheet import SheetParser, SheetRow
from .xml import elements, whole_number

_USUAL_PART: Final = "xl/workbook.xml"
_SHEETS_LIMIT: Final = 1_000


class _Sheet(NamedTuple):
    name: str
    part: str


class Workbook:
    """One sheet of a workbook, whose rows are read as a stream.

    It is the sheet named ``sheet``, or without a name the first that is not hidden. Use it as a
    context manager, because it may hold a temporary file.
    """

    def __init__(
        self, archive: Archive, main: str, *, sheet: str | None, cell_limit: int, row_limit: int
    ) -> None:
        self._archive = archive
        self._cell_limit = cell_limit
        self._row_limit = row_limit
        self._related = _relations(archive, main)
        self._sheets, from_1904 = self._read_main(main)
        self._sheet = self._chosen(sheet)
        self._several = sheet is None and len(self._sheets) > 1
        self._uncalculated = 0
        self._formats = CellFormats(from_1904=from_1904)
        self._strings = SharedStrings()

    def __enter__(self) -> Workbook:
        return self

    def __exit__(self, *_error: object) -> None:
        self._strings.close()

    def rows(self) -> Iterator[list[str]]:
        """Yield the sheet's rows in order, and an empty row for each that is not in the file.

        Empty cells at the end of a row are left out.
        """
        styles, strings = self._part_of("styles"), self._part_of("sharedStrings")
        if styles is not None:
            self._formats.read(elements(self._archive.pieces(styles), styles))
        if strings is not None:
            self._strings.read(self._archive.pieces(strings), strings, longest=self._cell_limit)
        part = self._sheet.part
        parser = SheetParser(self._archive.pieces(part), part, longest=self._row_limit)
        number = given = 0
        for row in parser.rows():
            for _ in range(number + 1, row.number):
                yield []
            number = row.number
            texts = self._texts(row)
            given += len(texts) + sum(map(len, texts))
            if given > UNPACKED_LIMIT:
                raise InputRefused("the table is too large; save it as CSV UTF-8 first")
            self._uncalculated = parser.uncalculated
            yield texts

    @property
    def notices(self) -> tuple[str, ...]:
        """The notices so far: sentences for people about things that do not stop the batch."""
        found = []
        if self._several:
            name = self._sheet.name
            found.append(f"the workbook has {len(self._sheets)} sheets; {name!r} was read")
        if self._uncalculated:
            found.append(
                f"formulas that were never calculated count as empty ({self._uncalculated:,} "
                "found); open the file in a spreadsheet and save it"
            )
        return tuple(found)

    def _texts(self, row: SheetRow) -> list[str]:
        texts: list[str] = []
        held = 0
        for column, attributes, written in row.cells:
            text = self._text(attributes, written)
            held += len(text)
            if held > self._row_limit:
                raise InputRefused(
                    f"the row is longer than {self._row_limit} characters", line=row.number
                )
            if column == len(texts) + 1:
                texts.append(text)
            else:
                texts += [""] * (column - len(texts))
                texts[column - 1] = text
        while texts and not texts[-1]:
            texts.pop()
        return texts

    def _text(self, attributes: dict[str, str], written: str) -> str:
        """Return the text of a cell, from its attributes and content in the sheet's XML."""
        kind = attributes.get("t", "n")
        if kind == "s":
            return self._strings[whole_number(written, -1)]
        if kind == "n":
            return self._formats.text(written, whole_number(attributes.get("s"), 0))
        if kind == "b":
            return "FALSE" if written.strip() in ("0", "false") else "TRUE"
        if kind == "d":
            return written.replace("T", " ").removesuffix(" 00:00:00")
        return unescaped(written)

    def _read_main(self, main: str) -> tuple[list[_Sheet], bool]:
        """Return the worksheets that are not hidden, and whether dates count from 1904."""
        sheets: list[_Sheet] = []
        from_1904 = False
        for element, attributes in elements(self._archive.pieces(main), main):
            if element == "workbookPr":
                from_1904 = attributes.get("date1904", "") in ("1", "true", "on")
            elif element == "sheet":
                kind, part = self._related.get(attributes.get("id", ""), ("", ""))
                hidden = attributes.get("state", "visible") != "visible"
                if kind == "worksheet" and not hidden and len(sheets) < _SHEETS_LIMIT:
                    sheets.append(_Sheet(attributes.get("name", ""), part))
        if not sheets:
            raise InputRefused("the workbook has no sheet with rows that is not hidden")
        return sheets, from_1904

    def _chosen(self, name: str | None) -> _Sheet:
        if name is None:
            return self._sheets[0]
        wanted = name.strip().casefold()
        found = next((one for one in self._sheets if one.name.strip().casefold() == wanted), None)
        if found is None:
            raise InputRefused(f"the workbook has no sheet {name!r}, or it is hidden")
        return found

    def _part_of(self, kind: str) -> str | None:
        found = (part for related, part in self._related.values() if related == kind)
        return next((part for part in found if part in self._archive), None)


def open_workbook(
    file: BinaryIO, *, sheet: str | None, cell_limit: int, row_limit: int
) -> Workbook | None:
    """Open the workbook in a ZIP file; ``None`` if the file holds none.

    ``cell_limit`` and ``row_limit`` are the most characters that one cell and one row may have.

    Raises:
        InputRefused: the file is damaged, unpacks to far too much, or has no such sheet.
    """
    archive = Archive(file)
    related = _relations(archive, "").values() if "_rels/.rels" in archive else ()
    main = next((part for kind, part in related if kind == "officeDocument"), _USUAL_PART)
    if main.lower().endswith(".bin"):
        raise InputRefused("this is a binary Excel file (.xlsb); save it as .xlsx first")
    if main not in archive or not _is_workbook(archive, main):
        return None
    return Workbook(archive, main, sheet=sheet, cell_limit=cell_limit, row_limit=row_limit)


def _is_workbook(archive: Archive, main: str) -> bool:
    first = next(elements(archive.pieces(main), main), None)
    return first is not None and first[0] == "workbook"


def _relations(archive: Archive, part: str) -> dict[str, tuple[str, str]]:
    """Return the relationships of a part: id → (kind, part referred to).

    The part ``""`` stands for the whole file.
    """
    folder, name = posixpath.split(part)
    listed = posixpath.join(folder, "_rels", f"{name}.rels")
    found: dict[str, tuple[str, str]] = {}
    for element, attributes in elements(archive.pieces(listed), listed):
        if element == "Relationship" and len(found) < _SHEETS_LIMIT:
            target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
            kind = attributes.get("Type", "").rpartition("/")[2]
            found[attributes.get("Id", "")] = (kind, target.lstrip("/"))
    return found
