"""The repository's folder and the cache's folders."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hosttools import filelock
from hosttools.progress import Say

#: Prefix of the names of temporary folders, whose content is not complete yet.
DRAFT = "new-"
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Cache:
    """The folders of the image build in the cache; all may be deleted at any time."""

    root: Path

    @property
    def archives(self) -> Path:
        """Finished images, one docker-archive each."""
        return self.root / "images"

    @property
    def bases(self) -> Path:
        """Root file systems made from Debian packages."""
        return self.root / "bases"

    @property
    def buildah(self) -> Path:
        """buildah's storage: layers, working containers, temporary files."""
        return self.root / "buildah"

    def forget_drafts(self) -> None:
        """Remove the temporary folders of killed builds. The caller must hold the lock."""
        for folder in (self.archives, self.bases):
            for draft in folder.glob(f"{DRAFT}*"):
                shutil.rmtree(draft)

    @contextmanager
    def held(self, say: Say) -> Iterator[None]:
        """Hold the lock during the block, so that only one build runs at a time."""
        with filelock.held(self.root / "images.lock", "another image build", say):
            self.forget_drafts()
            yield
