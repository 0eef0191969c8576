"""A batch of one shard is cancelled while its plan pod runs: the real reconciler."""

from __future__ import annotations

import pytest

from imagebatch_core.names import LABEL_STEP
from imagebatch_core.reasons import Phase
from imagebatch_operator.cluster.client import batch_path
from imagebatch_operator.settings import Settings
from unit.operator.builders import batch
from unit.operator.life import KEY, Life, applied, result


def change(life: Life, **spec: object) -> None:
    body = life.cluster.objects[batch_path(*KEY)]
    body["metadata"]["generation"] += 1
    life.cluster.add(batch_path(*KEY), {**body, "spec": {**body["spec"], **spec}})


def steps(life: Life) -> list[str]:
    return [job["metadata"]["labels"][LABEL_STEP] for job in life.cluster.jobs()]


@pytest.mark.parametrize("held_from_the_start", [True, False])
async def test_only_a_pod_that_was_told_to_stop_after_plan_has_recorded_nothing(
    held_from_the_start: bool,
) -> None:
    builder = batch().spec(suspendAfter="Plan") if held_from_the_start else batch()
    life = Life(applied(builder), Settings(runner_image="runner:1"))
    await life.one_pass()
    assert steps(life) == ["plan"]
    [path] = [path for path in life.cluster.objects if "/jobs/" in path]
    running = {**life.cluster.objects[path], "status": {"active": 1, "ready": 1}}
    life.cluster.add(path, running)

    change(life, suspendAfter="Plan", cancel=True)
    for _ in range(3):
        await life.one_pass()
    if held_from_the_start:
        assert (result(life.cluster).status.phase, steps(life)) == (Phase.CANCELLED, [])
    else:
        assert (result(life.cluster).status.phase, steps(life)) == (Phase.PROCESSING, ["collect"])
