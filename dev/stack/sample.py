"""``examples/products.csv``: both spellings of the list, an own column, two failures."""

from __future__ import annotations

from .places import ROOT
from .samplehost_manifests import SAMPLEHOST_URL

PRODUCTS = 7
IMAGES = 11
#: Those that must fail, alone: a host that does not resolve, a page that is no image.
FAILURES = 2


def sample_csv(host: str) -> str:
    """``host`` is the sample host's address, as whoever fetches reaches it."""
    text = (ROOT / "examples" / "products.csv").read_text(encoding="utf-8")
    return text.replace(SAMPLEHOST_URL, host)
