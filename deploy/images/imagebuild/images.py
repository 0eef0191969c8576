"""Which images are there, which must be built, and which old ones may go."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from . import basefs, docker, hostapt, hostpip
from .buildah import Buildah
from .folders import DRAFT, Cache
from .inputs import COMPONENTS, content_hash, reference
from .progress import Say
from .request import BuildRequest

Builder = Literal["auto", "docker", "buildah"]

#: Archives kept per component: the present one, and those that other checkouts may still use.
_KEPT = 3


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its name, and the docker-archive that holds it under ``docker.io/<ref>``."""

    component: str
    ref: str
    archive: Path


def expected(
    components: Iterable[str], repository: Path, cache: Cache, base_image: str | None = None
) -> dict[str, Image]:
    """The images that the tree asks for; reads the tree, builds nothing."""
    base = base_image or basefs.identity()
    images: dict[str, Image] = {}
    for name in components:
        content = content_hash(COMPONENTS[name], repository, base)
        archive = cache.archives / f"{name}-{content}.tar"
        images[name] = Image(name, reference(name, content), archive)
    return images


def ensure(
    components: Iterable[str],
    repository: Path,
    cache: Cache,
    say: Say,
    *,
    builder: Builder = "auto",
    base_image: str | None = None,
) -> Mapping[str, Image]:
    """Build what is not there yet. An archive appears under its name only when it is whole."""
    images = expected(components, repository, cache, base_image)
    if all(image.archive.exists() for image in images.values()):
        return images
    with cache.held(say):
        absent = [image for image in images.values() if not image.archive.exists()]
        if absent:
            _build(absent, repository, cache, say, builder=builder, base_image=base_image)
            prune(cache, {image.archive for image in images.values()})
    return images


def _build(
    images: list[Image],
    repository: Path,
    cache: Cache,
    say: Say,
    *,
    builder: Builder,
    base_image: str | None,
) -> None:
    cache.archives.mkdir(parents=True, exist_ok=True)
    chosen = builder
    if builder == "auto":
        chosen = "docker" if docker.answers() else "buildah"
    buildah: Buildah | None = None
    if chosen == "buildah":
        why = "no Docker daemon answers" if builder == "auto" else "as asked"
        say(f"building with buildah: {why}")
        hostapt.install(say)
        buildah = Buildah.opened(cache)
        base_image = base_image or buildah.base_image(cache, say)
    with tempfile.TemporaryDirectory(prefix=DRAFT, dir=cache.archives) as folder:
        pip_conf = Path(folder) / "pip.conf"
        hostpip.write_pip_conf(pip_conf)
        for image in images:
            say(f"building {image.ref}")
            request = BuildRequest(
                component=image.component,
                reference=image.ref,
                repository=repository,
                base_image=base_image,
                ca_bundle=hostpip.ca_bundle(os.environ),
                pip_conf=pip_conf,
            )
            draft = Path(folder) / image.archive.name
            if buildah is not None:
                buildah.build(request, draft, say)
            else:
                docker.build(request, draft, say)
            draft.replace(image.archive)
            say(f"built {image.ref}: {image.archive.stat().st_size / 1e6:.0f} MB")


def prune(cache: Cache, wanted: set[Path]) -> None:
    """Delete archives beyond the newest few of each component, never one that is wanted now."""
    for name in COMPONENTS:
        archives = sorted(
            cache.archives.glob(f"{name}-*.tar"), key=lambda path: path.stat().st_mtime
        )
        for old in archives[:-_KEPT]:
            if old not in wanted:
                old.unlink()


def clean(cache: Cache, say: Say) -> None:
    """Remove everything that this package ever put into the cache."""
    with cache.held(say):
        for folder in (cache.archives, cache.bases, cache.buildah):
            if folder.exists():
                say(f"removing {folder}")
                shutil.rmtree(folder)
