"""Where the benchmarks read and write."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
#: Results of the last run of each section; not committed.
REPORTS: Final = ROOT / "reports"


def cache() -> Path:
    """Photographs and the peer's packages live here, outside the tree."""
    base = os.environ.get("IMAGEBATCH_CACHE") or Path.home() / ".cache" / "imagebatch"
    folder = Path(base) / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
