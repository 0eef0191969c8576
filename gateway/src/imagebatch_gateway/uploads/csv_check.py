"""Checks an uploaded CSV and counts what is in it, in one pass."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import IO, Final, cast

from imagebatch_core.catalogue.rows import open_rows
from imagebatch_core.errors import InputRefused
from imagebatch_gateway.answers.models import RowProblem

ROW_PROBLEMS_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class CsvFacts:
    """``row_problems`` holds the first 100, ``row_problem_count`` counts all.

    ``notices`` are sentences on what was noticed and is no problem of a row.
    """

    products: int
    images: int
    row_problem_count: int
    row_problems: tuple[RowProblem, ...]
    notices: tuple[str, ...]
    sha256: str


class _Hashing:
    """A stream whose bytes are hashed as they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk)
        return chunk


def check_csv(file: IO[bytes]) -> CsvFacts:
    """Read the file to its end, in constant memory. Blocks: call it in a thread.

    Raises:
        InputRefused: the file as a whole is refused; its text says why and what to do.
    """
    hashing = _Hashing(file)
    products = images = problem_count = 0
    problems: list[RowProblem] = []
    any_address = False
    rows = open_rows(cast(IO[bytes], hashing), quote_header=True)  # type: ignore[arg-type] # read() is all it uses
    for row in rows:
        products += 1
        images += len(row.urls)
        any_address = any_address or len(row.urls) > len(row.problems)
        if row.problems:
            problem_count += len(row.problems)
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
        hashing.digest.hexdigest(),
    )


def _without_address(products: int, first: RowProblem) -> str:
    found = f"; line {first.line}, column {first.column}: {first.problem}" if first.text else ""
    return f"none of the {products} rows has an image URL{found}"
