"""Checks an uploaded CSV or workbook, and counts its rows and images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, BinaryIO, Final, cast

from imagebatch_core.catalogue.files import open_table
from imagebatch_core.catalogue.rows import Row
from imagebatch_core.errors import InputRefused
from imagebatch_gateway.answers.models import RowProblem

ROW_PROBLEMS_SHOWN: Final = 100
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class CsvFacts:
    """Counts of an uploaded file, and what was noticed in it.

    ``row_problems`` holds the first 100 problems, ``row_problem_count`` counts all of them.
    ``notices`` are sentences about the file as a whole that need no action. ``sha256`` is the
    file's hash.
    """

    products: int
    images: int
    row_problem_count: int
    row_problems: tuple[RowProblem, ...]
    notices: tuple[str, ...]
    sha256: str


def check_csv(
    file: IO[bytes], sheet: str | None = None, look: Callable[[Row], None] | None = None
) -> CsvFacts:
    """Read and check the whole file in constant memory. Blocks: call it in a thread.

    ``sheet`` names the sheet of a workbook. ``look`` is called with every row.

    Raises:
        InputRefused: the file as a whole is refused; the error's text says why and what to do.
    """
    products = images = problem_count = 0
    problems: list[RowProblem] = []
    any_address = False
    with open_table(cast(BinaryIO, file), sheet=sheet, quote_header=True) as rows:
        for row in rows:
            products += 1
            images += len(row.urls)
            if look is not None:
                look(row)
            any_address = any_address or len(row.urls) > row.problem_count
            if row.problems:
                problem_count += row.problem_count
                shown = row.problems[: ROW_PROBLEMS_SHOWN - len(problems)]
                problems += [RowProblem.model_validate(problem._asdict()) for problem in shown]
    if products == 0:
        raise InputRefused("the file has a header and no rows")
    if not any_address:
        raise InputRefused(_without_address(products, problems[0]))
    return CsvFacts(
        products,
        images,
        problem_count,
        tuple(problems),
        rows.notices,
        _sha256(file),
    )


def _sha256(file: IO[bytes]) -> str:
    digest = sha256()
    file.seek(0)
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _without_address(products: int, first: RowProblem) -> str:
    found = f"; line {first.line}, column {first.column}: {first.problem}" if first.text else ""
    return f"none of the {products} rows has an image URL{found}"
