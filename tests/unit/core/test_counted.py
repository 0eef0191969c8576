"""Sentences with numbers."""

from __future__ import annotations

import pytest

from imagebatch_core.counted import counted


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ({"image": 0}, "0 images"),
        ({"image": 1}, "1 image"),
        ({"product": 1, "image": 3}, "1 product, 3 images"),
    ],
)
def test_one_is_singular(numbers: dict[str, int], text: str) -> None:
    assert counted(**numbers) == text
