"""Every word of the status has a meaning, and every reason a condition that shows it."""

from __future__ import annotations

import pytest

from imagebatch_core.condition_reasons import SHOWN
from imagebatch_core.reasons import ConditionType, Phase, Reason


@pytest.mark.parametrize("word", [*Phase, *ConditionType, *Reason])
def test_a_word_has_a_meaning(word: Phase | ConditionType | Reason) -> None:
    assert word.meaning.endswith(".")


def test_every_condition_is_listed_with_its_reasons() -> None:
    assert set(SHOWN) == set(ConditionType)


def test_every_reason_is_shown_by_a_condition() -> None:
    assert {r for by_status in SHOWN.values() for rs in by_status.values() for r in rs} == set(
        Reason
    )


def test_no_reason_is_listed_twice_for_a_condition() -> None:
    for by_status in SHOWN.values():
        for reasons in by_status.values():
            assert len(set(reasons)) == len(reasons)
