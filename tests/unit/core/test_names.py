from __future__ import annotations

import pytest

from imagebatch_core.names import is_object_name


@pytest.mark.parametrize(
    "name", ["a", "summer-2026", "v1.2", "5f0c1b52-9d0e-4b4e-9a51-0e6f3a6c1d2e", "x" * 253]
)
def test_names_of_objects_are_known(name: str) -> None:
    assert is_object_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "-a", "a-", "A", "a_b", "a/b", "a b", "a\n", "é", "x" * 254]
)
def test_what_could_be_a_path_or_can_be_no_object_is_none(name: str) -> None:
    assert not is_object_name(name)
