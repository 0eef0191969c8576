"""One image to build, in the terms that Docker and buildah share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """``base_image`` is None for the Dockerfile's default."""

    component: str
    reference: str
    repository: Path
    base_image: str | None
    ca_bundle: Path | None
    pip_conf: Path

    @property
    def full_name(self) -> str:
        """The full name, which a kubelet looks for: programs complete short names differently."""
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
