"""The sample CSV of the demo and of the end-to-end tests."""

from __future__ import annotations

import io
import subprocess
import sys

from imagebatch_core.catalogue.rows import Row, open_rows
from stack.places import ROOT


def _render(*arguments: str) -> list[Row]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "dev/stack/render.py"), *arguments],
        check=True,
        capture_output=True,
    )
    return list(open_rows(io.BytesIO(done.stdout)))


def test_the_sample_has_both_spellings_and_two_images_that_fail() -> None:
    rows = _render("--base-url", "http://127.0.0.1:9000/")
    assert [len(row.urls) for row in rows] == [1, 2, 2, 1, 2, 1, 2]
    assert [row.extra for row in rows][:2] == [("blue",), ("ginger",)]
    urls = [url for row in rows for url in row.urls]
    assert [url for url in urls if not url.startswith("http://127.0.0.1:9000/photos/")] == [
        "http://no-such-host.invalid/a.jpg",
        "http://127.0.0.1:9000/not-an-image.jpg",
    ]


def test_many_images_all_have_urls_of_their_own() -> None:
    rows = _render("--images", "1000", "--per-product", "7")
    urls = [url for row in rows for url in row.urls]
    assert len(urls) == len(set(urls)) == 1000
    assert len(rows) == 143
