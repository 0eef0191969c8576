"""Files of this machine as images: ``local`` alone takes them, pods have none to read.

An entry of a list is a ``file://`` URL, or a path without any scheme: relative to the CSV or
folder, or absolute. It is percent-encoded as every URL of the list, so that a comma can be written
(``%2C``).
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed

from .body import too_long

_FILE: Final = "file://"
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
#: The first folder of a path that was perhaps meant as a host: www.example.com/a.jpg.
_HOST: Final = re.compile(r"^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}$")
#: What would split a path in two, or be cut off its ends: see ``catalogue.url_list``.
_TO_ENCODE: Final = re.compile(r"[%,;|]|^\s|\s(?=[A-Za-z][A-Za-z0-9+.-]*://|$)")


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """``base`` is what relative paths are relative to."""

    base: Path

    def names(self, url: str) -> bool:
        """Whether it is a file's address: a ``file://`` URL, or nothing with a scheme."""
        return url.lower().startswith(_FILE) or _SCHEME.match(url) is None

    def path(self, url: str) -> Path:
        """The file's path.

        Raises:
            ImageFailed: ``invalid_url``: a file of another host, or a path with NUL.
        """
        encoded = url
        if url.lower().startswith(_FILE):
            host, slash, encoded = url[len(_FILE) :].partition("/")
            if host not in ("", "localhost") or not slash:
                raise ImageFailed(ErrorCode.INVALID_URL, "the form is file:///folder/image.jpg")
            encoded = f"/{encoded}"
        decoded = unquote_to_bytes(encoded.encode(errors="surrogateescape"))
        if not decoded or b"\0" in decoded:
            raise ImageFailed(ErrorCode.INVALID_URL, "no path of a file")
        return self.base / os.fsdecode(decoded)

    def look_at(self, url: str, limit: int) -> tuple[int, str]:
        """Bytes of the regular file that a URL names, and a tag that changes when it is written.

        Raises:
            ImageFailed: there is none, or it is over the limit.
        """
        path = self.path(url)
        try:
            found = path.stat()
        except FileNotFoundError as error:
            host = url.partition("/")[0]
            hint = " (an address of the web starts with https://)" if _HOST.search(host) else ""
            raise _unreadable(path, error, hint) from error
        except OSError as error:
            raise _unreadable(path, error) from error
        if not stat.S_ISREG(found.st_mode):
            raise ImageFailed(ErrorCode.FILE_UNREADABLE, f"{path} is not a file")
        if found.st_size > limit:
            raise too_long(limit)
        return found.st_size, f'"{found.st_size}-{found.st_mtime_ns}"'

    def read(self, url: str, limit: int) -> bytes:
        """Its bytes, at most ``limit`` even if it grows meanwhile. Blocks.

        Raises:
            ImageFailed: as :meth:`look_at`.
        """
        path = self.path(url)
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise _unreadable(path, error) from error
        if len(data) > limit:
            raise too_long(limit)
        return data


def to_url(path: str) -> str:
    """A path as a list of URLs may hold it, and :meth:`LocalFiles.path` takes it back.

    A leading ``./`` where its first folder would be taken for a scheme.
    """
    safe = f"./{path}" if _SCHEME.match(path) else path
    return _TO_ENCODE.sub(lambda found: quote(found[0], safe=""), safe)


def _unreadable(path: Path, error: OSError, hint: str = "") -> ImageFailed:
    return ImageFailed(ErrorCode.FILE_UNREADABLE, f"{path}: {error.strerror or error}{hint}")
