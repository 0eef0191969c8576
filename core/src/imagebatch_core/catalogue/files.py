"""Read an uploaded table of products: a CSV or a workbook (.xlsx), recognised by its content."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from imagebatch_core.errors import InputRefused
from imagebatch_core.source_columns import NOTHING_CHOSEN, TableChoice

from .advice import ZIP_MAGIC, advice_for_bytes
from .rows import CELL_LIMIT, RowReader, open_rows
from .text import ROW_LIMIT
from .xlsx.sheet import LAST_COLUMN
from .xlsx.workbook import Workbook, open_workbook

_PIECE: Final = 64 * 1024
#: Characters of one row of a workbook: written as CSV, with quotes and delimiters, the row stays
#: within ROW_LIMIT.
_WORKBOOK_ROW_LIMIT: Final = ROW_LIMIT // 2 - 2 * LAST_COLUMN


@contextmanager
def open_table(
    file: BinaryIO,
    *,
    sheet: str | None = None,
    files: bool = False,
    quote_header: bool = False,
    chosen: TableChoice = NOTHING_CHOSEN,
) -> Iterator[RowReader]:
    """Yield the rows of a seekable file, to be read within the block.

    ``sheet`` names the sheet of a workbook; without it the first sheet that is not hidden is read.
    The other options are those of :func:`open_rows`.

    Raises:
        InputRefused: the file is no table of products; the text says why and what to do.
    """
    workbook = _open_workbook(file, sheet)
    if workbook is None:
        yield open_rows(file, files=files, quote_header=quote_header, chosen=chosen)
        return
    with workbook:
        rows = _SheetRows(workbook)
        yield RowReader(
            rows, iter(rows), joint=",", files=files, quote_header=quote_header, chosen=chosen
        )


def is_workbook(head: bytes) -> bool:
    """Return whether a file with these first bytes may be a workbook."""
    return head.startswith(ZIP_MAGIC)


def no_sheet(sheet: str) -> InputRefused:
    """Return the refusal of a CSV of which a sheet is named."""
    return InputRefused(f"a sheet is named ({sheet!r}), and the input is no .xlsx file")


def write_csv(
    file: BinaryIO, write: Callable[[bytes], object], *, sheet: str | None = None
) -> tuple[str, ...]:
    """Write a file as CSV: a CSV unchanged, a workbook's sheet row by row.

    The same file gives the same bytes. Returns notices: sentences for people about things that do
    not stop the batch.

    Raises:
        InputRefused: the workbook cannot be read, or has no such sheet.
    """
    workbook = _open_workbook(file, sheet)
    if workbook is None:
        while piece := file.read(_PIECE):
            write(piece)
        return ()
    with workbook:
        # It begins with a UTF-8 BOM, so that the first cell is never mistaken for another format.
        text = io.StringIO("\ufeff", newline="")
        text.seek(1)
        cells = csv.writer(text, lineterminator="\n")
        for row in workbook.rows():
            cells.writerow(row)
            if text.tell() > _PIECE:
                write(text.getvalue().encode())
                text.seek(0)
                text.truncate()
        write(text.getvalue().encode())
    return workbook.notices


class _SheetRows:
    """Adapts a workbook's rows to :class:`RowReader`; its line numbers are those of sheet rows."""

    mended = 0

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self._number = 0

    @property
    def notices(self) -> tuple[str, ...]:
        return self._workbook.notices

    def begin_row(self) -> int:
        return self._number + 1

    def __iter__(self) -> Iterator[list[str]]:
        for row in self._workbook.rows():
            self._number += 1
            yield row


def _open_workbook(file: BinaryIO, sheet: str | None) -> Workbook | None:
    """Open the workbook in a file; ``None`` if the file is no ZIP file, so that it may be a CSV."""
    file.seek(0)
    head = file.read(_PIECE)
    file.seek(0)
    if not is_workbook(head):
        if sheet is not None:
            raise no_sheet(sheet)
        return None
    advice = advice_for_bytes(head) or ""
    try:
        found = open_workbook(
            file, sheet=sheet, cell_limit=CELL_LIMIT, row_limit=_WORKBOOK_ROW_LIMIT
        )
    except InputRefused:
        if b"xl/" in head:
            raise
        raise InputRefused(advice) from None
    if found is None:
        raise InputRefused(advice)
    return found
