"""Find images in the cache, build missing ones, and delete old ones."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hosttools.errors import CommandFailed
from hosttools.progress import Say

from . import basefs, docker, hostapt, hostpip
from .buildah import Buildah
from .folders import DRAFT, Cache
from .inputs import COMPONENTS, content_hash, reference
from .request import BuildRequest

Builder = Literal["auto", "docker", "buildah"]
Build = Callable[[BuildRequest, Path, Say], None]

#: Number of archives that are kept for each component, for this checkout and others.
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
    """Return the images of this source tree by component, whether they are built or not."""
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
    """Build the missing images, and return all images by component.

    An archive gets its name only when it is complete.
    """
    images = expected(components, repository, cache, base_image)
    if all(image.archive.exists() for image in images.values()):
        return images
    with cache.held(say):
        absent = [image for image in images.values() if not image.archive.exists()]
        if absent:
            _build(absent, repository, cache, say, builder=builder, base_image=base_image)
            prune(cache, {image.archive for image in images.values()})
    return images


class _Workshop:
    """One build run: settings that all its images share, and its folder for drafts."""

    def __init__(self, repository: Path, cache: Cache, say: Say, folder: Path) -> None:
        self._repository = repository
        self._cache = cache
        self._say = say
        self._folder = folder
        self._pip_conf = folder / "pip.conf"
        hostpip.write_pip_conf(self._pip_conf)

    def with_docker(self, images: list[Image], base_image: str | None) -> None:
        """Build one image after another, and remove each from ``images``."""
        while images:
            self._one(images[0], base_image, docker.build)
            images.pop(0)

    def with_buildah(self, images: list[Image], base_image: str | None) -> None:
        """Build like :meth:`with_docker`, with buildah, which is installed if needed. Without
        ``base_image`` a base image is made."""
        hostapt.install(self._say)
        buildah = Buildah.opened(self._cache)
        base = base_image or buildah.base_image(self._cache, self._say)
        while images:
            self._one(images[0], base, buildah.build)
            images.pop(0)

    def _one(self, image: Image, base_image: str | None, build: Build) -> None:
        self._say(f"building {image.ref}")
        request = BuildRequest(
            component=image.component,
            reference=image.ref,
            repository=self._repository,
            base_image=base_image,
            ca_bundle=hostpip.ca_bundle(os.environ),
            pip_conf=self._pip_conf,
        )
        draft = self._folder / image.archive.name
        build(request, draft, self._say)
        draft.replace(image.archive)
        self._say(f"built {image.ref}: {image.archive.stat().st_size / 1e6:.0f} MB")


def _build(
    images: list[Image],
    repository: Path,
    cache: Cache,
    say: Say,
    *,
    builder: Builder,
    base_image: str | None,
) -> None:
    """Build with Docker if it works, else with buildah; print which one is used and why."""
    cache.archives.mkdir(parents=True, exist_ok=True)
    remaining = list(images)
    with tempfile.TemporaryDirectory(prefix=DRAFT, dir=cache.archives) as folder:
        workshop = _Workshop(repository, cache, say, Path(folder))
        if builder == "docker" or (builder == "auto" and docker.answers()):
            try:
                workshop.with_docker(remaining, base_image)
            except CommandFailed as error:
                # For example, the daemon cannot pull the base, or lacks BuildKit.
                if builder == "docker" or not Buildah.possible():
                    raise
                say(f"Docker cannot build here: {str(error).splitlines()[-1]}")
        elif builder == "auto":
            say("no Docker daemon answers: building with buildah")
        if remaining:
            workshop.with_buildah(remaining, base_image)


def prune(cache: Cache, wanted: set[Path]) -> None:
    """Delete the old archives of each component, except those in ``wanted``."""
    for name in COMPONENTS:
        archives = sorted(
            cache.archives.glob(f"{name}-*.tar"), key=lambda path: path.stat().st_mtime
        )
        for old in archives[:-_KEPT]:
            if old not in wanted:
                old.unlink()


def clean(cache: Cache, say: Say) -> None:
    """Remove everything that this package put into the cache."""
    with cache.held(say):
        for folder in (cache.archives, cache.bases, cache.buildah):
            if folder.exists():
                say(f"removing {folder}")
                shutil.rmtree(folder)
