"""Every condition and reason that a batch may show is in the operator's page."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagebatch_core.reasons import ConditionType, Reason

PAGE = Path(__file__).parents[3] / "docs" / "operator.md"


@pytest.mark.parametrize("word", [*ConditionType, *Reason])
def test_every_condition_and_reason_is_documented(word: ConditionType | Reason) -> None:
    section = PAGE.read_text().partition("## Conditions and reasons")[2].partition("\n## ")[0]
    assert f"`{word.value}`" in section
