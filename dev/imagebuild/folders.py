"""Where things lie: the repository, and the cache outside it that survives a fresh clone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hosttools import filelock
from hosttools.progress import Say

#: Begins the names of folders in which something is being made.
DRAFT = "new-"
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Cache:
    """The folders of the image build below the cache's root; all may be deleted at any time."""

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
        """Remove what a killed build left half done; only its successor may call this."""
        for folder in (self.archives, self.bases):
            for draft in folder.glob(f"{DRAFT}*"):
                shutil.rmtree(draft)

    @contextmanager
    def held(self, say: Say) -> Iterator[None]:
        """One build at a time; the kernel frees the lock when its holder dies."""
        with filelock.held(self.root / "images.lock", "another image build", say):
            self.forget_drafts()
            yield
