"""Print the sample CSV for another image host, or one with many images.

    python3 dev/stack/render.py --base-url http://127.0.0.1:8080 > products.csv
    python3 dev/stack/render.py --base-url http://samplehost:8080 --images 1000 > many.csv

Standard library only.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path

SAMPLE = Path(__file__).with_name("products.csv")
#: The host that products.csv names: the sample host's Service beside the release.
PLACEHOLDER = "http://samplehost:8080"


def rendered(base_url: str) -> str:
    """``products.csv`` with its host replaced."""
    return SAMPLE.read_text(encoding="utf-8").replace(PLACEHOLDER, base_url.rstrip("/"))


def many(base_url: str, images: int, per_product: int) -> str:
    """A CSV of ``images`` small photographs, each URL its own; the last row may be short."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["S. No.", "Product Name", "Input Image Urls"])
    base = base_url.rstrip("/")
    for row, first in enumerate(range(0, images, per_product), start=1):
        numbers = range(first, min(first + per_product, images))
        urls = ",".join(f"{base}/photos/n/{number}.jpg" for number in numbers)
        writer.writerow([row, f"Product {row}", urls])
    return out.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--base-url", default=PLACEHOLDER, help="of the sample image host")
    parser.add_argument("--images", type=int, help="a CSV of this many images instead")
    parser.add_argument("--per-product", type=int, default=4, help="images of one product")
    options = parser.parse_args()
    if options.images is None:
        sys.stdout.write(rendered(options.base_url))
    else:
        sys.stdout.write(many(options.base_url, options.images, options.per_product))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
