from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_operator.policies.observed import count_indexes


@pytest.mark.parametrize(
    ("text", "count"), [(None, 0), ("", 0), ("7", 1), ("0-3,7", 5), ("0-9999", 10_000)]
)
def test_indexes_are_counted_in_kubernetes_notation(text: str | None, count: int) -> None:
    assert count_indexes(text) == count


@given(st.sets(st.integers(0, 500)))
def test_any_set_of_indexes_is_counted(indexes: set[int]) -> None:
    parts: list[str] = []
    for start in sorted(i for i in indexes if i - 1 not in indexes):
        end = start
        while end + 1 in indexes:
            end += 1
        parts.append(str(start) if start == end else f"{start}-{end}")
    assert count_indexes(",".join(parts)) == len(indexes)
