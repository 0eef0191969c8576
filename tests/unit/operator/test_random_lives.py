"""Random lives of batches keep what an operator promises; ``make fuzz`` tries many more.

A life that breaks names its seed: ``python -m unit.operator.randomlives --seed N`` repeats it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from imagebatch_core.reasons import Reason
from unit.operator.randomlives.story import Story

#: A block of seeds takes about four seconds of CPU.
BLOCK = 35


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    """The operator logs every failure that happens to it."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 3 * BLOCK, BLOCK))
async def test_whatever_happens_every_batch_ends_and_nothing_is_lost(first: int) -> None:
    ends: set[str] = set()
    for seed in range(first, first + BLOCK):
        story = Story(seed)
        await story.run()
        ends |= story.ends
    assert ends >= {
        Reason.COMPLETED, Reason.COMPLETED_WITH_FAILURES, Reason.DRY_RUN_COMPLETED,
        Reason.CANCELLED, Reason.DEADLINE_EXCEEDED,
    }  # fmt: skip
