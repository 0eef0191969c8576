"""Texts are cut to a size in bytes, and never within a character."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from imagebatch_core.shortened import shortened


@given(st.text(), st.integers(3, 60))
def test_the_beginning_stays_and_as_much_of_it_as_fits(text: str, limit: int) -> None:
    def size(value: str) -> int:
        return len(json.dumps(value, ensure_ascii=False).encode()) - 2

    cut = shortened(text, limit)
    assert size(cut) <= limit
    if size(text) <= limit:
        assert cut == text
        return
    kept = cut.removesuffix("…")
    assert cut == kept + "…"
    assert text.startswith(kept)
    assert size(text[: len(kept) + 1]) + 3 > limit, "one more character would not have fitted"
