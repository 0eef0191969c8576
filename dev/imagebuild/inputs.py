"""The input files of each image, and the hash of them that names the image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

#: Folders that are not inputs; .dockerignore lists them too.
_IGNORED_FOLDERS = frozenset({"__pycache__", ".venv", ".mypy_cache", ".ruff_cache"})
_IGNORED_SUFFIXES = (".pyc", ".pyo", ".so", ".egg-info")
#: Increase it for a change of the images that no file of the repository shows.
_FORMAT = "1"


@dataclass(frozen=True, slots=True)
class Component:
    """A target of the Dockerfile and the paths, relative to the repository, that it copies."""

    name: str
    paths: tuple[str, ...]


_ALWAYS = (
    "Dockerfile",
    ".dockerignore",
    "requirements/install.sh",
    "requirements/build.txt",
)

COMPONENTS: Mapping[str, Component] = {
    component.name: component
    for component in (
        Component(
            "runner",
            (*_ALWAYS, "requirements/runner.txt", "requirements/native.txt", "core", "jobrunner"),
        ),
        Component("gateway", (*_ALWAYS, "requirements/gateway.txt", "core", "gateway", "sweep")),
        Component("operator", (*_ALWAYS, "requirements/operator.txt", "core", "operator")),
        Component("devtools", (*_ALWAYS, "requirements/devtools.txt", "dev/samplehost")),
    )
}


def files_of(component: Component, repository: Path) -> Iterator[Path]:
    """Yield every input file in a fixed order. Raises FileNotFoundError if a path is missing."""
    for name in component.paths:
        path = repository / name
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from _below(path)
        else:
            raise FileNotFoundError(f"{name}, an input of the {component.name} image, is missing")


def _below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _IGNORED_FOLDERS or path.name.endswith(_IGNORED_SUFFIXES):
            continue
        if path.is_dir():
            yield from _below(path)
        elif path.is_file():
            yield path


def content_hash(component: Component, repository: Path, base: str) -> str:
    """Return a hash, 12 hex digits, of the inputs' names, modes and bytes and of the base's
    name."""
    digest = hashlib.sha256(f"{_FORMAT}\0{component.name}\0{base}\0".encode())
    for path in files_of(component, repository):
        executable = bool(path.stat().st_mode & 0o100)
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(repository)}\0{executable}\0{content}\n".encode())
    return digest.hexdigest()[:12]


def reference(component: str, content: str) -> str:
    """Return the image's name. Its tag contains the hash ``content``."""
    return f"imagebatch/{component}:dev-{content}"
