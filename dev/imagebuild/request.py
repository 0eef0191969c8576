"""The request to build one image, for Docker and buildah."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """An image to build. Without a ``base_image`` the Dockerfile's default is used."""

    component: str
    reference: str
    repository: Path
    base_image: str | None
    ca_bundle: Path | None
    pip_conf: Path

    @property
    def full_name(self) -> str:
        """The image's full name. It is used everywhere, because Docker, buildah and the kubelet
        complete short names differently."""
        return f"docker.io/{self.reference}"

    def arguments(self) -> list[str]:
        """Options for both ``docker build`` and ``buildah build``, without the context."""
        arguments = [
            "--file", str(self.repository / "Dockerfile"),
            "--target", self.component,
            "--tag", self.full_name,
            "--label", f"org.opencontainers.image.version={self.reference.rpartition(':')[2]}",
            "--secret", f"id=pip_conf,src={self.pip_conf}",
        ]  # fmt: skip
        if self.ca_bundle is not None:
            arguments += ["--secret", f"id=ca_bundle,src={self.ca_bundle}"]
        if self.base_image is not None:
            arguments += ["--build-arg", f"BASE_IMAGE={self.base_image}"]
        return arguments
