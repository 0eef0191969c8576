"""Build Go programs once for their sources, and keep them in the cache."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Final

from hosttools.cache import cache_root
from hosttools.command import run
from hosttools.errors import MissingTool
from hosttools.filelock import held
from hosttools.progress import Say, heartbeat, say

_SOURCES: Final = ("*.go", "go.mod", "go.sum")
_ENVIRONMENT: Final = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}


def program(sources: Path, out: Say = say, *, package: str = ".") -> Path:
    """Return the program of a Go module, named as its folder. Build it if it is not in the cache.

    ``package`` is the import path of the program, if it is one of the modules that go.mod requires.

    Raises:
        MissingTool: Go is not installed.
        CommandFailed: the build failed.
    """
    target = place(sources)
    if target.exists():
        return target
    with held(cache_root() / f"{sources.name}.lock", f"another build of {sources.name}", out):
        if not target.exists():
            _build(sources, target, package, out)
    return target


def required(sources: Path, module: str) -> Path:
    """Return the folder of a module that go.mod requires, in Go's own cache; download it if needed.

    Raises MissingTool and CommandFailed.
    """
    run([_go(sources), "-C", str(sources), "mod", "download", module], env=_ENVIRONMENT)
    command = [_go(sources), "-C", str(sources), "list", "-m", "-f", "{{.Dir}}", module]
    return Path(run(command, env=_ENVIRONMENT).strip())


def place(sources: Path) -> Path:
    """Return the path in the cache, which has a hash of the sources in its name."""
    digest = hashlib.sha256()
    for path in sorted(found for pattern in _SOURCES for found in sources.glob(pattern)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return cache_root() / f"{sources.name}-{digest.hexdigest()[:16]}"


def _build(sources: Path, target: Path, package: str, out: Say) -> None:
    go = _go(sources)
    with tempfile.TemporaryDirectory(prefix=f"{sources.name}-build-", dir=cache_root()) as folder:
        made = Path(folder) / sources.name
        command = [go, "-C", str(sources), "build", "-trimpath", "-ldflags=-s -w", "-o", str(made)]
        out(
            f"building {sources.name} with Go: one to ten minutes once, then kept in {cache_root()}"
        )
        with heartbeat(lambda: f"building {sources.name}", out):
            run([*command, package], env=_ENVIRONMENT, timeout=None)
        made.rename(target)


def _go(sources: Path) -> str:
    go = shutil.which("go")
    if not go:
        raise MissingTool(f"Go is needed to build {sources}, and is not installed")
    return go
