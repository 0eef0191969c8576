"""Checks an uploaded CSV or workbook, and counts its rows and images."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import IO, BinaryIO, Final, cast

from imagebatch_core.catalogue.files import no_sheet, open_table
from imagebatch_core.catalogue.plain_rows import Plain
from imagebatch_core.catalogue.rows import Row, RowReader, open_rows
from imagebatch_core.catalogue.rows import RowProblem as CatalogueProblem
from imagebatch_core.errors import InputRefused
from imagebatch_core.source import Source
from imagebatch_core.source_columns import NOTHING_CHOSEN, table_choice
from imagebatch_gateway.answers.upload_models import RowProblem

ROW_PROBLEMS_SHOWN: Final = 100
_PIECE: Final = 1 << 20
#: Bytes of a file up to which every row is checked, and rows that are checked of a larger one.
CHECKED_WHOLE: Final = 64 * 1000 * 1000
ROWS_CHECKED: Final = 1_000_000
_NOT_WHOLE: Final = (
    f"The first {ROWS_CHECKED:,} rows were checked; the others are checked when the request is "
    "planned."
)


@dataclass(frozen=True, slots=True)
class CsvFacts:
    """Counts of an uploaded file, and what was noticed in it.

    ``row_problems`` holds the first 100 problems, ``row_problem_count`` counts all of them. All
    counts are of the rows that were checked: ``whole`` says whether these are all rows.
    ``notices`` are sentences about the file as a whole that need no action. ``sha256`` is the
    file's hash.
    """

    products: int
    images: int
    row_problem_count: int
    row_problems: tuple[RowProblem, ...]
    notices: tuple[str, ...]
    sha256: str
    whole: bool = True


def check_csv(
    file: IO[bytes],
    source: Source | None = None,
    look: Callable[[Row, int], Sequence[CatalogueProblem]] | None = None,
) -> CsvFacts:
    """Read and check a file in constant memory. Blocks: call it in a thread.

    Of a file of more than 64 MB the first million rows are checked, and the others by plan, which
    refuses the request if they are not valid. ``source`` names the sheet of a
    workbook and the columns to read. ``look`` is called with every row and the 1-based column of
    its URLs, and returns further problems of the row.

    Raises:
        InputRefused: the file as a whole is refused; the error's text says why and what to do.
    """
    most = None if file.seek(0, io.SEEK_END) <= CHECKED_WHOLE else ROWS_CHECKED
    sheet = None if source is None else source.sheet
    chosen = NOTHING_CHOSEN if source is None else table_choice(source.columns, source.base_url)
    with open_table(cast(BinaryIO, file), sheet=sheet, quote_header=True, chosen=chosen) as rows:
        checked = _check_rows(rows, look, most, lambda _products: False)
    return replace(checked, sha256=_sha256(file))


def check_stream(file: BinaryIO, source: Source, taken: Callable[[], int]) -> CsvFacts:
    """Read and check a CSV while it arrives, as :func:`check_csv` does. Blocks: call it in a
    thread.

    ``source`` says which columns to read. ``taken`` returns the number of bytes that were read so
    far. The facts have no hash.

    Raises:
        InputRefused: the file as a whole is refused; the error's text says why and what to do.
    """
    if source.sheet is not None:
        raise no_sheet(source.sheet)
    chosen = table_choice(source.columns, source.base_url)
    rows = open_rows(file, quote_header=True, chosen=chosen)
    return _check_rows(
        rows, None, None, lambda products: products >= ROWS_CHECKED and taken() > CHECKED_WHOLE
    )


class _Tally:
    """Counts of the rows so far, and the first problems in them."""

    def __init__(self) -> None:
        self.products = 0
        self.images = 0
        self.problem_count = 0
        self.problems: list[RowProblem] = []
        self.any_address = False

    def add_plain(self, plain: Plain) -> None:
        self.products += plain.rows
        self.images += plain.images
        self.any_address = self.any_address or plain.images > 0

    def add(self, row: Row, more: Sequence[CatalogueProblem]) -> None:
        """Add a row, and problems besides those that it has itself."""
        self.products += 1
        self.images += len(row.urls)
        self.problem_count += row.problem_count + len(more)
        self.any_address = self.any_address or len(row.urls) > row.problem_count
        if row.problems or more:
            shown = (*row.problems, *more)[: ROW_PROBLEMS_SHOWN - len(self.problems)]
            self.problems += [RowProblem.model_validate(problem._asdict()) for problem in shown]


def _check_rows(
    rows: RowReader,
    look: Callable[[Row, int], Sequence[CatalogueProblem]] | None,
    most: int | None,
    enough: Callable[[int], bool],
) -> CsvFacts:
    """Check rows until there are no more, or ``most``, or ``enough`` of them."""
    tally = _Tally()
    whole = True
    while whole:
        room = None if most is None else most - tally.products
        if look is None and (plain := rows.skip_plain(room)) is not None:
            tally.add_plain(plain)
        elif (row := next(rows, None)) is not None:
            tally.add(row, () if look is None else look(row, rows.columns.urls + 1))
        else:
            break
        whole = tally.products != most and not enough(tally.products)
    if tally.products == 0:
        raise InputRefused("the file has a header and no rows")
    if whole and not tally.any_address:
        raise InputRefused(_without_address(tally.products, tally.problems[:1]))
    return CsvFacts(
        tally.products,
        tally.images,
        tally.problem_count,
        tuple(tally.problems),
        rows.notices if whole else (*rows.notices, _NOT_WHOLE),
        "",
        whole,
    )


def _sha256(file: IO[bytes]) -> str:
    digest = sha256()
    file.seek(0)
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _without_address(products: int, problems: list[RowProblem]) -> str:
    found = "".join(
        f"; line {first.line}, column {first.column}: {first.problem}"
        for first in problems
        if first.text
    )
    return f"none of the {products} rows has an image URL{found}"
