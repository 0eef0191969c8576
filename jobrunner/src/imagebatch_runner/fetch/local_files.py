"""Read images from files of this machine, which only ``local`` allows.

An entry of a list is a ``file://`` URL or a path without a scheme. The path is absolute, or
relative to the CSV or folder. It is percent-encoded like every URL of the list, so that a comma can
be written (``%2C``).
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
#: The first folder of a path that may be meant as a host: www.example.com/a.jpg.
_HOST: Final = re.compile(r"^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}$")
#: Characters that would split a path in two or be stripped from its ends: see
#: ``catalogue.url_list``.
_TO_ENCODE: Final = re.compile(r"[%,;|]|^\s|\s(?=[A-Za-z][A-Za-z0-9+.-]*://|$)")


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """The files of this machine; relative paths start at ``base``."""

    base: Path

    def names(self, url: str) -> bool:
        """Return whether ``url`` names a file: it is a ``file://`` URL or has no scheme."""
        return url.lower().startswith(_FILE) or _SCHEME.match(url) is None

    def path(self, url: str) -> Path:
        """Return the path of the file that ``url`` names.

        Raises:
            ImageFailed: ``invalid_url``: a file of another host, an empty path or one with NUL.
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
        """Return a regular file's size in bytes, and a tag that changes when the file is written.

        Raises:
            ImageFailed: there is no such file, or it is over ``limit`` bytes.
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
        """Return the file's bytes, at most ``limit`` even if it grows meanwhile. This blocks.

        Raises:
            ImageFailed: the file cannot be read, or is over ``limit`` bytes.
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
    """Encode a path for a list of URLs; :meth:`LocalFiles.path` decodes it.

    The result begins with ``./`` if the path's beginning would be taken for a scheme.
    """
    safe = f"./{path}" if _SCHEME.match(path) else path
    return _TO_ENCODE.sub(lambda found: quote(found[0], safe=""), safe)


def _unreadable(path: Path, error: OSError, hint: str = "") -> ImageFailed:
    return ImageFailed(ErrorCode.FILE_UNREADABLE, f"{path}: {error.strerror or error}{hint}")
