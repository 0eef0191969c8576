"""Claims about what of a URL is shown."""

from __future__ import annotations

import pytest

from imagebatch_core.shown_url import shown_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://shop.example/a/b.csv", "https://shop.example/a/b.csv"),
        ("https://shop.example", "https://shop.example"),
        ("https://shop.example/a.csv?X-Amz-Signature=secret", "https://shop.example/a.csv"),
        ("https://shop.example?token=secret", "https://shop.example"),
        ("https://shop.example/a.csv#secret", "https://shop.example/a.csv"),
        ("https://user:secret@shop.example:8443/a.csv", "https://shop.example:8443/a.csv"),
        ("https://secret@shop.example/a.csv?secret", "https://shop.example/a.csv"),
        ("https://user:se@cret@shop.example/", "https://shop.example/"),
        ("https://user:secret\\@shop.example/", "https://shop.example/"),
        ("https://user:se/cret@shop.example/", "https://…"),
        ("https://user:se?cret@shop.example/", "https://…"),
        ("https://user:se#cret@shop.example/", "https://…"),
        ("https://[2606:4700::1]:81/a?secret", "https://[2606:4700::1]:81/a"),
        ("https://[secret/", "https://…"),
        ("https://:secret@/", "https://…"),
        ("s3://shop/a.csv", "s3://shop/a.csv"),
        ("/a/b.csv?secret", "/a/b.csv"),
        ("user:secret@shop.example/a.csv", "…"),
        ("", ""),
    ],
)
def test_scheme_host_and_path_are_shown_and_nothing_else(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert "secret" not in shown
