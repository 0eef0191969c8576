"""What the outputs of a folder are called: as their inputs, below ``images/``.

An output of the kind that its input's ending says keeps the name as it is (``a.jpeg`` stays
``a.jpeg``). Another kind replaces the ending (``a.png`` → ``a.jpg``), unless an image beside it has
the same name but for the ending: then the new ending is added to the whole name (``a.png`` →
``a.png.jpg``), so that neither takes the other's place.
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
    """By 1-based row: ``files`` are the inputs' relative paths, ``bases`` what endings follow."""

    files: tuple[str, ...]
    bases: tuple[str, ...]

    @classmethod
    def of(cls, files: tuple[str, ...]) -> Self:
        folders = {folder for file in files if (folder := posixpath.dirname(file))}
        stems = Counter(_stem(path) for path in (*files, *folders))
        return cls(files, tuple(_base(file, stems) for file in files))

    def name(self, row: int, kind: str) -> str:
        """The output's path; ``kind`` is its ending as :attr:`Kind.extension` has it."""
        file = self.files[row - 1]
        return file if ENDINGS[ending(file)] == kind else f"{self.bases[row - 1]}.{kind}"


@dataclass(frozen=True, slots=True)
class FolderKeys(BatchKeys):
    """Outputs and reports where people look for them, the rest below ``root``."""

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


def unsure(now: OutputNames, earlier: Iterable[OutputNames]) -> frozenset[str]:
    """Paths, without ending, of outputs that were not the same input's in all of ``earlier``."""
    found: set[str] = set()
    for names in earlier:
        then = dict(zip(names.files, names.bases, strict=True))
        for file, base in zip(now.files, now.bases, strict=True):
            if then.get(file) != base:
                found |= {base, posixpath.splitext(file)[0]}
    return frozenset(found)


def _stem(file: str) -> str:
    """Without case: some file systems know none."""
    return posixpath.splitext(file)[0].casefold()


def _base(file: str, stems: Counter[str]) -> str:
    if stems[_stem(file)] == 1:
        return posixpath.splitext(file)[0]
    base = file
    while base.casefold() in stems:
        base += "_"
    return base
