"""``products.csv`` of this folder, and the expected number of failures."""

from __future__ import annotations

from .places import ROOT
from .samplehost_manifests import SAMPLEHOST_URL

PRODUCTS = 7
IMAGES = 11
#: Number of images that must fail: one host does not resolve, and one URL leads to a web page.
FAILURES = 2


def sample_csv(host: str) -> str:
    """Return the CSV with ``host``, the URL at which the runner reaches the sample host."""
    text = (ROOT / "dev" / "stack" / "products.csv").read_text(encoding="utf-8")
    return text.replace(SAMPLEHOST_URL, host)
