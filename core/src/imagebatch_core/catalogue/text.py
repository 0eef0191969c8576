"""The bytes of a CSV as lines of text: which encoding they have, and what is no CSV at all.

Bytes that are no UTF-8 are read as Windows-1252, which Excel writes as plain "CSV" in the West.
This is decided for each byte, not for the file: one pass over the stream is enough, and a file
whose rows were pasted together from both encodings is read right. Windows-1252 text is misread only
where it happens to be valid UTF-8, as ``Ã¼`` is, which hardly anybody writes.
"""

from __future__ import annotations

import codecs
import io
import itertools
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from imagebatch_core.errors import InputRefused

from .advice import advice_for_bytes, advice_for_text

#: Characters of one row, room for some 20,000 URLs: what is held at once stays bounded.
ROW_LIMIT: Final = 4 * 1024 * 1024
#: Bytes that are decoded at once; the first of them say what the file is.
_PIECE: Final = 64 * 1024
#: ``surrogateescape`` decodes a byte that is no UTF-8 to one of these.
_NO_UTF8: Final = re.compile("[\udc80-\udcff]")
#: The five bytes that Windows-1252 leaves out are control characters, as in browsers.
_AS_WINDOWS_1252: Final = {
    0xDC00 + byte: bytes([byte]).decode("cp1252", errors="ignore") or chr(byte)
    for byte in range(0x80, 0x100)
}
_READ_AS: Final = (
    "not UTF-8, and read as Windows-1252; if letters look wrong, save the file as CSV UTF-8"
)


class Lines:
    """The lines of a CSV, with their ends; ``first`` is the first one that is not blank.

    ``mended`` counts the lines so far that were read as Windows-1252.

    Iterating raises :class:`InputRefused` for a row that is too long, and for broken UTF-16.
    """

    def __init__(self, pieces: Iterator[bytes], encoding: str, first: str) -> None:
        self.first = first
        self.mended = 0
        self._number = 0
        self._row_starts = 1
        self._held = 0
        self._pieces = pieces
        self._encoding = encoding
        self._first_mended = 0

    def begin_row(self) -> int:
        """Count characters as another row's from here on. Returns the number of its first line."""
        self._held = 0
        self._row_starts = self._number + 1
        return self._row_starts

    @property
    def notices(self) -> tuple[str, ...]:
        """That some of the lines so far were read as Windows-1252, if any was."""
        if not self.mended:
            return ()
        others = self.mended - 1
        told = f" and {others:,} other{'s' if others > 1 else ''}" if others else ""
        return (f"line {self._first_mended}{told}: {_READ_AS}",)

    def __iter__(self) -> Iterator[str]:
        for text, mends in self._texts():
            for read in io.StringIO(text, newline=""):
                self._number += 1
                self._held += len(read)
                if self._held > ROW_LIMIT:
                    raise self._too_long()
                line = read
                if mends and _NO_UTF8.search(read):
                    line = self._as_windows_1252(read)
                yield line

    def _texts(self) -> Iterator[tuple[str, bool]]:
        """Whole lines, and whether some of them hold bytes that are no UTF-8."""
        begun, begun_mends = "", False  # the line that goes on in the next piece
        for decoded, decoded_mends in self._decoded():
            text, mends = begun + decoded, decoded_mends or begun_mends
            # A carriage return at the end may be the first half of a line end.
            end = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
            begun = text[end:]
            begun_mends = mends and _NO_UTF8.search(begun) is not None
            if end:
                yield text[:end], mends
            if len(begun) + self._held > ROW_LIMIT:
                raise self._too_long()
        if begun:
            yield begun, begun_mends

    def _decoded(self) -> Iterator[tuple[str, bool]]:
        """The text piece by piece, and whether it holds bytes that are no UTF-8."""
        decoder = codecs.getincrementaldecoder(self._encoding)("strict")
        for piece in itertools.chain(self._pieces, (b"",)):
            mends = False
            try:
                text = decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                if self._encoding != "utf-8":
                    # The lines given out so far, then those of this piece.
                    before = error.object[: error.start].count(b"\n")
                    raise InputRefused(
                        f"the text is not valid {error.encoding}; save the file as CSV UTF-8",
                        line=self._number + 1 + before,
                    ) from error
                mends, decoder.errors = True, "surrogateescape"
                text = decoder.decode(piece, final=not piece)
                decoder.errors = "strict"
            yield text, mends

    def _as_windows_1252(self, line: str) -> str:
        self.mended += 1
        self._first_mended = self._first_mended or self._number
        return line.translate(_AS_WINDOWS_1252)

    def _too_long(self) -> InputRefused:
        return InputRefused(
            f'a row is longer than {ROW_LIMIT} characters; is a quote (") not closed, '
            "or is this no CSV?",
            line=self._row_starts,
        )


def open_lines(stream: BinaryIO) -> Lines:
    """The stream as lines of text.

    Raises:
        InputRefused: the stream begins as another kind of file does.
    """
    pieces = _pieces(stream)
    head = next(pieces, b"")
    encoding = _encoding(head)
    first = _first_line(head, encoding)
    if head.startswith(codecs.BOM_UTF8):
        head = head[len(codecs.BOM_UTF8) :]
    return Lines(itertools.chain((head,), pieces), encoding, first)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """The stream in full pieces, however small those are that it gives.

    The first piece says what the file is.
    """
    while True:
        piece = bytearray()
        while len(piece) < _PIECE:
            read = stream.read(_PIECE - len(piece))
            if not read:
                break
            piece += read
        if not piece:
            return
        yield bytes(piece)


def _encoding(head: bytes) -> str:
    advice = advice_for_bytes(head)
    if advice is not None:
        raise InputRefused(advice)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark: ASCII text in UTF-16 has a NUL in every other byte.
    if head[1:2] == b"\0" and head[:1] != b"\0":
        return "utf-16-le"
    if head[:1] == b"\0" and head[1:2] != b"\0" and len(head) > 1:
        return "utf-16-be"
    if b"\0" in head[:1024]:
        raise InputRefused("this is a binary file, not a CSV; save the table as CSV UTF-8")
    return "utf-8"


def _first_line(head: bytes, encoding: str) -> str:
    text = head.decode(encoding, errors="ignore").lstrip("\ufeff")
    advice = advice_for_text(text)
    if advice is not None:
        raise InputRefused(advice)
    return next((line for line in re.split(r"\r\n|\r|\n", text) if line.strip()), "")
