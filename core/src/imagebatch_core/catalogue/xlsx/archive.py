"""Read the ZIP file of a workbook within limits that do not rely on the sizes in its directory."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from imagebatch_core.errors import InputRefused

#: The most bytes of XML that are read from one workbook: about the size of a full sheet with 20
#: columns.
UNPACKED_LIMIT: Final = 1 << 30
#: How many times larger a part may be than its packed form. Real sheets are up to 50 times larger,
#: ZIP bombs about 1000 times. Parts of at most _RATIO_FROM bytes are not checked.
_RATIO_LIMIT: Final = 200
_RATIO_FROM: Final = 16 << 20
_PARTS_LIMIT: Final = 10_000
_PIECE: Final = 64 * 1024
#: The most bytes of a ZIP file's directory, which is read at once. The directory of 10,000 parts is
#: smaller.
_LONGEST_READ: Final = 2 << 20


class Archive:
    """The parts of a workbook by name.

    Raises :class:`InputRefused` for anything that is wrong with the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        with _refused():
            self._zip = zipfile.ZipFile(_ShortReads(file))
        if len(self._zip.infolist()) > _PARTS_LIMIT:
            raise InputRefused(f"the .xlsx file has more than {_PARTS_LIMIT} parts")
        self._names = {info.filename.lower(): info for info in self._zip.infolist()}
        self._left = UNPACKED_LIMIT

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._names

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield the content of a part piece by piece; raises InputRefused if it is missing."""
        info = self._names.get(name.lower())
        if info is None:
            raise InputRefused(f"the .xlsx file is damaged: the part {name[:80]!r} is missing")
        if info.flag_bits & 1:
            raise InputRefused("the .xlsx file has a password; save it without one")
        # Other methods may need gigabytes of memory, and no spreadsheet program uses them.
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputRefused("the .xlsx file is packed in an unusual way; open and save it again")
        most = max(_RATIO_FROM, info.compress_size * _RATIO_LIMIT)
        size = 0
        with _refused(), self._zip.open(info) as part:
            while piece := part.read(_PIECE):
                size += len(piece)
                self._left -= len(piece)
                if size > most or self._left < 0:
                    raise InputRefused(
                        "the .xlsx file unpacks to far more than a table takes; save it as CSV "
                        "UTF-8 first"
                    )
                yield piece


class _ShortReads:
    """A file that refuses reads of more bytes than the largest directory may have."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        read = self._file.read(_LONGEST_READ + 1 if size < 0 else min(size, _LONGEST_READ + 1))
        if len(read) > _LONGEST_READ:
            raise InputRefused("the .xlsx file has too large a directory; open and save it again")
        return read


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise InputRefused(f"the .xlsx file is damaged: {error}; open and save it again") from error
