"""Name the outputs of a folder after their inputs, below ``images/``.

An output in its input's format keeps the name (``a.jpeg`` stays ``a.jpeg``). An output in another
format gets another ending (``a.png`` → ``a.jpg``). If two inputs differ only in the ending, the new
ending is added to the whole name instead (``a.png`` → ``a.png.jpg``), so that their outputs have
different names.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from imagebatch_core.keys import BatchKeys

from .listing import ENDINGS, ending


@dataclass(frozen=True, slots=True)
class OutputNames:
    """The output names of a folder's images.

    ``files`` are the inputs' relative paths in the order of their rows; ``bases`` are the names of
    their outputs without ending.
    """

    files: tuple[str, ...]
    bases: tuple[str, ...]

    @classmethod
    def of(cls, files: tuple[str, ...]) -> Self:
        folders = {folder for file in files if (folder := posixpath.dirname(file))}
        stems = Counter(_stem(path) for path in (*files, *folders))
        return cls(files, tuple(_base(file, stems) for file in files))

    def name(self, row: int, kind: str) -> str:
        """Return an output's path; ``row`` is 1-based, ``kind`` the ending of its format."""
        file = self.files[row - 1]
        return file if ENDINGS[ending(file)] == kind else f"{self.bases[row - 1]}.{kind}"


@dataclass(frozen=True, slots=True)
class FolderKeys(BatchKeys):
    """The keys of a round: outputs and reports in ``--out`` itself, the rest below ``root``."""

    names: OutputNames

    @property
    def report_csv(self) -> str:
        return "report.csv"

    @property
    def report_jsonl(self) -> str:
        return "report.jsonl"

    @property
    def images(self) -> str:
        return "images/"

    def image(self, row: int, position: int, sha256: str, extension: str) -> str:
        return f"{self.images}{self.names.name(row, extension)}"

    def same_image(self, row: int, position: int, key: str) -> str:
        return f"{self.images}{self.names.name(row, ENDINGS[ending(key)])}"


def reassigned(now: OutputNames, earlier: Iterable[OutputNames]) -> frozenset[str]:
    """Return the output paths, without ending, that did not belong to the same input in every one
    of the ``earlier`` rounds."""
    found: set[str] = set()
    for names in earlier:
        then = dict(zip(names.files, names.bases, strict=True))
        for file, base in zip(now.files, now.bases, strict=True):
            if then.get(file) != base:
                found |= {base, posixpath.splitext(file)[0]}
    return frozenset(found)


def _stem(file: str) -> str:
    """Return the path without ending, in lower case, because some file systems ignore case."""
    return posixpath.splitext(file)[0].casefold()


def _base(file: str, stems: Counter[str]) -> str:
    if stems[_stem(file)] == 1:
        return posixpath.splitext(file)[0]
    base = file
    while base.casefold() in stems:
        base += "_"
    return base
