"""A turn is taken when a pass decides, before anything is written."""

from __future__ import annotations

from typing import Any

from imagebatch_core.resource import ImageBatch
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import Observation, Obstacle
from imagebatch_operator.policies.turns import Limits
from imagebatch_operator.queueing import Queueing
from unit.operator.builders import NOW, BatchBuilder, batch


class Passes:
    def __init__(self) -> None:
        self.cache = Cache()
        self.queueing = Queueing(self.cache, Limits(release=1), lambda: NOW)
        self._version = 0

    def put(self, builder: BatchBuilder) -> ImageBatch:
        self._version += 1
        body: dict[str, Any] = builder.body()
        body["metadata"]["resourceVersion"] = str(self._version)
        self.cache.put_batch(body)
        return ImageBatch.from_object(body)

    def granted(self, made: ImageBatch, **seen: Any) -> bool:
        """Decide, as a pass does, and write nothing."""
        turn = self.queueing.turn(made)
        assert turn is not None
        self.queueing.decided(made, decide(made, Observation(turn=turn, **seen), NOW))
        return turn.granted


def test_a_batch_that_comes_between_decision_and_write_does_not_get_the_same_turn() -> None:
    passes = Passes()
    first = passes.put(batch().named("first"))
    assert passes.granted(first)
    urgent = passes.put(batch().named("urgent").spec(priority=9))
    assert not passes.granted(urgent)
    passes.queueing.passed(("shop", "first"), failed=True)
    assert passes.queueing.due() == [("shop", "urgent")], "the write failed: the turn is free"
    assert passes.granted(urgent)


def test_a_stalled_batch_holds_its_turn_while_its_job_is_created() -> None:
    passes = Passes()
    builder = batch().named("stalled").shards(3, first_runs=1)
    obstacle = Obstacle("exceeded quota", NOW, NOW)
    refused = decide(builder.build(), Observation(obstacle=obstacle), NOW).status
    stalled = passes.put(builder.with_status(refused))
    other = batch().named("other").spec(priority=9)
    assert passes.granted(stalled, obstacle=None)
    # The status is written, and the Job not created yet.
    passes.put(builder)
    assert not passes.granted(passes.put(other))
    passes.queueing.passed(("shop", "stalled"), failed=False)
    assert passes.granted(passes.put(other))
