"""Push built images to a registry, with Docker if its daemon runs, else with buildah.

The credentials are those stored by `docker login` or `buildah login`.
"""

from __future__ import annotations

from collections.abc import Mapping

from hosttools.command import run
from hosttools.progress import Say

from . import docker, hostapt
from .buildah import Buildah
from .folders import Cache
from .images import Builder, Image


def target(image: Image, registry: str) -> str:
    """Return the image's name in ``registry``, which is a host with or without a path."""
    return f"{registry.rstrip('/')}/{image.ref}"


def push(
    images: Mapping[str, Image],
    registry: str,
    cache: Cache,
    say: Say,
    *,
    builder: Builder = "auto",
    insecure: bool = False,
) -> dict[str, str]:
    """Push the images; return their names in the registry by component.

    ``insecure`` allows http and unverified TLS.
    """
    with_docker = builder == "docker" or (builder == "auto" and docker.answers())
    pushed: dict[str, str] = {}
    with cache.held(say):
        buildah = None
        if not with_docker:
            hostapt.install(say)
            buildah = Buildah.opened(cache)
        for name, image in images.items():
            pushed[name] = target(image, registry)
            say(f"pushing {pushed[name]}")
            if buildah is not None:
                buildah.push(image.archive, image.ref, pushed[name], insecure=insecure)
            else:
                _with_docker(image, pushed[name])
    return pushed


def _with_docker(image: Image, name: str) -> None:
    """Load, tag and push an image. Docker's own settings say which registries may use http."""
    run(["docker", "load", "--quiet", "--input", str(image.archive)], timeout=None)
    run(["docker", "tag", f"docker.io/{image.ref}", name])
    run(["docker", "push", "--quiet", name], timeout=None)
