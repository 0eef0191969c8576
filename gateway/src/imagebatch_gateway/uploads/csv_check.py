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
    """``row_problems`` holds the first 100, ``row_problem_count`` counts all."""

    products: int
    images: int
    row_problem_count: int
    row_problems: tuple[RowProblem, ...]
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
    for row in open_rows(cast(IO[bytes], hashing)):  # type: ignore[arg-type] # read() is all it uses
        products += 1
        images += len(row.urls)
        if row.problem is not None:
            problem_count += 1
            if len(problems) < ROW_PROBLEMS_SHOWN:
                problems.append(RowProblem(line=row.line, problem=row.problem))
    if products == 0:
        raise InputRefused("the file has a header and no rows")
    if images == 0:
        raise InputRefused(f"none of the {products} rows has an image URL")
    return CsvFacts(products, images, problem_count, tuple(problems), hashing.digest.hexdigest())
