"""The table of texts that the cells of a workbook refer to, kept on disk if it is large."""

from __future__ import annotations

import re
import tempfile
from array import array
from collections.abc import Iterable
from typing import IO, Final

from imagebatch_core.errors import InputRefused

from .xml import PartParser

#: The most bytes of texts in memory; a larger table goes to a temporary file.
_IN_MEMORY: Final = 8 << 20
#: The most texts: eight different ones in each row of a full sheet.
_COUNT_LIMIT: Final = 8 << 20
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")


class SharedStrings:
    """Texts by index. It must be closed, because it may hold a temporary file."""

    def __init__(self) -> None:
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        # Four bytes each are enough: at most a gigabyte is read from a workbook.
        self._ends = array("I", [0])

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self._ends) - 1:
            raise InputRefused("the .xlsx file is damaged: a cell refers to a text that is missing")
        begin, end = self._ends[index], self._ends[index + 1]
        if self._file is None:
            return self._memory[begin:end].decode()
        self._file.seek(begin)
        return self._file.read(end - begin).decode()

    def add(self, text: str) -> None:
        if len(self._ends) > _COUNT_LIMIT:
            raise InputRefused("the .xlsx file has too many texts; save it as CSV UTF-8 first")
        encoded = text.encode()
        self._ends.append(self._ends[-1] + len(encoded))
        if self._file is not None:
            self._file.write(encoded)
            return
        self._memory += encoded
        if len(self._memory) > _IN_MEMORY:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - see close
            self._file.write(self._memory)
            self._memory.clear()

    def read(self, pieces: Iterable[bytes], part: str, *, longest: int) -> None:
        """Add the texts of ``sharedStrings.xml``, each of at most ``longest`` characters."""
        for _ in _StringsParser(self, pieces, part, longest).feed():
            pass


class _StringsParser(PartParser):
    def __init__(
        self, strings: SharedStrings, pieces: Iterable[bytes], part: str, longest: int
    ) -> None:
        super().__init__(pieces, part)
        self.parser.CharacterDataHandler = self._text
        self._strings = strings
        self._longest = longest
        self._texts: list[str] = []
        self._held = 0
        self._phonetic = False
        self._taking = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        element = self.element(name)
        if element == "t":
            self._taking = not self._phonetic
        elif element == "rPh":
            self._phonetic = True

    def end(self, name: str) -> None:
        self.depth -= 1
        element = self.element(name)
        if element == "t":
            self._taking = False
        elif element == "si":
            self._strings.add(unescaped("".join(self._texts)))
            self._texts, self._held = [], 0
        elif element == "rPh":
            self._phonetic = False

    def _text(self, text: str) -> None:
        if not self._taking:
            return
        self._held += len(text)
        if self._held > self._longest:
            raise self.damaged(f"a text is longer than {self._longest} characters")
        self._texts.append(text)


def unescaped(text: str) -> str:
    """Replace escapes such as ``_x000D_`` by their characters (ECMA-376, ST_Xstring)."""
    if "_x" not in text:
        return text
    found = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
