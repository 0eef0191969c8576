"""Build a Go program once for its sources, and keep it in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hosttools.cache import cache_root
from hosttools.command import run
from hosttools.errors import MissingTool
from hosttools.filelock import held
from hosttools.progress import Say, heartbeat, say
from localcluster.errors import BuildFailed

_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}


@dataclass(frozen=True)
class GoProgram:
    """A Go module of this repository, and what is built from it.

    ``name`` is the prefix of its folder in the cache. ``packages`` has the Go package of each
    binary. ``links`` are further names of the first binary. ``lasts`` says how long a build takes.
    """

    name: str
    title: str
    version: str
    sources: Path
    flags: tuple[str, ...]
    packages: Mapping[str, str]
    links: tuple[str, ...] = ()
    lasts: str = ""

    def folder(self) -> Path:
        """Return the cache folder of the binaries built from these sources."""
        return cache_root() / f"{self.name}-{self.version}-{source_key(self.sources, self.flags)}"

    def built(self) -> bool:
        return all((self.folder() / binary).exists() for binary in self.packages)

    def ensure(self, out: Say = say) -> Path:
        """Build the binaries if needed; return their folder."""
        target = self.folder()
        if self.built():
            return target
        with held(cache_root() / f"{self.name}.lock", f"another build of {self.title}", out):
            if not self.built():
                self._build(target, out)
        return target

    def _build(self, target: Path, out: Say) -> None:
        go = shutil.which("go")
        if not go:
            raise MissingTool(
                f"Go 1.24 or newer is needed to build {self.title}, and is not installed"
            )
        for left in cache_root().glob(f"{self.name}-build-*"):
            shutil.rmtree(left)  # left by a build that was killed; no other build runs, because
            # this one holds the lock
        work = Path(tempfile.mkdtemp(prefix=f"{self.name}-build-", dir=cache_root()))
        try:
            out(f"building {self.title} {self.version}: {self.lasts} once, "
                f"then kept in {cache_root()}")  # fmt: skip
            out("listing packages and fetching modules")
            command = [go, "-C", str(self.sources)]
            with heartbeat(lambda: "fetching modules", out):
                deps = run([*command, "list", "-deps", "."], env=_ENVIRONMENT, timeout=None)
            total = len(deps.split())
            flags = ["-trimpath", "-ldflags", " ".join(self.flags)]
            for binary, package in self.packages.items():
                made = ["-o", str(work / binary), package]
                _compile([*command, "build", "-v", *flags, *made], total, out)
            for link in self.links:
                (work / link).symlink_to(next(iter(self.packages)))
            work.chmod(0o755)
            shutil.rmtree(target, ignore_errors=True)
            work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def source_key(sources: Path, flags: tuple[str, ...]) -> str:
    """Return a hash of the Go sources and the linker flags."""
    digest = hashlib.sha256(" ".join(flags).encode())
    names = ("*.go", "pause/*.go", "go.mod", "go.sum")
    for path in sorted(found for name in names for found in sources.glob(name)):
        digest.update(str(path.relative_to(sources)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _compile(arguments: list[str], total: int, out: Say) -> None:
    """Run `go build -v` and print the number of compiled packages every few seconds."""
    lines: list[str] = []
    process = subprocess.Popen(
        arguments,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **_ENVIRONMENT},
    )
    try:
        with heartbeat(lambda: f"{len(lines)} of at most {total} packages compiled", out):
            # The heartbeat's thread reads the number of lines.
            lines.extend(line.rstrip() for line in process.stderr or ())
            code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if code != 0:
        words = "\n".join(lines[-15:])
        raise BuildFailed(f"the Go build ended with {code}; run it again to go on:\n{words}")
