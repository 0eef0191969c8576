"""Parse the rows of a worksheet piece by piece, as they are in its XML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from .xml import PartParser, whole_number

#: The highest row and column numbers that Excel allows.
LAST_ROW: Final = 1_048_576
LAST_COLUMN: Final = 16_384


class SheetRow(NamedTuple):
    """The 1-based ``number`` of a row, and its cells that are not empty.

    A cell is a tuple of its 1-based column, its XML attributes (``t`` is its type, ``s`` its style)
    and its text in the XML.
    """

    number: int
    cells: list[tuple[int, dict[str, str], str]]


class SheetParser(PartParser):
    """Yields each row as soon as it is complete.

    ``longest`` is the most characters that one row may have.
    """

    def __init__(self, pieces: Iterable[bytes], part: str, *, longest: int) -> None:
        super().__init__(pieces, part)
        self.parser.CharacterDataHandler = self._text
        self._longest = longest
        self._done: list[SheetRow] = []
        self._ended = False
        self._number = 0
        self._cells: list[tuple[int, dict[str, str], str]] = []
        self._column = 0
        #: Attributes of the cell that is being read.
        self._attributes: dict[str, str] | None = None
        self._texts: list[str] = []
        self._taking = False
        self._phonetic = False
        self._held = 0
        self._formula = False
        #: The number of cells whose formula no program has calculated yet, so they have no text.
        self.uncalculated = 0

    def rows(self) -> Iterator[SheetRow]:
        for _ in self.feed():
            yield from self._done
            self._done.clear()
            if self._ended:
                return

    # Called for each element of up to a gigabyte of XML, so the most frequent ones come first.
    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        element = self.element(name)
        if element == "c":
            self._attributes = attributes
        elif element in ("v", "t"):
            self._taking = self._attributes is not None and not self._phonetic
        elif element == "row":
            self._number = max(whole_number(attributes.get("r"), 0), self._number + 1)
            if self._number > LAST_ROW:
                raise self.damaged(f"it has more than {LAST_ROW} rows")
            self._column, self._held, self._cells = 0, 0, []
        elif element == "f":
            self._formula = True
        elif element == "rPh":
            self._phonetic = True

    def end(self, name: str) -> None:
        self.depth -= 1
        element = self.element(name)
        if element in ("v", "t"):
            self._taking = False
        elif element == "c":
            self._end_cell()
        elif element == "row":
            self._done.append(SheetRow(self._number, self._cells))
        elif element == "rPh":
            self._phonetic = False
        elif element == "sheetData":
            self._ended = True

    def _end_cell(self) -> None:
        attributes, self._attributes = self._attributes, None
        if attributes is None:
            return
        at = attributes.get("r")
        self._column = self._column + 1 if at is None else _column(at)
        if not 0 < self._column <= LAST_COLUMN:
            raise self.damaged(f"it has a cell {at!r:.20}")
        texts = self._texts
        if texts:
            self._cells.append(
                (self._column, attributes, texts[0] if len(texts) == 1 else "".join(texts))
            )
            self._texts = []
        elif self._formula and attributes.get("t") != "str":
            self.uncalculated += 1
        self._formula = False

    def _text(self, text: str) -> None:
        if not self._taking:
            return
        self._held += len(text)
        if self._held > self._longest:
            raise self.damaged(f"row {self._number} is longer than {self._longest} characters")
        self._texts.append(text)


def _column(reference: str) -> int:
    """Return the column number of a cell reference such as ``AB12``; 0 if it is not valid."""
    return _column_of(reference.rstrip("0123456789"))


@lru_cache(maxsize=LAST_COLUMN)
def _column_of(letters: str) -> int:
    number = 0
    for letter in letters[:4]:
        if not "A" <= letter <= "Z":
            return 0
        number = number * 26 + ord(letter) - 64
    return number
