"""Parse XML piece by piece, in bounded memory for any content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from xml.parsers import expat

from imagebatch_core.errors import InputRefused

#: The most bytes of one tag. The parser keeps a tag in memory until its end; text comes in smaller
#: pieces.
_LONGEST_TAG: Final = 256 * 1024
#: The most different names of elements and attributes, which the parser keeps in memory. Workbooks
#: have some hundred.
_NAMES_LIMIT: Final = 5_000
#: The most nested elements, which the parser keeps in memory. Workbooks have about ten.
_DEPTH_LIMIT: Final = 1_000


class PartParser:
    """Parses one part of a workbook. Subclasses interpret its elements.

    A document type declaration is refused. Entities can be declared only there, so none is ever
    expanded.
    """

    def __init__(self, pieces: Iterable[bytes], part: str) -> None:
        self._pieces = pieces
        self._part = part
        self._elements: dict[str, str] = {}
        self.depth = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._document_type
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle the start of an element. An override must increment ``depth``."""
        self.depth += 1

    def end(self, name: str) -> None:
        """Handle the end of an element. An override must decrement ``depth``."""
        self.depth -= 1

    def element(self, name: str) -> str:
        """Return an element's name without its namespace prefix."""
        found = self._elements.get(name)
        if found is None:
            found = self._elements[name] = without_prefix(name)
        return found

    def feed(self) -> Iterator[None]:
        """Parse the part, and yield after each piece.

        Raises:
            InputRefused: the part is not valid XML, or exceeds the limits of this module.
        """
        parser, fed = self.parser, 0
        try:
            for piece in self._pieces:
                parser.Parse(piece)
                fed += len(piece)
                if (
                    fed - parser.CurrentByteIndex > _LONGEST_TAG
                    or len(parser.intern) > _NAMES_LIMIT
                    or self.depth > _DEPTH_LIMIT
                ):
                    raise self.damaged("its tags are too long, too many or too deep")
                yield
            parser.Parse(b"", True)
            yield
        except (expat.ExpatError, LookupError, ValueError) as error:  # also for its encoding
            raise self.damaged(str(error)) from error

    def damaged(self, what: str) -> InputRefused:
        """Return the error that refuses the workbook; ``what`` says what is wrong with this
        part."""
        return InputRefused(
            f"the .xlsx file is damaged ({self._part}: {what}); open it and save it again"
        )

    def _document_type(self, *_declared: object) -> None:
        raise self.damaged("it declares a document type")


class _Elements(PartParser):
    def __init__(self, pieces: Iterable[bytes], part: str) -> None:
        super().__init__(pieces, part)
        self.found: list[tuple[str, dict[str, str]]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        super().start(name, attributes)
        plain = {without_prefix(key): value for key, value in attributes.items()}
        self.found.append((without_prefix(name), plain))


def elements(pieces: Iterable[bytes], part: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Parse XML from ``pieces``, and yield the name and attributes of each element, both without
    namespace prefixes.

    ``part`` is the name of the ZIP member, for error messages.

    Raises:
        InputRefused: the XML is not valid, or over a limit.
    """
    parser = _Elements(pieces, part)
    for _ in parser.feed():
        yield from parser.found
        parser.found.clear()


def without_prefix(name: str) -> str:
    return name.rpartition(":")[2]


def whole_number(text: str | None, default: int) -> int:
    """Parse a whole number in an attribute; return ``default`` if there is none."""
    try:
        return int(text) if text else default
    except ValueError:  # also for thousands of digits
        return default
