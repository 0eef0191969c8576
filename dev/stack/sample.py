"""``examples/products.csv``, with what a run of it must give."""

from __future__ import annotations

from .places import ROOT
from .samplehost_manifests import SAMPLEHOST_URL

PRODUCTS = 7
IMAGES = 11
#: Images that must fail: one host does not resolve, one address is a web page.
FAILURES = 2


def sample_csv(host: str) -> str:
    """The CSV with addresses at ``host``, the sample host's URL as the runner reaches it."""
    text = (ROOT / "examples" / "products.csv").read_text(encoding="utf-8")
    return text.replace(SAMPLEHOST_URL, host)
