"""Decode the bytes of a CSV to lines of text, and refuse files that are not text.

Bytes that are not valid UTF-8 are read as Windows-1252, which Excel writes as "CSV" in Western
countries. This is decided for each byte, not for the file. So one pass over the stream is enough,
and a file with rows in both encodings is read correctly. Windows-1252 text is misread only if it is
also valid UTF-8, such as ``Ã¼``, which is rare.
"""

from __future__ import annotations

import codecs
import io
import itertools
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, Protocol

from imagebatch_core.errors import InputRefused

from .advice import advice_for_bytes, advice_for_text

#: The most characters of one row, to bound memory: enough for about 20,000 URLs.
ROW_LIMIT: Final = 4 * 1024 * 1024
#: Bytes that are decoded at once. The file's kind is recognised from the first piece.
_PIECE: Final = 64 * 1024
#: ``surrogateescape`` decodes each byte that is not valid UTF-8 to one of these characters.
_NO_UTF8: Final = re.compile("[\udc80-\udcff]")
#: The five bytes that Windows-1252 leaves out are control characters, as in browsers.
_AS_WINDOWS_1252: Final = {
    0xDC00 + byte: bytes([byte]).decode("cp1252", errors="ignore") or chr(byte)
    for byte in range(0x80, 0x100)
}
_READ_AS: Final = (
    "not UTF-8, and read as Windows-1252; if letters look wrong, save the file as CSV UTF-8"
)


class LineCounter(Protocol):
    """The source of a :class:`RowReader`'s line numbers and notices."""

    @property
    def mended(self) -> int:
        """The number of lines so far that were not valid UTF-8 and were read as Windows-1252."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """Notices so far: sentences for people that do not stop the batch."""
        ...

    def begin_row(self) -> int:
        """Begin the next row. Return the number of its first line."""
        ...


class Lines:
    """The lines of a CSV, with their ends; ``first`` is the first one that is not blank.

    ``mended`` counts the lines so far that were read as Windows-1252.

    Iterating raises :class:`InputRefused` for a row that is too long, and for broken UTF-16.
    """

    def __init__(self, pieces: Iterator[bytes], encoding: str, first: str) -> None:
        self.first = first
        self.mended = 0
        #: Characters of whole texts that were read before the current one.
        self._before = 0
        self._number = 0
        self._row_starts = 1
        self._held = 0
        self._pieces = pieces
        self._encoding = encoding
        self._first_mended = 0
        self._text = ""
        self._mends = False
        #: Characters of the text that were skipped before any of its lines was read.
        self._skipped = 0
        self._reading: io.StringIO | None = None
        self._all_texts = self._texts()

    def begin_row(self) -> int:
        """Begin counting the characters of the next row. Return the number of its first line."""
        self._held = 0
        self._row_starts = self._number + 1
        return self._row_starts

    @property
    def notices(self) -> tuple[str, ...]:
        """The notice that some lines so far were read as Windows-1252; empty if none was."""
        if not self.mended:
            return ()
        others = self.mended - 1
        told = f" and {others:,} other{'s' if others > 1 else ''}" if others else ""
        return (f"line {self._first_mended}{told}: {_READ_AS}",)

    @property
    def taken(self) -> int:
        """Return the number of characters that were read or skipped so far."""
        return self._before + self._at

    def peek(self, size: int) -> str:
        """Return the next whole lines: about ``size`` characters, at most twice as many unless a
        line is longer.

        Return an empty text at the end, and for lines that are not UTF-8. Call it only between two
        rows, after :meth:`begin_row`.
        """
        if not self._open_text() or self._mends:
            return ""
        start = self._at
        if len(self._text) - start <= 2 * size:
            return self._text[start:]
        end = self._text.rfind("\n", start, start + size) + 1
        return self._text[start : end or self._text.find("\n", start + size) + 1 or None]

    def skip(self, size: int, lines: int) -> None:
        """Skip what :meth:`peek` has returned: ``size`` characters, which are ``lines`` lines."""
        if self._reading is None:
            self._skipped += size
        else:
            self._reading.seek(self._reading.tell() + size)
        self._number += lines

    def __iter__(self) -> Iterator[str]:
        while self._open_text():
            if self._reading is None:
                self._reading = io.StringIO(self._text[self._skipped :], newline="")
            for read in self._reading:
                self._number += 1
                self._held += len(read)
                if self._held > ROW_LIMIT:
                    raise self._too_long()
                line = read
                if self._mends and _NO_UTF8.search(read):
                    line = self._as_windows_1252(read)
                yield line

    @property
    def _at(self) -> int:
        """How many characters of the text were read or skipped."""
        return self._skipped + (0 if self._reading is None else self._reading.tell())

    def _open_text(self) -> bool:
        """Open the next text if the current one was read; return whether there is any."""
        while self._at == len(self._text):
            self._before += len(self._text)
            following = next(self._all_texts, None)
            self._text, self._mends = following or ("", False)
            self._skipped, self._reading = 0, None
            if following is None:
                return False
        return True

    def _texts(self) -> Iterator[tuple[str, bool]]:
        """Yield text that consists of whole lines, and whether it has bytes that are not UTF-8."""
        begun, begun_mends = "", False  # the start of a line that continues in the next piece
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
        """Yield the text of each piece, and whether it has bytes that are not UTF-8."""
        decoder = codecs.getincrementaldecoder(self._encoding)("strict")
        for piece in itertools.chain(self._pieces, (b"",)):
            mends = False
            try:
                text = decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                if self._encoding != "utf-8":
                    # The lines of all earlier pieces, then those of this piece.
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
    """Return the lines of a stream.

    Raises:
        InputRefused: the first bytes are those of a file that is not a CSV.
    """
    pieces = _pieces(stream)
    head = next(pieces, b"")
    encoding = _encoding(head)
    first = _first_line(head, encoding)
    if head.startswith(codecs.BOM_UTF8):
        head = head[len(codecs.BOM_UTF8) :]
    return Lines(itertools.chain((head,), pieces), encoding, first)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the stream in pieces of full size, even if a read of the stream returns fewer bytes.

    A short first piece would not be enough to recognise the kind of file.
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
    # Without a byte order mark: ASCII text in UTF-16 has a NUL in every other byte.
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
