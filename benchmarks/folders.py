"""Where the benchmarks read and write."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hosttools.cache import cache_root

ROOT: Final = Path(__file__).resolve().parents[1]
#: Results of the last run of each section; not committed.
REPORTS: Final = ROOT / "reports"


def cache() -> Path:
    """Photographs and the peer's packages live here, outside the tree."""
    folder = cache_root() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
