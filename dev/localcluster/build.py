"""Build the Kubernetes binary once for its sources, and keep it in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hosttools.cache import cache_root
from hosttools.command import run
from hosttools.errors import MissingTool
from hosttools.filelock import held
from hosttools.progress import Say, heartbeat, say
from localcluster.errors import BuildFailed

SOURCES = Path(__file__).resolve().parent.parent / "kube"
KUBERNETES = "v1.34.4"
PROGRAM = "kube"
PAUSE = "pause"
PROGRAMS = (
    "coredns",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)


def source_key(sources: Path = SOURCES) -> str:
    """Return a hash of the Go sources and the linker flags."""
    digest = hashlib.sha256(" ".join(linker_flags()).encode())
    names = ("*.go", "pause/*.go", "go.mod", "go.sum")
    for path in sorted(found for name in names for found in sources.glob(name)):
        digest.update(str(path.relative_to(sources)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def linker_flags() -> list[str]:
    """Return linker flags that make the binary small and set its version.

    Without them nodes would report version v0.0.0.
    """
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    version = "k8s.io/component-base/version"
    return [
        "-s",
        "-w",
        f"-X {version}.gitVersion={KUBERNETES}",
        f"-X {version}.gitMajor={major}",
        f"-X {version}.gitMinor={minor}",
    ]


def folder() -> Path:
    """Return the cache folder of the binary built from these sources."""
    return cache_root() / f"kube-{KUBERNETES}-{source_key()}"


def built() -> bool:
    return (folder() / PROGRAM).exists()


def ensure(out: Say = say) -> Path:
    """Build the binary if needed; return its folder, which has a link for each program."""
    target = folder()
    if built():
        return target
    with held(cache_root() / "kube.lock", "another build of Kubernetes", out):
        if not built():
            _build(target, out)
    return target


def _build(target: Path, out: Say) -> None:
    go = shutil.which("go")
    if not go:
        raise MissingTool("Go 1.24 or newer is needed to build Kubernetes, and is not installed")
    for left in cache_root().glob("kube-build-*"):
        shutil.rmtree(left)  # left by a build that was killed; no other build runs, because this
        # one holds the lock
    work = Path(tempfile.mkdtemp(prefix="kube-build-", dir=cache_root()))
    try:
        out(f"building Kubernetes {KUBERNETES}: 5 to 15 minutes once, then kept in {cache_root()}")
        env = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
        out("listing packages and fetching modules")
        with heartbeat(lambda: "fetching modules", out):
            packages = run([go, "-C", str(SOURCES), "list", "-deps", "."], env=env, timeout=None)
        flags = ["-trimpath", "-ldflags", " ".join(linker_flags())]
        total = len(packages.split())
        _compile([go, "-C", str(SOURCES), "build", "-v", *flags, "-o", str(work / PROGRAM), "."],
                 env, total, out)  # fmt: skip
        _compile([go, "-C", str(SOURCES), "build", "-v", *flags, "-o", str(work / PAUSE),
                  "./pause"], env, 1, out)  # fmt: skip
        for name in PROGRAMS:
            (work / name).symlink_to(PROGRAM)
        work.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _compile(arguments: list[str], env: Mapping[str, str], total: int, out: Say) -> None:
    """Run `go build -v` and print the number of compiled packages every few seconds."""
    lines: list[str] = []
    process = subprocess.Popen(
        arguments,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
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
