"""Static files whose addresses hold the hash of their content: browsers keep them for ever."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import Scope

#: Characters of the SHA-256 in a name: enough to tell releases apart.
_DIGITS: Final = 16
#: A script that runs as a worker has the policy of its own file: it may call the gateway.
_SCRIPT_POLICY: Final = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'"


class HashedFiles(StaticFiles):
    """Serves the given files and nothing else of their folders.

    ``names`` maps a file's own name to the one that it is served under: ``swagger-ui.css`` to
    ``swagger-ui.0f3a….css``. ``folder``, where it is given, holds ES modules, which import each
    other by name: all its files are served under one name that holds the hash of all of them, and
    ``names`` maps ``app.js`` to ``0f3a…/app.js``. A change of content is a change of address.
    """

    def __init__(self, files: Iterable[Path], folder: Path | None = None) -> None:
        super().__init__()
        self._files = {_hashed_name(file): file for file in files}
        self.names = {file.name: name for name, file in self._files.items()}
        if folder is not None:
            together = sorted(file for file in folder.iterdir() if file.is_file())
            version = _hash(*together)
            own = {f"{version}/{file.name}": file for file in together}
            self._files |= own
            self.names |= {file.name: name for name, file in own.items()}

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        file = self._files.get(path)
        return (str(file), file.stat()) if file is not None else ("", None)

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        if Path(os.fspath(full_path)).suffix == ".js":
            response.headers["Content-Security-Policy"] = _SCRIPT_POLICY
        return response


def _hashed_name(file: Path) -> str:
    return f"{file.stem}.{_hash(file)}{file.suffix}"


def _hash(*files: Path) -> str:
    """Return the hash of one file's content, or of the names and contents of several."""
    if len(files) == 1:
        return hashlib.sha256(files[0].read_bytes()).hexdigest()[:_DIGITS]
    every = (f"{file.name} {_hash(file)}\n" for file in files)
    return hashlib.sha256("".join(every).encode()).hexdigest()[:_DIGITS]
