"""What configuration stands in the way of goes on once it is mended: the real reconciler."""

from __future__ import annotations

from typing import Any

import pytest

from imagebatch_core.condition import ConditionStatus
from imagebatch_core.job import Step
from imagebatch_core.names import ANNOTATION_DISPLAY_NAME, ANNOTATION_TEMPLATE
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_operator.cluster.client import batch_path, jobs_path
from imagebatch_operator.jobs import construct_job
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.settings import Settings
from unit.operator.builders import batch
from unit.operator.fakecluster import Crash, FakeCluster
from unit.operator.life import KEY, Life, applied, result

SETTINGS = Settings(runner_image="no-such-image:1")
MENDED = SETTINGS.model_copy(update={"runner_image": "runner:1"})


def reason(cluster: FakeCluster, kind: ConditionType = ConditionType.RECONCILING) -> str:
    condition = result(cluster).status.condition(kind)
    assert condition is not None
    return condition.reason


def stalled(cluster: FakeCluster) -> bool:
    condition = result(cluster).status.condition(ConditionType.STALLED)
    assert condition is not None
    return condition.status is ConditionStatus.TRUE


async def settle(life: Life, passes: int = 3) -> None:
    for _ in range(passes):
        await life.one_pass()


@pytest.mark.parametrize("step", list(Step))
async def test_a_store_that_refuses_for_an_hour_and_is_mended_completes_the_batch(
    step: Step,
) -> None:
    cluster = applied(batch())
    life = Life(cluster, SETTINGS)
    cluster.exit_code = {step: 3}
    jobs = 0
    while life.seconds < 3600:
        again = await life.one_pass()
        jobs += cluster.run_jobs()
        life.seconds += again or 1
    assert result(cluster).status.phase is Phase.PROCESSING
    assert reason(cluster) == Reason.CONFIGURATION_REFUSED
    assert stalled(cluster)
    assert jobs < 25, "it is tried less and less often"
    assert len(cluster.jobs()) <= 3, "the runs before are deleted"
    cluster.exit_code = {}
    life.start()
    await life.to_the_end()
    assert result(cluster).status.phase is Phase.COMPLETED
    assert not stalled(cluster)


async def test_a_job_born_under_a_wrong_setting_is_replaced_after_the_upgrade() -> None:
    cluster = applied(batch())
    life = Life(cluster, SETTINGS)
    await settle(life)
    life.seconds = 61
    await settle(life)
    assert reason(cluster) == Reason.PODS_BLOCKED
    assert stalled(cluster)
    [born] = cluster.jobs()
    await settle(life)
    assert cluster.jobs() == [born], "the same settings make the same Job"

    life.settings = MENDED
    life.start()
    await settle(life)
    [replaced] = cluster.jobs()
    assert replaced["metadata"]["name"].endswith("-plan-r2")
    assert image(replaced) == "runner:1"
    await life.to_the_end()
    assert result(cluster).status.phase is Phase.COMPLETED


async def test_a_blocked_collect_is_not_replaced_for_what_only_the_record_says() -> None:
    cluster = applied(batch())
    life = Life(cluster, SETTINGS)
    while not any("-collect-" in job["metadata"]["name"] for job in cluster.jobs()):
        await life.one_pass()
        cluster.run_jobs()
    [path] = [path for path in cluster.objects if "/jobs/" in path and "-collect-" in path]
    pending = {**cluster.objects[path], "status": {"active": 1, "ready": 0}}
    cluster.add(path, pending)
    await settle(life)
    life.seconds += 61
    body = cluster.objects[batch_path(*KEY)]
    body["metadata"]["annotations"] = {ANNOTATION_DISPLAY_NAME: "Spring"}
    cluster.add(batch_path(*KEY), {**body, "spec": {**body["spec"], "parallelism": 9}})
    await settle(life)
    assert reason(cluster) == Reason.PODS_BLOCKED
    assert [p for p in cluster.objects if "/jobs/" in p and "-collect-" in p] == [path]


async def test_a_job_of_a_release_that_recorded_no_template_is_left_to_kubernetes() -> None:
    cluster = applied(batch())
    life = Life(cluster, SETTINGS)
    await settle(life)
    [born] = cluster.jobs()
    del born["metadata"]["annotations"]
    cluster.add(jobs_path("shop", born["metadata"]["name"]), born)
    life.settings = MENDED
    life.start()
    life.seconds = 600
    await settle(life)
    assert reason(cluster) == Reason.PODS_BLOCKED
    assert [job["metadata"]["name"] for job in cluster.jobs()] == [born["metadata"]["name"]]


@pytest.mark.slow
@pytest.mark.parametrize("lost", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", list(Step))
async def test_killed_around_any_write_a_refused_store_is_waited_for(
    step: Step, lost: bool
) -> None:
    for number in range(1, 22):
        cluster = applied(batch())
        cluster.exit_code, cluster.crash_at, cluster.lost = {step: 3}, number, lost
        life = Life(cluster, SETTINGS)
        for count in range(60):
            if count == 40:
                cluster.exit_code = {}
            try:
                life.seconds += await life.one_pass() or 1
            except Crash:
                life.start()
            cluster.run_jobs()
        await life.to_the_end()
        found = result(cluster).status
        assert (found.phase, found.retry) == (Phase.COMPLETED, None), f"write {number}"
        assert cluster.jobs() == [], f"write {number}"


async def test_a_running_job_outlives_an_upgrade() -> None:
    cluster = applied(batch())
    life = Life(cluster, SETTINGS)
    await settle(life)
    [born] = cluster.jobs()
    path = jobs_path("shop", born["metadata"]["name"])
    cluster.add(path, {**born, "status": {"active": 1, "ready": 1}})
    life.settings = MENDED
    life.start()
    life.seconds = 600
    await settle(life)
    [kept] = cluster.jobs()
    assert image(kept) == "no-such-image:1"


async def test_a_quota_is_asked_less_and_less_often_and_by_no_event() -> None:
    cluster = applied(batch())
    cluster.forbid = lambda path: path.endswith("/jobs")
    life = Life(cluster, SETTINGS)
    await settle(life)
    asked = [write for write in cluster.writes if write == "create jobs"]
    assert len(asked) == 1, "an event in between asks no more"
    assert stalled(cluster)
    while life.seconds < 3600:
        life.seconds += await life.one_pass() or 1
    asked = [write for write in cluster.writes if write == "create jobs"]
    assert len(asked) < 25
    cluster.forbid = lambda path: False
    await life.to_the_end()
    assert result(cluster).status.phase is Phase.COMPLETED


def test_the_hash_of_a_template_stands_on_the_job_and_follows_the_settings() -> None:
    def of(settings: Settings, step: Step = Step.PLAN) -> str:
        job = construct_job(batch().build(), CreateJob(step, 1, shards=3), settings)
        value: str = job["metadata"]["annotations"][ANNOTATION_TEMPLATE]
        return value

    assert of(SETTINGS) == of(SETTINGS)
    changed: list[dict[str, Any]] = [
        {"runner_image": "runner:1"},
        {"runner_placement": {"nodeSelector": {"pool": "a"}}},
        {"runner_resources": {"limits": {"memory": "1Gi"}}},
        {"fetch_credentials_secret": "headers"},
    ]
    hashes = {of(SETTINGS.model_copy(update=update)) for update in changed} | {of(SETTINGS)}
    assert len(hashes) == len(changed) + 1


def image(job: dict[str, Any]) -> str:
    name: str = job["spec"]["template"]["spec"]["containers"][0]["image"]
    return name
