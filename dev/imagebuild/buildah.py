"""Build images with buildah, without a daemon and a registry. Its state is in the cache folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hosttools.command import follow, run
from hosttools.errors import CommandFailed, MissingTool
from hosttools.progress import Say

from . import basefs, hostapt
from .folders import Cache
from .request import BuildRequest

_POLICY = {"default": [{"type": "insecureAcceptAnything"}]}


@dataclass(frozen=True, slots=True)
class Buildah:
    """Runs buildah with its storage in a cache folder."""

    folder: Path

    @staticmethod
    def possible() -> bool:
        """Return whether this user can build with buildah on this machine."""
        return os.geteuid() == 0 and (not hostapt.missing() or bool(shutil.which("apt-get")))

    @classmethod
    def opened(cls, cache: Cache) -> Buildah:
        """Open the storage in the cache. Raises MissingTool unless the user is root, because
        buildah itself mounts and changes root here."""
        if os.geteuid() != 0:
            raise MissingTool("there is no Docker daemon; building with buildah needs root")
        cache.buildah.mkdir(parents=True, exist_ok=True)
        (cache.buildah / "tmp").mkdir(exist_ok=True)
        # These replace the machine's own policy and registries.
        (cache.buildah / "policy.json").write_text(json.dumps(_POLICY))
        (cache.buildah / "registries.conf").write_text("")
        driver = cache.buildah / "driver"
        if not driver.exists():
            driver.write_text("overlay" if _overlay_works(cache.buildah) else "vfs")
        (cache.buildah / "storage.conf").write_text(f'[storage]\ndriver = "{driver.read_text()}"\n')
        buildah = cls(cache.buildah)
        # Remove working containers that an interrupted build left behind.
        buildah.run("rm", "--all")
        return buildah

    def _command(self, *arguments: str) -> list[str]:
        return [
            # In a mount namespace, so that nothing stays mounted when it is killed.
            "unshare", "--mount", "buildah",
            "--root", str(self.folder / "storage"),
            "--runroot", str(self.folder / "run"),
            "--storage-driver", (self.folder / "driver").read_text(),
            "--registries-conf", str(self.folder / "registries.conf"),
            *arguments,
        ]  # fmt: skip

    @property
    def _env(self) -> dict[str, str]:
        return {
            "TMPDIR": str(self.folder / "tmp"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
        }

    def run(self, *arguments: str) -> str:
        return run(self._command(*arguments), env=self._env, timeout=None)

    def has(self, reference: str) -> bool:
        """Return whether the storage has the image."""
        try:
            self.run("inspect", "--type", "image", "--format", "{{.FromImageID}}", reference)
        except CommandFailed:
            return False
        return True

    def base_image(self, cache: Cache, say: Say) -> str:
        """Import the base made from Debian packages if needed, and return its image name."""
        reference = f"localhost/imagebatch/base:{basefs.identity()}"
        if self.has(reference):
            return reference
        tar = basefs.ensure(cache, say)
        container = self.run("from", "--pull-never", "scratch").strip()
        try:
            self.run("add", "--quiet", container, str(tar), "/")
            self.run("config", "--env", "LANG=C.UTF-8", container)
            self.run("commit", "--quiet", *self._policy, container, reference)
        finally:
            self.run("rm", container)
        return reference

    def build(self, request: BuildRequest, archive: Path, say: Say) -> None:
        """Build one image and write it to ``archive`` as a docker-archive."""
        follow(
            self._command(
                "bud", "--isolation", "chroot", "--layers", "--pull-never", "--format", "docker",
                *self._policy, *request.arguments(), str(request.repository),
            ),
            _steps(request.component, say),
            env=self._env,
        )  # fmt: skip
        self.run(
            "push", "--quiet", *self._policy, request.full_name,
            f"docker-archive:{archive}:{request.full_name}",
        )  # fmt: skip

    def push(self, archive: Path, reference: str, target: str, *, insecure: bool) -> None:
        """Push the image in a docker-archive to a registry under the name ``target``.

        ``insecure`` allows http and unverified TLS.
        """
        self.run("pull", "--quiet", *self._policy, f"docker-archive:{archive}")
        verify = "--tls-verify=false" if insecure else "--tls-verify=true"
        name = f"docker.io/{reference}"
        self.run("push", "--quiet", *self._policy, verify, name, f"docker://{target}")

    @property
    def _policy(self) -> list[str]:
        return ["--signature-policy", str(self.folder / "policy.json")]


def _steps(component: str, say: Say) -> Callable[[str], None]:
    """Return a function that shows a short text for each step line in buildah's output.

    Such a line is `STEP 3/9: RUN …`, or `[2/3] STEP …` in a build with several stages.
    """

    def on_line(line: str) -> None:
        _, found, step = line.partition("STEP ")
        if found and ("RUN " in step or "COPY " in step):
            text = step.partition(": ")[2]
            if "install.sh environments" in text:
                text = "installing what builds the rest"
            elif "install.sh shipped" in text:
                text = "installing the locked dependencies"
            elif "install.sh components" in text:
                text = "installing the component"
            say(f"  {component}: {text[:80]}")

    return on_line


def _overlay_works(folder: Path) -> bool:
    """Return whether the kernel can mount an overlay in this folder, which it refuses if the folder
    is on an overlay itself."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        for name in ("lower", "upper", "work", "merged"):
            (Path(work) / name).mkdir()
        options = f"lowerdir={work}/lower,upperdir={work}/upper,workdir={work}/work"
        mount = ["mount", "-t", "overlay", "overlay", "-o", options, f"{work}/merged"]
        try:
            run(["unshare", "--mount", *mount])
        except (CommandFailed, MissingTool):
            return False
        return True
