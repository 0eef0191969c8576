"""Static files with a hash of their content in their names, so that browsers can cache them for
good."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import Scope

#: Hexadecimal digits of the SHA-256 in a file name: enough to distinguish releases.
_DIGITS: Final = 16


class HashedFiles(StaticFiles):
    """Serves the given files, and no other file of their folders.

    ``names`` maps each file's own name to the name under which it is served: ``home.css`` to
    ``home.0f3a….css``. When the content changes, the served name changes.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        super().__init__()
        self._files = {_hashed_name(file): file for file in files}
        self.names = {file.name: name for name, file in self._files.items()}

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        file = self._files.get(path)
        return (str(file), file.stat()) if file is not None else ("", None)

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def _hashed_name(file: Path) -> str:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:_DIGITS]
    return f"{file.stem}.{digest}{file.suffix}"
