"""Folders of the benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hosttools.cache import cache_root

ROOT: Final = Path(__file__).resolve().parents[1]
#: Folder with the results of the last run of each section; not committed.
REPORTS: Final = ROOT / "reports"


def cache() -> Path:
    """Return the cache folder for photographs and the peer's packages, outside the repository."""
    folder = cache_root() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
