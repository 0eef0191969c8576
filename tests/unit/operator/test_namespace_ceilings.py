"""The owner of a namespace may set ceilings below the release's, and none above."""

from __future__ import annotations

from typing import Any

import pytest

from imagebatch_core.ceilings import Ceilings
from imagebatch_core.names import ENV_STORE, NAMESPACE_CEILINGS, RUNNER_CONFIG_MAP
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_operator.admission import accept
from imagebatch_operator.cluster.client import batch_path, core_path
from imagebatch_operator.policies.observed import Refusal
from imagebatch_operator.settings import Settings
from unit.operator.builders import BatchBuilder, batch
from unit.operator.fakecluster import STORE, FakeCluster
from unit.operator.life import KEY, Life, applied, result

SETTINGS = Settings(runner_image="r", ceilings=Ceilings(parallelism=20))
PATH = core_path("shop", "configmaps", RUNNER_CONFIG_MAP)


def limited(cluster: FakeCluster, ceilings: str) -> FakeCluster:
    """The cluster, whose namespace ``shop`` has these ceilings."""
    data = {ENV_STORE: STORE, NAMESPACE_CEILINGS: ceilings}
    cluster.add(PATH, {"metadata": {"name": RUNNER_CONFIG_MAP}, "data": data})
    return cluster


def shards(cluster: FakeCluster) -> dict[str, Any]:
    """The Job of the shards."""
    (found,) = (job for job in cluster.jobs() if "completionMode" in job["spec"])
    return found


async def to_the_shards(life: Life) -> None:
    """Until the Job of the shards is there."""
    for _ in range(10):
        await life.one_pass()
        if [job for job in life.cluster.jobs() if "completionMode" in job["spec"]]:
            return
        life.cluster.run_jobs()
    raise AssertionError("no Job of shards")


@pytest.mark.parametrize(
    ("ceilings", "asked", "permanent"),
    [
        ('{"parallelism": 5}', batch().spec(parallelism=6), False),
        ('{"parallelism": 50}', batch().spec(parallelism=21), False),
        ('{"imagesPerShard": {"to": 100}}', batch().spec(imagesPerShard=101), True),
    ],
)
async def test_what_exceeds_either_is_refused(
    ceilings: str, asked: BatchBuilder, permanent: bool
) -> None:
    found = await accept(asked.build(), limited(FakeCluster(), ceilings), SETTINGS)
    assert isinstance(found, Refusal)
    assert (found.reason, found.permanent) == (Reason.LIMIT_EXCEEDED, permanent)


async def test_what_both_allow_is_accepted() -> None:
    cluster = limited(FakeCluster(), '{"parallelism": 5, "imagesPerShard": {"to": 100}}')
    asked = batch().spec(parallelism=5, imagesPerShard=100).build()
    assert isinstance(await accept(asked, cluster, SETTINGS), str)


async def test_ceilings_that_cannot_be_read_are_told() -> None:
    found = await accept(batch().build(), limited(FakeCluster(), "many"), SETTINGS)
    assert isinstance(found, Refusal)
    assert (found.reason, found.permanent) == (Reason.STORAGE_NOT_CONFIGURED, False)
    assert found.message.startswith("ConfigMap imagebatch-runner of shop: CEILINGS: ")


async def test_a_batch_runs_with_what_its_namespace_allows_and_its_jobs_stay_as_they_are() -> None:
    life = Life(limited(applied(batch()), '{"parallelism": 2, "images": 5000}'), SETTINGS)
    await to_the_shards(life)
    assert shards(life.cluster)["spec"]["parallelism"] == 2
    written = len(life.cluster.writes)
    await life.one_pass()
    assert life.cluster.writes[written:] == []
    assert await life.to_the_end() == 0
    assert result(life.cluster).status.phase is Phase.COMPLETED


async def test_a_running_batch_that_asks_for_more_goes_on_with_what_is_allowed() -> None:
    life = Life(limited(applied(batch()), '{"parallelism": 2}'), SETTINGS)
    await to_the_shards(life)
    life.start()  # what an earlier process has read is not needed
    path = batch_path(*KEY)
    life.cluster.objects[path]["spec"]["parallelism"] = 9
    await life.one_pass()
    assert shards(life.cluster)["spec"]["parallelism"] == 2
    told = result(life.cluster).status.condition(ConditionType.ACCEPTED)
    assert told is not None
    assert (told.status, told.reason) == ("False", Reason.LIMIT_EXCEEDED)
