"""The bytes of a CSV as text: which encoding they have, and what is no CSV at all."""

from __future__ import annotations

import codecs
import io
import re
from typing import BinaryIO, Final

from imagebatch_core.errors import InputRefused

from .advice import advice_for_bytes, advice_for_text

_SNIFF_BYTES: Final = 64 * 1024


def open_text(stream: BinaryIO) -> tuple[io.TextIOBase, str]:
    """The stream as text, and the first line that is not blank.

    Raises:
        InputRefused: the stream begins as another kind of file does.
    """
    raw = io.BufferedReader(_Raw(stream), buffer_size=_SNIFF_BYTES)
    head = raw.peek(_SNIFF_BYTES)
    encoding = _encoding(head)
    first = _first_line(head, encoding)
    return io.TextIOWrapper(raw, encoding=encoding, newline=""), first


class _Raw(io.RawIOBase):
    """Any object with ``read`` as a raw stream, for BufferedReader to peek into."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # stub says Buffer
        """Fill the whole buffer while there is more to read.

        The first :data:`_SNIFF_BYTES` say what the file is, also when the stream gives them in
        small pieces.
        """
        count = 0
        while count < len(buffer):
            chunk = self._left or bytes(self._stream.read(len(buffer) - count) or b"")
            if not chunk:
                break
            taken = min(len(chunk), len(buffer) - count)
            buffer[count : count + taken] = chunk[:taken]
            self._left = chunk[taken:]
            count += taken
        return count


def _encoding(head: bytes) -> str:
    advice = advice_for_bytes(head)
    if advice is not None:
        raise InputRefused(advice)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
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
