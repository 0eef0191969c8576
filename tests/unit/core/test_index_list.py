from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_core.index_list import count_indexes, format_indexes, parse_indexes


@pytest.mark.parametrize(
    ("text", "count"), [(None, 0), ("", 0), ("7", 1), ("0-3,7", 5), ("0-9999", 10_000)]
)
def test_indexes_are_counted_in_kubernetes_notation(text: str | None, count: int) -> None:
    assert count_indexes(text) == len(list(parse_indexes(text))) == count


@given(st.sets(st.integers(0, 500)))
def test_any_set_of_indexes_is_written_and_read(indexes: set[int]) -> None:
    text = format_indexes(sorted(indexes))
    assert list(parse_indexes(text)) == sorted(indexes)
    assert count_indexes(text) == len(indexes)
    assert "," not in text or len(indexes) > 1


def test_neighbours_share_a_range() -> None:
    assert format_indexes([0, 1, 2, 3, 7, 9, 10]) == "0-3,7,9-10"
